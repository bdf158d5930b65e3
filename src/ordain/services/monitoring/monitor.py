"""`ordain monitor`: what the prediction log says about one release, as evidence. It changes nothing."""

from __future__ import annotations

import datetime as dt
import math

import msgspec
import numpy as np
from msgspec import Struct

from ordain.adapters.log_places import LogPlace
from ordain.adapters.met import Met
from ordain.adapters.outcomes import Names, read_outcomes
from ordain.adapters.prediction_files import read_log
from ordain.adapters.predictions import Shape
from ordain.adapters.spill import Spill
from ordain.core.drift.breach import verdicts
from ordain.core.drift.coming import ebb, patience
from ordain.core.drift.counts import Reference, Window, reference_of
from ordain.core.drift.evidence import ColumnReport, Evidence, Settings
from ordain.core.drift.freshness import Freshness, age, period
from ordain.core.drift.judge import Judged, beyond_shares, judge, target_report
from ordain.core.drift.measured import Estimate, Performance
from ordain.core.drift.refusal import Grounds, refusal
from ordain.core.drift.season import season
from ordain.core.drift.summary import Looked, Subject, findings_of, summary
from ordain.services.monitoring.watched import Watched
from ordain.watch.asked import Asked
from ordain.watch.collect import Collector, Who, times_of
from ordain.watch.columns import Coder
from ordain.watch.estimate import estimated
from ordain.watch.joining import Joined, Joiner
from ordain.watch.joint import joint
from ordain.watch.labelled import performance, recent, sensitive, target_counts
from ordain.watch.spans import ByRows, ByTime
from ordain.watch.tally import FINE, Tally, stamp
from ordain.watch.traffic import Traffic

SKEW = 300.0  # seconds that clocks may differ
DAY = 86_400.0
HOUR = 3600.0
RECENT = 5  # times the rows below which performance says nothing


class Ask(Struct, frozen=True, kw_only=True):
    """What to look at.

    Attributes:
        log, labels: paths or fsspec URLs; no labels are an empty text.
        names: what the columns of the labels are called.
        delay: seconds that labels take to come.
        length: of a window in seconds; 0 for windows of `rows` predictions.
        horizon: windows back to which labels are looked for, and seasons.
        season: windows after which the past repeats; 0 to compare with the profile.
        now: when it is. end: where the newest window ends.
    """

    log: str
    labels: str = ""
    names: Names = Names()
    delay: float = 0.0
    length: float = DAY
    rows: int = 0
    horizon: int = 30
    season: int = 0
    now: dt.datetime
    end: dt.datetime


class _Read(Struct, frozen=True):
    """The log, once read.

    Attributes:
        asked: inputs of all versions, where seasons are compared; else nothing.
        came: when the release was asked.
        performance, newest: None without labels; the latter are the labelled predictions to judge.
    """

    collector: Collector
    asked: Asked
    came: Traffic
    performance: Performance | None = None
    newest: Joined | None = None


def monitor(subject: Watched, ask: Ask, settings: Settings) -> Evidence:
    """Read the log once, judge its newest windows, and say what follows.

    Raises:
        UserError: when log or labels cannot be what was meant; an absent or damaged log is a finding.
        RetryLater: when a place does not answer.
    """
    read = _read(subject, ask, settings)
    looked = Looked(
        judged=_judged(subject, ask, read, settings),
        reference=_profile(read.collector),
        reading=read.collector.reading(),
        recent=read.collector.part(_newest(read.collector, settings.windows)),
        fresh=_freshness(ask, read),
        target=_target(read.newest, subject, settings),
        performance=_against_gates(read, subject, ask, settings),
    )
    found = findings_of(looked, subject.model, settings)
    newest = looked.performance.recent if looked.performance else None
    told = newest.metrics if newest and newest.rows >= settings.labelled else {}
    grounds = Grounds(
        gate=subject.calibration, seen=told.get("calibration_error"), beyond=beyond_shares(looked.judged)
    )
    refused = refusal(subject.signature.task, grounds, found)
    estimate = (
        Estimate(refused=refused) if refused else _estimate(subject, read.collector, settings, grounds.error)
    )
    return summary(_subject(subject, ask), looked, found, estimate, settings)


def _subject(subject: Watched, ask: Ask) -> Subject:
    return Subject(
        model=subject.model,
        environment=subject.environment,
        release=subject.release,
        artifact=subject.artifact,
        observed=ask.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        reference=f"windows {ask.season} before and before that" if ask.season else "profile of the release",
    )


def _read(subject: Watched, ask: Ask, settings: Settings) -> _Read:
    sampled = 0 if ask.season else settings.windows  # the classifier knows the profile, and no season
    who = Who(model=subject.model, versions=subject.versions)
    spans, met, limit = _spans(ask, who, settings), Met(), _limit(ask)
    gates = subject.bounds.fairness if subject.bounds and ask.labels else ()
    groups = tuple(each.column for each in gates)
    coder = Coder(subject.profile, subject.signature, groups)
    collector = Collector(coder, who, (spans, sampled), met)
    batches = read_log(LogPlace(ask.log, "the prediction log"), collector.coder.shape, met)
    asked = Asked(coder, spans)
    came = Traffic(
        spans if isinstance(spans, ByTime) else ByTime(end=ask.end.timestamp(), length=DAY, count=1)
    )
    also = [came.add, *([asked.add] if ask.season else [])]
    if not ask.labels:
        collector.read(batches, limit, also)
        return _Read(collector, asked, came)
    with Spill() as file:
        outcomes = read_outcomes(LogPlace(ask.labels, "the labels"), file, ask.names, groups)
        end = ask.end.timestamp()
        span = (spans.start(), end - ask.delay, end, limit)
        joiner = Joiner(outcomes, subject.signature, span, ask.length or DAY, file)
        collector.read(batches, limit, (*also, joiner.add))
        rows = max(ask.rows * settings.windows, RECENT * settings.labelled)
        newest = recent(joiner, ask.length * settings.windows, rows, groups)
        measured = performance(joiner, newest, end, settings.needed)
    return _Read(collector, asked, came, measured, newest)


