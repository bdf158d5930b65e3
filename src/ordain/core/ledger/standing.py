"""Where each model stands in each environment: pinned, running, since when, and what keeps them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from ordain.core.decisions import Decision, Deployed, Entry, LedgerState
from ordain.core.gating.release import Release
from ordain.core.reasons import Reason
from ordain.core.rendering.desired import Desired
from ordain.core.specs.governance import POLICY, SHARED
from ordain.core.specs.identity import ReleaseRef, Target
from ordain.core.state.declared import Instance
from ordain.core.value import Value

Drift = Literal["none", "pending", "refused", "absent"]


class Standing(Value, frozen=True, kw_only=True):
    """One model in one environment.

    Attributes:
        pinned, running: release labels; None where there is none.
        since: when the ledger recorded what runs; entry: where.
        metric, score: the champion's metric on the holdout, of the release that runs or is pinned.
        drift: `none` when what runs is what is wanted; `pending` until it is judged or approved;
            `refused` with the reason that is on record; `absent` when neither is wanted.
        latest: the newest release that has a record.
    """

    environment: str
    model: str
    pinned: str | None = None
    running: str | None = None
    since: str | None = None
    entry: int | None = None
    metric: str | None = None
    score: float | None = None
    drift: Drift
    reason: Reason | None = None
    detail: str = ""
    latest: str | None = None


def standings(
    instance: Instance, wanted: Mapping[Target, Desired], entries: Sequence[Entry], state: LedgerState
) -> tuple[Standing, ...]:
    """Every declared or running model in every environment, sorted.

    Args:
        instance, wanted: the newest declared state of the base branch.
        entries, state: the ledger, and what it folds to.
    """
    models = set(instance.models.models)
    targets = {
        *(Target(environment=name, model=model) for name in instance.environments for model in models),
        *(target for target in state.deployed if target.model != SHARED),
    }
    refusals = _refusals(entries)
    observed = {each.sequence: each.observed for each in entries}
    return tuple(
        _standing(target, instance, (wanted.get(target), state.deployed.get(target)), refusals, observed)
        for target in sorted(targets, key=lambda each: (each.model, _rank(instance, each.environment), each))
    )


def _rank(instance: Instance, name: str) -> int:
    """How many environments come before this one; a circle counts each once."""
    seen: set[str] = set()
    while name in instance.environments and name not in seen:
        seen.add(name)
        name = instance.environments[name].promotes_from or ""
    return len(seen)


def _refusals(entries: Sequence[Entry]) -> dict[tuple[Target, str | None], Decision]:
    """The newest decision on each wanted subject that was not approved."""
    found: dict[tuple[Target, str | None], Decision] = {}
    for entry in entries:
        for each in entry.decisions:
            if not each.approved and each.transition.environment != POLICY:
                found[each.transition.target, each.transition.after] = each
    return found


def _standing(
    target: Target,
    instance: Instance,
    ends: tuple[Desired | None, Deployed | None],
    refusals: Mapping[tuple[Target, str | None], Decision],
    observed: Mapping[int, str],
) -> Standing:
    wanted, running = ends
    pinned = wanted.release if wanted else None
    ran = running.release if running else None
    drift, refusal = _drift(target, ends, refusals)
    record = _record(instance, ran or pinned)
    numbers = instance.releases.get(target.model, {})
    return Standing(
        environment=target.environment,
        model=target.model,
        pinned=pinned.label if pinned else None,
        running=ran.label if ran else None,
        since=observed.get(running.since) if running else None,
        entry=running.since if running else None,
        metric=record.champion.metric if record else None,
        score=record.metrics.get(record.champion.metric) if record else None,
        drift=drift,
        reason=refusal.reason if refusal else None,
        detail=refusal.detail if refusal else "",
        latest=f"{target.model}@{max(numbers)}" if numbers else None,
    )


def _drift(
    target: Target,
    ends: tuple[Desired | None, Deployed | None],
    refusals: Mapping[tuple[Target, str | None], Decision],
) -> tuple[Drift, Decision | None]:
    wanted, running = ends
    if wanted is None and running is None:
        return "absent", None
    after = wanted.subject if wanted else None
    if running is not None and running.subject == after:
        return "none", None
    refusal = refusals.get((target, after))
    return ("refused" if refusal else "pending"), refusal


def _record(instance: Instance, ref: ReleaseRef | None) -> Release | None:
    return instance.releases.get(ref.model, {}).get(ref.number) if ref else None
