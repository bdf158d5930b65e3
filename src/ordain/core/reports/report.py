"""What every form of the plan's report says, in words: the verdict, what an item needs, its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from ordain.core.decisions import EvidenceKind
from ordain.core.escaping import number, short, shown
from ordain.core.metrics import METRICS
from ordain.core.pipelines.changes import Change
from ordain.core.pipelines.stale import Stale
from ordain.core.plans.plan import GateLine, Item, MetricDelta, Plan, Point, RateDelta
from ordain.core.reasons import Reason
from ordain.core.specs.governance import POLICY
from ordain.core.specs.identity import Target

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
        one = plan.changes[0] if len(plan.changes) == 1 else None
        tally = f"{movement(one)} {standing(one)}".strip() if one else _tally(plan.changes)
        parts.append(f"{count(len(plan.changes), 'change')} to {', '.join([*places, *policy])}: {tally}.")
    if plan.stale:
        names = listed([each.model for each in plan.stale])
        parts.append(f"{count(len(plan.stale), 'pipeline')} would run: {names}{_expected(plan.stale)}.")
    if plan.restored:
        parts.append(f"{count(len(plan.restored), 'edited file')} below manifests/ would be restored.")
    return " ".join(parts)


def listed(names: Sequence[str], most: int = 8) -> str:
    """`a, b, c`; of a long list the first few, and how many more."""
    more = [f"{len(names) - most} more"] if len(names) > most else []
    return ", ".join([*names[:most], *more])


def _expected(pipelines: Sequence[Stale]) -> str:
    known = [each.seconds for each in pipelines if each.seconds is not None]
    return f" (about {lasting(sum(known))})" if known else ""


def lasting(seconds: float) -> str:
    """`4 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def cost(stale: Stale) -> str:
    """What running a pipeline takes by its past: `about 3 min 20 s by past runs; 2 stages never timed`."""
    if stale.seconds is None:
        return "no past run tells how long it takes"
    never = f"; {count(len(stale.unknown), 'stage')} never timed" if stale.unknown else ""
    return f"about {lasting(stale.seconds)} by past runs{never}"


def leads(stale: Stale) -> str:
    """`. Its release would be pinned in staging`, where that is known."""
    return f". Its release would be pinned in {', '.join(stale.environments)}" if stale.environments else ""


def replaces(item: Item) -> bool:
    """Whether another release than the one that runs is wanted."""
    return item.wanted is not None and item.wanted != item.deployed


def unrepeated(items: Iterable[Item]) -> Iterator[Item]:
    """The items, with groups and curves only where their releases are met for the first time: in the next
    environment the same release has the same ones."""
    met: set[str] = set()
    for item in items:
        moved = movement(item)
        yield replace(item, groups=(), curves=()) if moved in met else item
        met.add(moved)


def gate_of(metric: str, gates: Sequence[GateLine]) -> str:
    """The verdicts on one metric: `pass`, or `pass; non_inferiority fail`."""
    named = {f"quality.{metric}": "", f"non_inferiority.{metric}": "non-inferiority "}
    if metric == "calibration_error":
        named["calibration"] = ""
    return "; ".join(f"{named[each.gate]}{outcome(each)}" for each in gates if each.gate in named)


def rate(each: RateDelta | None) -> str:
    """`0.5238 [0.4528, 0.5938], was 0.5100`."""
    if each is None:
        return "-"
    before = "" if each.deployed is None else f", was {number(each.deployed)}"
    return f"{number(each.proposed)} {interval(each.interval)}{before}"


GROUP_COLUMNS = ("column", "group", "rows", "selected", "true positive rate", "false positive rate")


def group_rows(item: Item) -> list[list[str]]:
    """The cells of the table of groups."""
    return [
        [
            *(each.column, each.group, str(each.rows)),
            *(rate(share) for share in (each.selected, each.true_positive, each.false_positive)),
        ]
        for each in item.groups
    ]


def fairness_gates(item: Item) -> tuple[GateLine, ...]:
    """The verdicts on groups."""
    return tuple(each for each in item.gates if each.gate.startswith("fairness."))


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
    edited = f"edited since they were written, and restored by `ordain reconcile`: {listed(plan.restored)}"
    return (*first, *((edited,) if plan.restored else ()), *plan.notes)


def values(change: Change) -> tuple[str, str]:
    """Both values as people read them: digests shortened, text bare."""
    return _value(change.before), _value(change.after)


def _value(value: object) -> str:
    text = shown(value)
    return short(text) if text.startswith("sha256:") and len(text) == 71 else text


def delta(each: MetricDelta) -> str:
    """`+0.0043 better [-0.0021, +0.0102]`; `other holdout` where nothing tells the difference."""
    if each.other_holdout and each.difference is None:
        return "other holdout"
    words = (number(each.difference, sign=True), direction(each), interval(each.interval, sign=True))
    return " ".join(word for word in words if word)


def direction(each: MetricDelta) -> str:
    """Whether the wanted release is `better` or `worse` by a metric's point estimates."""
    known = METRICS.get(each.metric)
    if known is None or not each.difference:
        return ""
    return "better" if (each.difference > 0) == known.greater_is_better else "worse"


def ordered_metrics(item: Item) -> tuple[MetricDelta, ...]:
    """The metrics that a gate judges first."""
    return tuple(sorted(item.metrics, key=lambda each: not gate_of(each.metric, item.gates)))


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


ROLE_COLUMNS = ("role", "present", "missing")


def role_rows(item: Item) -> list[tuple[str, str, str]]:
    """By role who accepted the very transition, and how many more people of that role it takes.

    One person may have several roles; which approval counts for which is the policy's business.
    """
    names = sorted({*item.missing, *(role for each in item.approvals for role in each.roles)})
    people = dict(zip(item.approvals, approvers(item), strict=True))
    return [
        (
            role,
            ", ".join(said for each, said in people.items() if role in each.roles) or "nobody yet",
            str(item.missing.get(role, 0)),
        )
        for role in names
    ]
