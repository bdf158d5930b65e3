"""What every form of the plan's report says, in words: the verdict, what an item needs, its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ordain.core.changes import Change
from ordain.core.decisions import EvidenceKind
from ordain.core.escaping import number, short, shown
from ordain.core.governance import POLICY
from ordain.core.identity import Target
from ordain.core.plan import GateLine, Item, MetricDelta, Plan, Point
from ordain.core.reasons import Reason

# How evidence is named everywhere; the two are never confused.
EVIDENCE: dict[EvidenceKind, str] = {
    "signed-by-approver": "signed by approver",
    "attested-by-collector": "attested by collector",
}


def count(amount: int, word: str, plural: str = "") -> str:
    """`1 change`, `2 changes`."""
    return f"{amount} {word if amount == 1 else plural or word + 's'}"


def roles(missing: Mapping[str, int]) -> str:
    """`1 reviewer, 2 risk-officer`; empty when none is missing."""
    return ", ".join(f"{amount} {role}" for role, amount in sorted(missing.items()))


def standing(item: Item) -> str:
    """Where an item stands: `approved`, `needs 1 reviewer`, `blocked: gate-failed`, `up to date`."""
    if item.action == "none":
        return "up to date"
    if item.approved:
        return "approved"
    people = item.reason in (Reason.APPROVALS_MISSING, Reason.SELF_APPROVAL, Reason.STALE_APPROVAL)
    if item.missing and people:
        return f"needs {roles(item.missing)}"
    return f"blocked: {item.reason or Reason.STATE_INVALID}"


def movement(item: Item) -> str:
    """`churn@1 -> churn@2`, or the one release concerned, or nothing for what has none."""
    if item.deployed and item.wanted and item.deployed != item.wanted:
        return f"{item.deployed} -> {item.wanted}"
    return item.wanted or item.deployed or ""


def title(target: Target) -> str:
    """`production/churn`; `policy` for the policy."""
    return "policy" if target.environment == POLICY else target.label


def verdict(plan: Plan) -> str:
    """One sentence: what will happen to which environment, and what it waits for."""
    if plan.empty:
        return "Nothing to do: what runs is what is wanted."
    parts = []
    if plan.changes:
        places = sorted({each.target.environment for each in plan.changes} - {POLICY})
        policy = ["the policy"] if any(each.action == "policy" for each in plan.changes) else []
        tally = _tally(plan.changes)
        parts.append(f"{count(len(plan.changes), 'change')} to {', '.join([*places, *policy])}: {tally}.")
    if plan.stale:
        names = ", ".join(each.model for each in plan.stale)
        parts.append(f"{count(len(plan.stale), 'pipeline')} would run: {names}.")
    return " ".join(parts)


def _tally(items: Iterable[Item]) -> str:
    words = [standing(each).partition(":")[0].partition(" ")[0] for each in items]
    names = {"approved": "approved", "needs": "waiting for approvals", "blocked": "blocked"}
    return ", ".join(f"{words.count(each)} {name}" for each, name in names.items() if each in words)


def place(point: Point) -> str:
    """`main (4f2a9c1)`, with uncommitted files counted."""
    commit = short(point.commit, 7) if point.commit else "no commit"
    dirty = f" + {count(len(point.uncommitted), 'uncommitted file')}" if point.uncommitted else ""
    return f"{point.name} ({commit}{dirty})"


def against(plan: Plan) -> str:
    """What is compared with what."""
    entry = f"ledger entry {plan.entry}" if plan.entry else "an empty ledger"
    return f"{place(plan.revision)} against {place(plan.base)}, {entry}"


def remarks(plan: Plan) -> tuple[str, ...]:
    """What concerns the plan as a whole."""
    waiting = len(plan.unreconciled)
    verb = "waits" if waiting == 1 else "wait"
    first = (
        (f"{count(waiting, 'commit')} of {plan.base.name} {verb} for `ordain reconcile`",) if waiting else ()
    )
    return (*first, *plan.notes)


def values(change: Change) -> tuple[str, str]:
    """Both values as people read them: digests shortened, text bare."""
    return _value(change.before), _value(change.after)


def _value(value: object) -> str:
    text = shown(value)
    return short(text) if text.startswith("sha256:") and len(text) == 71 else text


def delta(each: MetricDelta) -> str:
    """`+0.0043 [-0.0021, +0.0102]`."""
    change = number(each.difference, sign=True)
    return f"{change} {interval(each.interval, sign=True)}".rstrip()


def interval(bounds: tuple[float, float] | None, *, sign: bool = False) -> str:
    """`[0.8210, 0.8614]`, or nothing."""
    return f"[{number(bounds[0], sign=sign)}, {number(bounds[1], sign=sign)}]" if bounds else ""


def outcome(gate: GateLine) -> str:
    """`pass`, `fail`, `insufficient`; a failing gate that a waiver covers says so."""
    return f"{gate.outcome}, waived" if gate.waived else gate.outcome


def failing(gates: Sequence[GateLine]) -> tuple[GateLine, ...]:
    """The gates that block."""
    return tuple(each for each in gates if each.outcome != "pass" and not each.waived)


def approvers(item: Item) -> tuple[str, ...]:
    """`mei (signed by approver)` for everyone who accepted the very transition."""
    return tuple(f"{each.person} ({EVIDENCE[each.kind]})" for each in item.approvals)
