"""The decisions of `ordain release`, as values: which baseline, which number, whether anything changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ordain.core.approvals.baseline import COMPARED, deployed_baseline, outrun, outwards
from ordain.core.decisions import LedgerState
from ordain.core.gating.release import Baseline, Champion, DataRecord, Release
from ordain.core.gating.verdicts import Verdict
from ordain.core.gating.waivers import Blocked, described, snippet
from ordain.core.reasons import Reason
from ordain.core.specs.governance import Environment
from ordain.core.specs.parts import Part
from ordain.core.state.instance import Instance
from ordain.errors import UserError


class Evidence(Part, frozen=True, kw_only=True):
    """What a pipeline's records say about its champion; the fields are those of `Release`."""

    model: str
    training_slice: str
    parameters: str
    code: str
    lock: str
    data: DataRecord
    champion: Champion
    artifact: str
    artifact_bytes: int
    metrics: dict[str, float]
    verdicts: tuple[Verdict, ...]
    looks: int
    notes: tuple[str, ...] = ()


class Judgement(Part, frozen=True, kw_only=True):
    """What comparing with the deployed release gave.

    Attributes:
        verdicts: the non-inferiority verdict, where the gate is declared and a baseline deployed.
        baseline: where the comparison gave numbers.
        notes: why there is no baseline.
    """

    verdicts: tuple[Verdict, ...] = ()
    baseline: Baseline | None = None
    notes: tuple[str, ...] = ()


def promotion_order(environments: Mapping[str, Environment]) -> tuple[str, ...]:
    """As `outwards`.

    Raises:
        UserError: when there is no first environment.
    """
    order = outwards(environments)
    if not order:
        raise UserError(
            "there is no environment to pin a release in",
            where="environments/",
            fix="add environments/staging.yaml, then: ordain check",
            reason=Reason.STATE_INVALID,
        )
    return order


def numbers_in_use(model: str, instance: Instance, ledger: LedgerState | None) -> set[int]:
    """Release numbers of a model that the declared state or the ledger names."""
    used = set(instance.releases.get(model, {}))
    used |= {each.models[model].release for each in instance.environments.values() if model in each.models}
    for target, numbers in (ledger.ran if ledger else {}).items():
        used |= set(numbers) if target.model == model else set()
    return used


def next_number(used: Iterable[int]) -> int:
    """One more than the highest number ever used, so that no number means two things."""
    return max(used, default=0) + 1


def is_same(record: Release, evidence: Evidence) -> bool:
    """Whether the champion is the one of a record: same artifact, for the same declaration and data,
    judged the same by the pipeline's gates.

    Digests of code, lock and Parquet files are left out: they may change without changing the champion.
    """
    return (
        record.artifact == evidence.artifact
        and record.training_slice == evidence.training_slice
        and record.data.source == evidence.data.source
        and record.metrics == evidence.metrics
        and _outcomes(record.verdicts) == _outcomes(evidence.verdicts)
    )


def lacks_comparison(record: Release, instance: Instance, ledger: LedgerState | None) -> bool:
    """Whether the comparison that a model declares is missing from a record that has yet to run, though
    there is something to compare it with, or was made with what runs no longer: it may not be deployed, and
    releasing makes another record.

    Args:
        ledger: what is deployed; None where there is no ledger to ask, as for `deployed_baseline`.
    """
    if instance.models.models[record.model].gates.non_inferiority is None:
        return False
    ran = ledger.ran.items() if ledger else ()
    if any(target.model == record.model and record.number in numbers for target, numbers in ran):
        return False
    running = deployed_baseline(record.model, instance, ledger)
    if running is None or running == record.ref:
        return False
    compared = [each for each in record.verdicts if each.gate.startswith(COMPARED)]
    return not compared or any(outrun(each, record, running) != each for each in compared)


def _outcomes(verdicts: Sequence[Verdict]) -> dict[str, str]:
    return {each.gate: each.outcome for each in verdicts if not each.gate.startswith(COMPARED)}


def record_of(evidence: Evidence, judgement: Judgement, number: int) -> Release:
    """The record of a champion that may be released, closed by its digest."""
    return Release(
        model=evidence.model,
        number=number,
        training_slice=evidence.training_slice,
        parameters=evidence.parameters,
        code=evidence.code,
        lock=evidence.lock,
        data=evidence.data,
        champion=evidence.champion,
        artifact=evidence.artifact,
        artifact_bytes=evidence.artifact_bytes,
        metrics=evidence.metrics,
        verdicts=(*evidence.verdicts, *judgement.verdicts),
        looks=evidence.looks,
        baseline=judgement.baseline,
        notes=(*evidence.notes, *judgement.notes),
    ).closed()


def refusal(model: str, blocked: Sequence[Blocked], expires: str) -> UserError:
    """The error that lists every gate in the way, and the two ways forward.

    Args:
        model: its name. blocked: at least one. expires: a last day to suggest for waivers.
    """
    lines = []
    for each in blocked:
        ended = f" [its waiver ended on {each.expired.expires}]" if each.expired else ""
        lines.append(f"  {described(each.verdict)}{ended}")
    count = "a gate blocks" if len(blocked) == 1 else f"{len(blocked)} gates block"
    return UserError(
        f"{model} is not released: {count}, and nothing was written\n" + "\n".join(lines),
        where=f"pipelines/{model}/gates.json",
        fix=f"change the model, then `ordain run {model}` and `ordain release {model}`; or ask for a waiver "
        f"in policy.yaml, which needs approval like any change:\n{snippet(blocked, model, expires)}",
        reason=blocked[0].reason,
    )
