"""Evidence from its parts: outcome, request and causes follow from the findings."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from ordain.core.drift import findings as said
from ordain.core.drift.causes import suspected
from ordain.core.drift.counts import Reference
from ordain.core.drift.evidence import ColumnReport, Evidence, Finding, Reading, Settings, key_of, request_of
from ordain.core.drift.freshness import Freshness
from ordain.core.drift.judge import Judged, column_reports, joint_report, jointly, window_report
from ordain.core.drift.measured import Estimate, Performance


class Subject(Struct, frozen=True, kw_only=True):
    """What is watched: see `Evidence` for each."""

    model: str
    environment: str
    release: str
    artifact: str
    observed: str
    reference: str


class Looked(Struct, frozen=True, kw_only=True):
    """What the log said.

    Attributes:
        judged: windows, oldest first. reference: whose columns are reported.
        reading: the whole log. recent: what of it falls into the judged windows.
        target: report on the target, with labels enough.
    """

    judged: Sequence[Judged]
    reference: Reference
    reading: Reading
    recent: Reading
    fresh: Freshness
    target: ColumnReport | None = None
    performance: Performance | None = None


def findings_of(looked: Looked, model: str, settings: Settings) -> tuple[Finding, ...]:
    """Everything worth saying, alarms first."""
    columns = reports_of(looked, settings)
    found = [
        *said.of_source(looked.reading, model, looked.fresh),
        *said.of_health(looked.reading, looked.recent),
        *said.of_columns(columns, settings),
    ]
    joint = joint_report(looked.judged, settings)
    found += said.of_joint(jointly(looked.judged, settings), joint, settings)
    if looked.performance is not None:
        found += said.of_performance(looked.performance, settings)
    return tuple(sorted(found, key=lambda each: not each.alarm))


def reports_of(looked: Looked, settings: Settings) -> tuple[ColumnReport, ...]:
    """Features, answers, and the target where labels tell it."""
    target = () if looked.target is None else (looked.target,)
    return (*column_reports(looked.judged, looked.reference, settings), *target)


def summary(
    subject: Subject,
    looked: Looked,
    found: tuple[Finding, ...],
    estimate: Estimate | None,
    settings: Settings,
) -> Evidence:
    """The whole document."""
    able = sum(each.sufficient for each in looked.judged)
    alarmed = any(each.alarm for each in found)
    return Evidence(
        model=subject.model,
        environment=subject.environment,
        release=subject.release,
        artifact=subject.artifact,
        observed=subject.observed,
        reference=subject.reference,
        settings=settings,
        outcome="fail" if alarmed else "pass" if able >= settings.needed else "insufficient",
        request=request_of(found),
        key=key_of(subject.model, subject.environment, subject.artifact),
        windows=tuple(window_report(each) for each in looked.judged),
        reading=looked.reading,
        findings=found,
        causes=suspected(found),
        columns=(*reports_of(looked, settings), joint_report(looked.judged, settings)),
        jointly=jointly(looked.judged, settings).moved,
        performance=looked.performance,
        estimate=estimate,
    )
