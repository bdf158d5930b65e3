"""`ordain status`: where each model stands in each environment, from a clone alone."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from ordain.core.ledger.standing import Standing, standings
from ordain.core.plans.plan import Point
from ordain.errors import UserError
from ordain.services.judging.clone import open_clone


class Status(Struct, frozen=True, kw_only=True):
    """The base branch that was looked at, its newest ledger entry, and every model's standing.

    Attributes:
        watched: what runs and declares where its prediction log is, as `model@environment`.
    """

    base: Point
    entry: int
    observed: str | None
    standings: tuple[Standing, ...]
    watched: tuple[str, ...] = ()


def status(root: Path) -> Status:
    """The standing of every model, as the clone's base branch and ledger say.

    Raises:
        UserError: when the declared state is invalid or the ledger is broken.
    """
    clone = open_clone(root)
    snapshot = clone.states.snapshot(clone.commit)
    if snapshot.instance is None:
        raise snapshot.fault or UserError("the declared state can't be read", fix="ordain check")
    found = standings(snapshot.instance, snapshot.wanted, clone.entries, clone.state)
    specs = snapshot.instance.models.models
    return Status(
        base=clone.base,
        entry=clone.state.sequence,
        observed=clone.entries[-1].observed if clone.entries else None,
        standings=found,
        watched=tuple(
            f"{each.model}@{each.environment}"
            for each in found
            if each.running and each.model in specs and specs[each.model].monitoring.watch
        ),
    )
