"""An environment moves to another namespace, or goes, as a whole.

What an environment shares is the namespace, what guards it and what the cluster admits there. Were it to
leave while a model stays, that model would run on with nothing around it that admits or denies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from ordain.core.approvals.step import Step
from ordain.core.decisions import Decision
from ordain.core.reasons import Reason
from ordain.core.specs.governance import SHARED
from ordain.core.specs.identity import Target

# Version of the rules since which an environment moves as a whole.
TOGETHER = 4


def together(step: Step, decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    """The decisions, of which those are refused that would move part of an environment.

    Args:
        decisions: on every transition of the step, each by itself.
    """
    if step.judging < TOGETHER:
        return tuple(decisions)
    found = {each.transition.target: each for each in decisions}
    for shared in [each for each in found if each.model == SHARED]:
        running, wanted = step.state.deployed.get(shared), step.wanted.get(shared)
        old, new = running.namespace if running else None, wanted.namespace if wanted else None
        if old is None or old == new:
            continue
        behind = list(_behind(step, found, shared, new))
        if behind:
            found |= {
                each: _refused(found[each], found.get(behind[0]), (old, behind))
                for each in found
                if each.environment == shared.environment and _leaves(found[each], shared, old)
            }
    return tuple(found.values())


def _behind(
    step: Step, decisions: Mapping[Target, Decision], shared: Target, new: str | None
) -> Iterator[Target]:
    """What runs in an environment and is not approved to be where the rest of it goes."""
    for target in sorted(step.state.deployed):
        decision = decisions.get(target)
        moved = decision is not None and decision.approved and decision.namespace in {new, None}
        if target.environment == shared.environment and not moved:
            yield target


def _leaves(decision: Decision, shared: Target, old: str) -> bool:
    """Whether a decision moves something out of a namespace; a model that is retired goes by itself."""
    target, namespace = decision.transition.target, decision.namespace
    return decision.approved and (target == shared or namespace not in {old, None})


def _refused(decision: Decision, first: Decision | None, stay: tuple[str, Sequence[Target]]) -> Decision:
    namespace, behind = stay
    names = ", ".join(each.label for each in behind)
    detail = f"an environment leaves its namespace {namespace} as a whole, and not approved to is {names}"
    reason = first.reason if first and not first.approved else Reason.APPROVALS_MISSING
    return replace(decision, approved=False, reason=reason, detail=detail)
