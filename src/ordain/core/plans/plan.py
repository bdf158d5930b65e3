"""The plan: desired state against the ledger, per model and environment, and why."""

from __future__ import annotations

from typing import Literal

from ordain.core.decisions import EvidenceKind
from ordain.core.gating.verdicts import Outcome
from ordain.core.pipelines.changes import Change
from ordain.core.pipelines.stale import Stale
from ordain.core.reasons import Reason
from ordain.core.releasing.measured import Curve, Points
from ordain.core.specs.governance import POLICY
from ordain.core.specs.identity import Target
from ordain.core.value import Value

PlanAction = Literal["deploy", "change", "rollback", "retire", "none", "policy"]


class Point(Value, frozen=True, kw_only=True):
    """A place in history: what people called it, its commit, and files that are not in it yet."""

    name: str
    commit: str | None
    uncommitted: tuple[str, ...] = ()


class MetricDelta(Value, frozen=True, kw_only=True):
    """One metric of the release that runs and of the one that is wanted, on the holdout.

    `interval` is the 95 % interval of the difference, where the release was judged against the one
    that runs, on the same rows. `proposed_interval` is that of the wanted release's own value.
    `other_holdout` says that `deployed` was measured on other rows than `proposed`: the difference is then
    the one that judging both on the wanted release's holdout gave, or None.
    """

    metric: str
    deployed: float | None
    proposed: float | None
    difference: float | None
    interval: tuple[float, float] | None = None
    proposed_interval: tuple[float, float] | None = None
    other_holdout: bool = False


class RateDelta(Value, frozen=True, kw_only=True):
    """A rate in one group: of the wanted release with its 95 % interval, and of the one that runs."""

    proposed: float
    interval: tuple[float, float]
    deployed: float | None = None


class GroupLine(Value, frozen=True, kw_only=True):
    """How the wanted release decides on one group of a sensitive column, on the holdout.

    A rate is None where the group has no row to measure it on.
    """

    column: str
    group: str
    rows: int
    selected: RateDelta | None = None
    true_positive: RateDelta | None = None
    false_positive: RateDelta | None = None


class CurveLine(Value, frozen=True, kw_only=True):
    """One curve of both releases, each on the holdout it was judged on, from left to right."""

    curve: Curve
    deployed: Points
    proposed: Points


class GateLine(Value, frozen=True, kw_only=True):
    """A verdict of the wanted release; `waived` says by which reason and until when it may fail."""

    gate: str
    outcome: Outcome
    value: float | None = None
    bound: float | None = None
    interval: tuple[float, float] | None = None
    detail: str = ""
    waived: str = ""


class FileChange(Value, frozen=True, kw_only=True):
    """One rendered file that would change, with its unified diff."""

    path: str
    kind: Literal["added", "changed", "removed"]
    added: int
    removed: int
    diff: str


class Approver(Value, frozen=True, kw_only=True):
    """Who accepted the very transition, how that is known, and the roles that they have."""

    person: str
    kind: EvidenceKind
    key: str
    roles: tuple[str, ...] = ()


class Item(Value, frozen=True, kw_only=True):
    """What would happen to one target, and what it still needs.

    Attributes:
        target: model and environment; `_shared` for what an environment shares; `_policy`.
        action: `none` when what runs is what is wanted.
        transition: id of what has to be approved; None without a change.
        approved, reason, detail: the verdict that reconciling would give now.
        deployed, wanted: releases by label.
        groups, curves: of the wanted release, where what its pipeline left is here and proven.
        notes: what could not be compared here, and why.
    """

    target: Target
    action: PlanAction
    transition: str | None = None
    approved: bool = True
    reason: Reason | None = None
    detail: str = ""
    deployed: str | None = None
    wanted: str | None = None
    changes: tuple[Change, ...] = ()
    metrics: tuple[MetricDelta, ...] = ()
    gates: tuple[GateLine, ...] = ()
    groups: tuple[GroupLine, ...] = ()
    curves: tuple[CurveLine, ...] = ()
    files: tuple[FileChange, ...] = ()
    approvals: tuple[Approver, ...] = ()
    missing: dict[str, int] = {}
    contributors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Plan(Value, frozen=True, kw_only=True):
    """Everything that would change between the ledger of the base branch and a revision.

    Attributes:
        entry: sequence of the newest ledger entry; 0 before the first.
        stale: pipelines whose declaration is ahead of what last ran.
        unreconciled: commits of the base branch that no ledger entry speaks of yet.
        restored: paths below `manifests/` that somebody edited and the next reconciling puts back.
        notes: what could not be seen from here.
    """

    version: Literal[1] = 1
    repository: str
    revision: Point
    base: Point
    entry: int
    items: tuple[Item, ...]
    stale: tuple[Stale, ...] = ()
    unreconciled: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Item, ...]:
        """The items in which something happens."""
        return tuple(each for each in self.items if each.action != "none")

    @property
    def environments(self) -> tuple[str, ...]:
        """Every environment that a transition changes, or that a new release would be pinned in."""
        changed = {each.target.environment for each in self.changes} - {POLICY}
        return tuple(sorted(changed.union(*(each.environments for each in self.stale))))

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do: no transition, nothing to restore, every pipeline up to date."""
        return not self.changes and not self.stale and not self.restored
