"""`ordain rollback`: pin a release that ran in an environment before."""

from __future__ import annotations

from ordain.core.decisions import LedgerState
from ordain.core.specs.identity import Target
from ordain.errors import UserError
from ordain.services.judging.workspace import Setting, at_base
from ordain.services.requests.pins import Proposal, declared, propose


def rollback(setting: Setting, model: str, environment: str, release: int | None = None) -> Proposal:
    """A branch from the base branch that pins an earlier release.

    Args:
        release: which; by default the newest below the running one that ran in this environment.

    Raises:
        UserError: when the release never ran there, or none ran before.
    """
    with at_base(setting) as desk:
        instance = declared(desk, model, environment)
        number = _earlier(desk.book.state, Target(environment=environment, model=model), release)
        return propose(desk, instance, "rollback", (model, environment, number))


def _earlier(state: LedgerState, target: Target, release: int | None) -> int:
    """The release to go back to, which ran there."""
    running, ran = state.deployed.get(target), state.ran.get(target, {})
    model, environment = target.model, target.environment
    known = ", ".join(f"{model}@{each}" for each in ran) or "none"
    current = running.release.number if running and running.release else None
    if release is not None:
        if release not in ran:
            what = f"{model}@{release} never ran in {environment}; ran there: {known}"
            raise UserError(what, where=target.label, fix="ordain audit")
        if current is not None and release > current:
            what = f"{model}@{release} is newer than {model}@{current}, which runs: that is no way back"
            fix = "pin it in the environment's file, and ask for approval as of any change"
            raise UserError(what, where=target.label, fix=fix)
        return release
    earlier = [each for each in ran if current is None or each < current]
    if not earlier:
        what = f"nothing older than what runs ran in {environment}; ran there: {known}"
        raise UserError(what, where=target.label, fix="name one with --release, or `ordain audit`")
    return max(earlier)
