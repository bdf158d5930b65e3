"""`ordain rollback`: pin a release that ran in an environment before."""

from __future__ import annotations

from ordain.core.identity import Target
from ordain.errors import UserError
from ordain.services.pins import Proposal, declared, propose
from ordain.services.workspace import Setting, at_base


def rollback(setting: Setting, model: str, environment: str, release: int | None = None) -> Proposal:
    """A branch that pins an earlier release.

    Args:
        release: which; by default the newest below the running one that ran in this environment.

    Raises:
        UserError: when the release never ran there, or none ran before.
    """
    instance = declared(setting.clone, model, environment)
    target = Target(environment=environment, model=model)
    with at_base(setting) as desk:
        state = desk.book.state
    running, ran = state.deployed.get(target), state.ran.get(target, ())
    known = ", ".join(f"{model}@{each}" for each in ran) or "none"
    if release is None:
        current = running.release.number if running and running.release else None
        earlier = [each for each in ran if current is None or each < current]
        if not earlier:
            what = f"nothing older than what runs ran in {environment}; ran there: {known}"
            raise UserError(what, where=target.label, fix="name one with --release, or `ordain audit`")
        release = max(earlier)
    elif release not in ran:
        what = f"{model}@{release} never ran in {environment}; ran there: {known}"
        raise UserError(what, where=target.label, fix="ordain audit")
    return propose(setting.clone, instance, "rollback", (model, environment, release))
