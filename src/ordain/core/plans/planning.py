"""How a plan is computed: every comparison between what runs and what is wanted."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from ordain.core.decisions import Decision, Deployed, LedgerState
from ordain.core.gating.release import Release
from ordain.core.pipelines.changes import (
    Change,
    Declaration,
    deployment_changes,
    differences,
    environment_changes,
    gitops_changes,
    record_changes,
    training_changes,
)
from ordain.core.pipelines.stale import Stale
from ordain.core.plans.plan import Approver, FileChange, Item, Plan, Point
from ordain.core.plans.plan_measures import (
    curve_lines,
    gate_lines,
    group_lines,
    input_changes,
    metric_deltas,
    other_holdout,
)
from ordain.core.redaction import redacted_manifest, redacted_struct
from ordain.core.releasing.measured import Measured
from ordain.core.rendering.desired import Desired
from ordain.core.rendering.gitops import TOOLS
from ordain.core.specs.governance import POLICY, SHARED
from ordain.core.specs.identity import ReleaseRef, Target, plain, training_slice
from ordain.core.state.instance import Instance
from ordain.core.value import Value

OTHER_HOLDOUT = (
    "the two releases were measured on different holdouts: their values, groups and curves can't be compared"
)


class Inputs(Value, frozen=True, kw_only=True):
    """All that a plan is computed from.

    Attributes:
        instance: the wanted state. past: states by commit, for every commit that the ledger names
            and this clone has. desired: rendered from `instance`. decisions: what reconciling would
            decide now. manifests: of the base, by path below `manifests/`.
        measured: what is proven to have been measured of releases, by the digest of the record.
    """

    revision: Point
    base: Point
    instance: Instance
    past: Mapping[str, Instance]
    desired: Mapping[Target, Desired]
    state: LedgerState
    decisions: Sequence[Decision]
    manifests: Mapping[str, bytes]
    measured: Mapping[str, Measured] = {}
    stale: tuple[Stale, ...] = ()
    unreconciled: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def build(inputs: Inputs) -> Plan:
    """The plan, its items sorted by environment and model, the policy last, and no secret in any text."""
    decided = {each.transition.target: each for each in inputs.decisions}
    targets = sorted({*decided, *inputs.desired, *inputs.state.deployed}, key=_order)
    plan = Plan(
        repository=inputs.instance.policy.repository,
        revision=inputs.revision,
        base=inputs.base,
        entry=inputs.state.sequence,
        items=tuple(_item(target, decided.get(target), inputs) for target in targets),
        stale=inputs.stale,
        unreconciled=inputs.unreconciled,
        restored=inputs.restored,
        notes=inputs.notes,
    )
    return redacted_struct(plan)


def _order(target: Target) -> tuple[bool, str, bool, str]:
    return (target.environment == POLICY, target.environment, target.model == SHARED, target.model)


def _item(target: Target, decision: Decision | None, inputs: Inputs) -> Item:
    running, wanted = inputs.state.deployed.get(target), inputs.desired.get(target)
    before = _label(running.release if running else None)
    after = _label(wanted.release if wanted else None)
    if decision is None:
        return Item(target=target, action="none", deployed=before, wanted=after)
    old, new = record_of(running, inputs), pinned(wanted, inputs)
    first, second = (inputs.measured.get(each.digest) if each else None for each in (old, new))
    replaced = new is not None and old != new
    changes, notes = _why(target, inputs)
    return Item(
        target=target,
        action=decision.action,
        transition=decision.transition.id,
        approved=decision.approved,
        reason=decision.reason,
        detail=decision.detail,
        deployed=before,
        wanted=after,
        changes=changes,
        metrics=metric_deltas(old, new, second),
        gates=gate_lines(new, decision),
        groups=group_lines(first, second) if replaced else (),
        curves=curve_lines(first, second) if replaced else (),
        files=file_changes(_below(inputs.manifests, target), wanted.files if wanted else {}),
        approvals=_approvers(decision, inputs),
        missing=decision.missing,
        contributors=decision.contributors,
        notes=(*notes, *((OTHER_HOLDOUT,) if other_holdout(old, new) else ())),
    )


def _approvers(decision: Decision, inputs: Inputs) -> tuple[Approver, ...]:
    """Who accepted it, with their roles by the policy that judges it: the last approved one."""
    judging = inputs.past.get(inputs.state.policy_source or "") or inputs.instance
    people = judging.policy.people
    return tuple(
        Approver(
            person=each.person,
            kind=each.kind,
            key=each.key,
            roles=tuple(sorted(people[each.person].roles)) if each.person in people else (),
        )
        for each in decision.approvals
    )


def _label(ref: ReleaseRef | None) -> str | None:
    return ref.label if ref else None


def _below(manifests: Mapping[str, bytes], target: Target) -> dict[str, bytes]:
    return {path: data for path, data in manifests.items() if path.startswith(target.label + "/")}


def pinned(wanted: Desired | None, inputs: Inputs) -> Release | None:
    """The record of the release that is wanted."""
    if wanted is None or wanted.release is None:
        return None
    return inputs.instance.releases.get(wanted.release.model, {}).get(wanted.release.number)


def record_of(running: Deployed | None, inputs: Inputs) -> Release | None:
    """The record of the release that runs: from the state it was deployed from, or a later one."""
    if running is None or running.release is None:
        return None
    ref = running.release
    for state in (inputs.past.get(running.source), inputs.instance):
        found = state.releases.get(ref.model, {}).get(ref.number) if state else None
        if found is not None and found.digest == ref.record:
            return found
    return None


def _why(target: Target, inputs: Inputs) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Which keys differ between the state that runs and the one that is wanted."""
    if target.environment == POLICY:
        return _policy_changes(inputs)
    running, wanted = inputs.state.deployed.get(target), inputs.desired.get(target)
    if running is None or wanted is None:
        return (), ()
    past = inputs.past.get(running.source)
    if past is None:
        commit = running.source[:12]
        return (), (f"the commit {commit} that it was deployed from is not in this clone: keys are unnamed",)
    now, name = inputs.instance, target.environment
    changes = (
        *differences(past.models.renderer, now.models.renderer, "renderer", "renderer"),
        *environment_changes(past.environments.get(name), now.environments.get(name)),
    )
    if name in TOOLS:
        return (*changes, *gitops_changes(name, past, now)), ()
    if target.model == SHARED:
        return changes, ()
    specs = past.models.models.get(target.model), now.models.models.get(target.model)
    training, notes = _release_changes(running, wanted, inputs)
    return (*training, *deployment_changes(*specs), *changes), notes