def _spans(ask: Ask, who: Who, settings: Settings) -> ByTime | ByRows:
    """How to cut the log; where rows are counted, it is read for their times before."""
    count = max(ask.horizon, settings.windows)
    # A horizon may be shorter than what labels take; half of what is looked at has them then.
    since = ask.end.timestamp() - 2 * ask.delay if ask.labels and ask.delay else math.inf
    if not ask.rows:
        return ByTime(end=ask.end.timestamp(), length=ask.length, count=count, since=since)
    log = read_log(LogPlace(ask.log, "the prediction log"), Shape(), Met())
    end = ask.end.timestamp() if ask.end < ask.now else _limit(ask)
    spans = ByRows(ask.rows, settings.windows, count, (since, end))
    for times in times_of(log, who, _limit(ask)):
        spans.add(times)
    return spans


def _limit(ask: Ask) -> float:
    """When the future begins, in seconds since 1970."""
    return max(ask.now, ask.end).timestamp() + SKEW


def _newest(collector: Collector, count: int) -> list[int]:
    """Numbers of the newest windows, oldest first."""
    newest = collector.spans.newest()
    return [number for number in range(newest - count + 1, newest + 1) if number >= 0]


def _judged(subject: Watched, ask: Ask, read: _Read, settings: Settings) -> list[Judged]:
    """The newest windows, oldest first."""
    collector, asked = read.collector, read.asked.tallies
    inputs = {number: each.window((each.first, each.last), None) for number, each in asked.items()}
    windows = {number: _window(subject, collector, number) for number in sorted(collector.tallies)}
    profile = _profile(collector)
    judged = []
    for number in _newest(collector, settings.windows):
        window = windows.get(number) or _window(subject, collector, number)
        reference = season(windows, inputs, number, ask.season) if ask.season else profile
        judged.append(judge(window, reference, settings))
    return judged


def _profile(collector: Collector) -> Reference:
    coder = collector.coder
    return reference_of(coder.features, coder.answers, coder.kinds)


def _window(subject: Watched, collector: Collector, number: int) -> Window:
    """One window's counts, with the domain classifier's word where a sample was kept."""
    tally = collector.tallies.get(number) or Tally(collector.coder, ())
    spans = collector.spans
    span = spans.bounds(number) if isinstance(spans, ByTime) else (tally.first, tally.last)
    sampled = tally.sampled()
    return tally.window(span, joint(subject.profile, sampled) if sampled else None)


def _freshness(ask: Ask, read: _Read) -> Freshness:
    """Whether the log is silent, or all but that; where windows are of rows, and so always full, by days."""
    came, rows, hours = read.came, read.came.rows, read.came.length / HOUR
    newest = came.newest if math.isfinite(came.newest) else read.collector.newest
    silent = (ask.end.timestamp() - newest) / HOUR
    season = period(hours, ask.season)
    found = ebb(rows, season)
    since = stamp(ask.end.timestamp() - found.since * came.length) if found else ""
    return Freshness(
        silent=silent if math.isfinite(silent) else None,
        newest=stamp(newest),
        patience=patience(rows, season) * hours,
        ebb=(since, found) if found else None,
        lasted=found.since * hours if found else 0.0,
        age=age(rows, hours),
    )


def _target(joined: Joined | None, subject: Watched, settings: Settings) -> ColumnReport | None:
    if joined is None or len(joined) < max(settings.labelled, settings.fewest * settings.windows):
        return None
    return target_report(*target_counts(joined, subject.profile, settings.windows), settings)


def _against_gates(read: _Read, subject: Watched, ask: Ask, settings: Settings) -> Performance | None:
    """What labels say, with the verdicts of the gates where they are known."""
    measured, joined = read.performance, read.newest
    if measured is None or joined is None or measured.recent is None:
        return measured
    bounds = subject.bounds
    if bounds is None or len(joined) < settings.labelled:
        return measured
    groups = sensitive(joined, bounds.columns, subject.signature)
    found = verdicts(bounds, measured.recent.metrics, groups)
    today = ask.now.strftime("%Y-%m-%d")
    waived = {gate: day for gate, day in subject.waived.items() if today <= day}
    return msgspec.structs.replace(measured, verdicts=tuple(found), waived=waived)


def _estimate(subject: Watched, collector: Collector, settings: Settings, error: float) -> Estimate:
    tallies = [collector.tallies.get(number) for number in _newest(collector, settings.windows)]
    fine = sum((each.fine for each in tallies if each is not None), np.zeros(FINE, dtype=np.int64))
    rows = int(fine.sum())
    if rows < settings.fewest:
        return Estimate(refused=f"{rows} predictions are too few", rows=rows)
    return estimated(fine, subject.signature.threshold, error)
