"""The decisions of `ordain release`, as values: which baseline, which number, whether anything changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ordain.core.approvals.merits import COMPARED
from ordain.core.decisions import LedgerState
from ordain.core.gating.release import Baseline, Champion, DataRecord, Release
from ordain.core.gating.verdicts import Verdict
from ordain.core.gating.waivers import Blocked, described, snippet
from ordain.core.reasons import Reason
from ordain.core.specs.governance import Environment
from ordain.core.specs.identity import ReleaseRef, Target
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
    """Environments from the first, where releases are pinned, to the last; each after the one it
    promotes from, equals by name. One that no path from the first leads to is left out.

    Raises:
        UserError: when there is no first environment.
    """
    order = [name for name, each in sorted(environments.items()) if each.promotes_from is None][:1]
    if not order:
        raise UserError(
            "there is no environment to pin a release in",
            where="environments/",
            fix="add environments/staging.yaml, then: ordain check",
            reason=Reason.STATE_INVALID,
        )
    for name in order:
        order += [each for each, found in sorted(environments.items()) if found.promotes_from == name]
    return tuple(order)


def deployed_baseline(model: str, instance: Instance, ledger: LedgerState | None) -> ReleaseRef | None:
    """The release that a champion is judged against: the one that runs farthest along the promotion.

    Where no path of promotion leads counts last, by name.

    Args:
        model: its name.
        instance: the declared state.
        ledger: what is deployed; None where there is no ledger to ask (no Git), and then pins stand in.

    Returns:
        None when no release of the model is deployed anywhere.
    """
    running = {target.environment for target in ledger.deployed} if ledger else set()
    order = promotion_order(instance.environments)
    for environment in (*reversed(order), *sorted({*instance.environments, *running} - set(order))):
        if ledger is not None:
            deployed = ledger.deployed.get(Target(environment=environment, model=model))
            found = deployed.release if deployed else None
        else:
            record = instance.pinned(model, environment)
            found = record.ref if record else None
        if found is not None:
            return found
    return None


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
    there is something to compare it with: it may not be deployed, and releasing makes another record.

    Args:
        ledger: what is deployed; None where there is no ledger to ask, as for `deployed_baseline`.
    """
    compared = any(each.gate.startswith(COMPARED) for each in record.verdicts)
    if instance.models.models[record.model].gates.non_inferiority is None or compared:
        return False
    ran = ledger.ran.items() if ledger else ()
    if any(target.model == record.model and record.number in numbers for target, numbers in ran):
        return False
    return deployed_baseline(record.model, instance, ledger) not in (None, record.ref)


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