def _policy_changes(inputs: Inputs) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    source = inputs.state.policy_source or inputs.base.commit or ""
    past = inputs.past.get(source)
    if past is None:
        return (), (f"the commit {source[:12]} that holds the approved policy is not in this clone",)
    return differences(plain(past.policy), plain(inputs.instance.policy), "policy"), ()


def _release_changes(
    running: Deployed, wanted: Desired, inputs: Inputs
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    if running.release == wanted.release:
        return (), ()
    pin = Change(slice="release", key="release", before=_label(running.release), after=_label(wanted.release))
    old, new = record_of(running, inputs), pinned(wanted, inputs)
    if old is None or new is None:
        return (pin,), ("a release record is absent: what went into it can't be compared",)
    records = (
        *record_changes(old, new),
        *input_changes(*(inputs.measured.get(each.digest) for each in (old, new))),
    )
    if old.training_slice == new.training_slice:
        return (pin, *records), ()
    states = [*inputs.past.values(), inputs.instance]
    first, second = declaration_of(old, states), declaration_of(new, states)
    if first is None or second is None:
        return (pin, *records), ("what a release was declared from is not in this clone: keys are unnamed",)
    return (pin, *training_changes(first, second), *records), ()


def declaration_of(release: Release, states: Sequence[Instance]) -> Declaration | None:
    """What a release was trained from: the first state whose training slice has its digest."""
    for state in states:
        spec = state.models.models.get(release.model)
        candidates = state.params.candidates.get(release.model, {})
        if spec and training_slice(spec, candidates, state.params.seed) == release.training_slice:
            return Declaration(spec=spec, candidates=dict(candidates), seed=state.params.seed)
    return None


def file_changes(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> tuple[FileChange, ...]:
    """The files that differ, by path, each with a unified diff of three lines of context."""
    paths = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    return tuple(_file_change(path, before.get(path), after.get(path)) for path in paths)


def _file_change(path: str, before: bytes | None, after: bytes | None) -> FileChange:
    old, new = (
        redacted_manifest((each or b"").decode("utf-8", "replace")).split("\n") for each in (before, after)
    )
    names = (
        "/dev/null" if before is None else f"a/{path}",
        "/dev/null" if after is None else f"b/{path}",
    )
    lines = list(
        difflib.unified_diff(_trimmed(old), _trimmed(new), fromfile=names[0], tofile=names[1], lineterm="")
    )
    return FileChange(
        path=path,
        kind="added" if before is None else "removed" if after is None else "changed",
        added=sum(each.startswith("+") for each in lines[2:]),
        removed=sum(each.startswith("-") for each in lines[2:]),
        diff="\n".join(lines),
    )


def _trimmed(lines: list[str]) -> list[str]:
    """Lines without the empty one after the last newline."""
    return lines[:-1] if lines and lines[-1] == "" else lines
