"""Whether a release may run somewhere at all, whoever approves: by record, artifact, way and gates."""

from __future__ import annotations

from collections.abc import Sequence

from ordain.core.approvals.baseline import COMPARED, deployed_baseline, outrun
from ordain.core.approvals.step import Refusal, Step
from ordain.core.gating.claims import misstated
from ordain.core.gating.release import Release
from ordain.core.gating.verdicts import Verdict
from ordain.core.gating.waivers import blocking, complete
from ordain.core.reasons import Reason
from ordain.core.rendering.desired import Desired
from ordain.core.specs.governance import Waiver
from ordain.core.specs.identity import ReleaseRef, Target, training_slice
from ordain.core.state.declared import Instance
from ordain.core.state.validate_models import gate_names

# The gate that every model has, whatever it declared when a release of it was made.
ALWAYS = ("parity",)
# Version of the rules since which a declared comparison is missed where there was something to compare with.
COMPARISON = 4
# Version of the rules since which a comparison with anything else than what runs counts for nothing.
AGAINST = 5
_WHY = {
    Reason.WAIVER_EXPIRED: "its waiver has expired",
    Reason.WAIVER_UNAPPROVED: "its waiver is not approved",
    Reason.GATE_FAILED: "no waiver covers it",
    Reason.GATE_INSUFFICIENT: "no waiver covers it",
}


def merits(
    step: Step, wanted: Desired, waivers: Sequence[Waiver]
) -> tuple[tuple[Waiver, ...], Refusal | None]:
    """The waivers that the wanted release rests on, or why it can't be deployed by anybody."""
    if wanted.release is None:
        return (), None
    ref = wanted.release
    release = step.instance.releases.get(ref.model, {}).get(ref.number)
    if release is None or not release.digest == release.computed_digest() == ref.record:
        detail = f"the record of {ref.label} is absent or was edited"
        return (), Refusal(reason=Reason.RELEASE_INVALID, detail=detail)
    refusal = _unfit(step, wanted, ref, release)
    return ((), refusal) if refusal else _waived(step, release, waivers)


def _unfit(step: Step, wanted: Desired, ref: ReleaseRef, release: Release) -> Refusal | None:
    """Why a release whose record is whole may not run here, whatever its gates say."""
    if wanted.artifact is None or not step.present(wanted.artifact):
        detail = f"the artifact of {ref.label} was not published: {ref.artifact}"
        return Refusal(reason=Reason.ARTIFACT_ABSENT, detail=detail)
    invalid = _invalid(step, ref, release)
    if invalid:
        return Refusal(reason=Reason.RELEASE_INVALID, detail=invalid)
    skipped = _skipped(step, wanted.target, ref)
    if skipped:
        detail = f"{ref.label} has not run in {skipped}, which comes before {wanted.target.environment}"
        return Refusal(reason=Reason.NOT_PROMOTED, detail=detail)
    return None


def _invalid(step: Step, ref: ReleaseRef, release: Release) -> str | None:
    """What is wrong with what a record says. One that has run was held against its declaration then."""
    if _rewritten(step, ref):
        return f"{ref.label} ran as another record, and a number is never used again"
    if _ran(step, ref):
        return None
    if not _as_declared(step.instance, release):
        return f"{ref.model} is declared otherwise than {ref.label} was made and judged: release it again"
    lie = misstated(release, step.instance.models.models[ref.model].gates)
    return f"the verdict of {ref.label} on {lie} is not what its numbers and the gate give" if lie else None


def _ran(step: Step, ref: ReleaseRef) -> bool:
    """Whether a release has run anywhere, so that it was held against its declaration then."""
    return ref.record in _records(step, ref)


def _rewritten(step: Step, ref: ReleaseRef) -> bool:
    """Whether what ran under a release's number, anywhere, was another record."""
    return bool(_records(step, ref) - {ref.record})


def _records(step: Step, ref: ReleaseRef) -> set[str]:
    """Every record that ran anywhere under a release's number."""
    ran = (records for target, records in step.state.ran.items() if target.model == ref.model)
    return {records[ref.number] for records in ran if ref.number in records}


def _as_declared(instance: Instance, release: Release) -> bool:
    """Whether the data, the candidates and the gates are those that a release was made of and judged by."""
    spec, candidates = instance.models.models.get(release.model), instance.params.candidates
    declared = spec and training_slice(spec, candidates.get(release.model, {}), instance.params.seed)
    return declared == release.training_slice


def _skipped(step: Step, target: Target, ref: ReleaseRef) -> str | None:
    """The environment that a release should have run in first and has not, by state or parent."""
    running = step.state.deployed.get(target)
    if running and running.release == ref:
        return None
    for instance in (step.parent, step.instance):
        environment = instance.environments.get(target.environment) if instance else None
        before = environment.promotes_from if environment else None
        ran = step.state.ran.get(Target(environment=before, model=target.model), {}) if before else {}
        if before and ran.get(ref.number) != ref.record:
            return before
    return None


def _waived(
    step: Step, release: Release, waivers: Sequence[Waiver]
) -> tuple[tuple[Waiver, ...], Refusal | None]:
    weighed = blocking(_verdicts(step, release), waivers, release.model, step.today)
    if not weighed.blocked:
        return weighed.waivers, None
    first = weighed.blocked[0]
    gate, reason = first.verdict.gate, first.reason
    proposed = {(each.model, each.gate) for each in step.instance.policy.waivers}
    if first.expired is None and (release.model, gate) in proposed:
        reason = Reason.WAIVER_UNAPPROVED
    outcome = "failed" if first.verdict.outcome == "fail" else "has insufficient evidence"
    return (), Refusal(reason=reason, detail=f"the gate {gate} {outcome} and {_WHY[reason]}")


def _verdicts(step: Step, release: Release) -> tuple[Verdict, ...]:
    """What the gates say that had to speak, those that are silent included; never nothing at all."""
    if _ran(step, release.ref):
        return complete(release.verdicts, ALWAYS)
    names = gate_names(step.instance.models.models[release.model])
    if step.judging < COMPARISON or not _runs(step, release.model):
        names = tuple(each for each in names if not each.startswith(COMPARED))
    verdicts = release.verdicts
    if step.judging >= AGAINST:
        for running in _baselines(step, release.model):
            verdicts = tuple(outrun(each, release, running) for each in verdicts)
    return complete(verdicts, names)


def _baselines(step: Step, model: str) -> set[ReleaseRef]:
    """What a new release is to be compared with, by the environments of step and parent: none of both may
    choose by itself where a model runs farthest along.
    """
    known = [each for each in (step.parent, step.instance) if each is not None]
    found = (deployed_baseline(model, each, step.state) for each in known)
    return {each for each in found if each is not None}


def _runs(step: Step, model: str) -> bool:
    """Whether any release of a model runs anywhere."""
    running = step.state.deployed.items()
    return any(target.model == model and each.release is not None for target, each in running)
