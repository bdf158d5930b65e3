"""What reconciling would decide if a revision were merged now."""

from __future__ import annotations

from msgspec import Struct

from ordain.core.decisions import LedgerState
from ordain.errors import UserError
from ordain.services.judging.judged import Judged
from ordain.services.judging.judging import Context, Walk
from ordain.services.judging.states import States


class Preview(Struct, frozen=True, kw_only=True):
    """What reconciling would decide if a revision were merged now.

    Attributes:
        state: the ledger at the base branch, unreconciled steps included as they would be decided.
        judged: the revision as the next step.
    """

    state: LedgerState
    judged: Judged


def preview(states: States, context: Context, state: LedgerState, ends: tuple[str, str]) -> Preview:
    """Judge a revision as if it were merged into the base branch now.

    Args:
        state: the checked ledger at the base branch. ends: commit of the base branch, and revision.

    Raises:
        UserError: when the two can't be merged without a decision by a person.
    """
    base, revision = ends
    walk = Walk(states, context, state, base)
    walk.rehearse()
    repository = states.repository
    if repository.is_ancestor(revision, base):
        return Preview(state=walk.state, judged=walk.look(base, base))
    tree = repository.merged_tree(base, revision)
    if tree is None:
        what = "the revision conflicts with the base branch, so nobody knows what merging it would give"
        raise UserError(what, where=revision[:12], fix="merge the base branch into yours, then try again")
    return Preview(state=walk.state, judged=walk.look(revision, tree))
