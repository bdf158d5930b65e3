"""`ordain promote`: pin, in the next environment, the release that runs in the one before it."""

from __future__ import annotations

from ordain.core.reasons import Reason
from ordain.core.specs.identity import Target
from ordain.errors import UserError
from ordain.services.judging.workspace import Setting, at_base
from ordain.services.requests.pins import Proposal, declared, propose


def promote(setting: Setting, model: str, to: str) -> Proposal:
    """A branch from the base branch that pins in `to` what the ledger says runs in the environment before it.

    Raises:
        UserError: reason `not-promoted`, when nothing of the model runs there, or `to` is the first.
    """
    with at_base(setting) as desk:
        instance = declared(desk, model, to)
        source = instance.environments[to].promotes_from
        if source is None:
            what = f"{to} is the first environment: `ordain release` pins there"
            raise UserError(what, where=f"environments/{to}.yaml", fix=f"ordain release {model}")
        running = desk.book.state.deployed.get(Target(environment=source, model=model))
        if running is None or running.release is None:
            raise UserError(
                f"the ledger says that no release of {model} runs in {source}",
                where=f"environments/{source}.yaml",
                fix="have the change of that environment approved and reconciled first",
                reason=Reason.NOT_PROMOTED,
            )
        return propose(desk, instance, "promote", (model, to, running.release.number))
