"""What is worth saying about a model: alarms that somebody should act on, and notices for the record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ordain.core.drift.counts import Joint
from ordain.core.drift.evidence import (
    ColumnReport,
    Direction,
    Finding,
    Kind,
    Moved,
    Reading,
    Settings,
    Test,
    Tested,
)
from ordain.core.drift.freshness import Freshness, of_freshness
from ordain.core.drift.measured import Performance

NAMED = 5  # models and versions that are named
TOLERATED = 0.01  # share of a log that may be damaged, foreign or of the future before it is an alarm
_SHAPES: frozenset[Test] = frozenset({"distribution", "location"})
_BY_ROLE: Mapping[str, Kind] = {"feature": "drift", "answer": "prediction-drift", "target": "target-drift"}
_BY_TEST: Mapping[Test, Kind] = {"missing": "missingness", "joint": "joint-shift"}
_WORDS: Mapping[Test, str] = {
    "distribution": "is distributed differently",
    "joint": "differ from the reference jointly",
}


def of_columns(columns: Sequence[ColumnReport], settings: Settings) -> Iterator[Finding]:
    """One finding for each column and kind with an alarm."""
    for column in columns:
        kinds: dict[Kind, list[Test]] = {}
        for test in column.alarms:
            kinds.setdefault(kind_of(column, test), []).append(test)
        for kind, tests in kinds.items():
            detail = _detail(column, tests, settings)
            way = _way(column) if kind == "missingness" else ""
            yield Finding(kind=kind, alarm=True, columns=(column.column,), detail=detail, direction=way)


def _way(column: ColumnReport) -> Direction:
    """Whether a column is missing more or less often in the newest window."""
    return next((each.direction for each in column.tests if each.test == "missing"), "")


def of_joint(rests: Joint, report: ColumnReport, settings: Settings) -> Iterator[Finding]:
    """The finding of a joint shift.

    Args:
        rests: what the classifier relies on.
    """
    if report.alarms:
        detail = _detail(report, report.alarms, settings)
        most = "".join(f"; most of all {moved_text(each)}" for each in rests.moved[:1])
        yield Finding(kind="joint-shift", alarm=True, columns=rests.columns, detail=detail + most)


def moved_text(each: Moved) -> str:
    """A mean that moved, in words."""
    names = [f"{name} = {of}" if of else name for name, of in zip(each.columns, each.of, strict=True)]
    if len(names) == 1:
        return f"{names[0]} moved by {each.current - each.reference:+.2f} standard deviations"
    if names[0] == names[1]:
        return f"the variance of {names[0]} is {each.current:.2f} where {each.reference:.2f} was"
    pair = f"{names[0]} and {names[1]} went together by {each.reference:.2f} and now do by {each.current:.2f}"
    return f"{pair} (mean product of their standard scores)"


def kind_of(column: ColumnReport, test: Test) -> Kind:
    """What an alarm of a column is called."""
    if test in _SHAPES or (test == "beyond" and column.role != "feature"):
        return _BY_ROLE[column.role]
    if test == "beyond":
        return "out-of-range" if column.ordered else "unseen-categories"
    return _BY_TEST[test]


def _detail(column: ColumnReport, tests: Sequence[Test], settings: Settings) -> str:
    if column.role == "target":
        return _of_target(column, settings)
    often = f"in {column.drifted} of the last {settings.windows} windows"
    newest = [each for each in column.tests if each.test in tests]
    if not newest:
        return f"{column.column} drifted {often}; the newest one has too few values to tell"
    shown = _most(newest)
    size = f"effect {shown.effect:.2f}, adjusted p {shown.adjusted:.1e} in the newest window"
    name = "the columns" if shown.test == "joint" else column.column
    return f"{name} {_words(column, shown)} {often}: {size}"


def _of_target(column: ColumnReport, settings: Settings) -> str:
    """The target is judged in parts of the newest labelled predictions, and not by windows."""
    often = f"in {column.drifted} of {settings.windows} parts of the newest labelled predictions"
    if not column.tests:
        return f"the target drifted {often}; the newest one has too few values to tell"
    shown = _most(column.tests)
    size = f"effect {shown.effect:.2f}, adjusted p {shown.adjusted:.1e} in the newest part"
    return f"the target {_words(column, shown)} than in training {often}: {size}"


def _most(tests: Sequence[Tested]) -> Tested:
    return max(tests, key=lambda each: (each.drifted, each.test == "location", each.effect))


def _words(column: ColumnReport, tested: Tested) -> str:
    if tested.test == "location":
        return f"lies {tested.direction}"
    if tested.test == "missing":
        return f"is missing {'less' if tested.direction == 'lower' else 'more'} often"
    if tested.test == "beyond":
        return "exceeds the reference's range" if column.ordered else "has categories the reference lacks"
    return _WORDS[tested.test]


def of_health(reading: Reading, recent: Reading) -> Iterator[Finding]:
    """Whether the log is damaged, ahead of time, too large or misshapen.

    Args:
        recent: what falls into the judged windows. It alone makes an alarm: a bad day of long ago is no
            reason to act, and long good years do not hide a bad day.
    """
    whole = max(1, recent.records)
    if reading.corrupt + reading.unreadable:
        alarm = recent.corrupt > TOLERATED * whole or recent.unreadable > TOLERATED * recent.files
        detail = (
            f"{reading.corrupt} records and {reading.unreadable} of {reading.files} files are not readable; "
            f"{recent.corrupt} and {recent.unreadable} of {recent.files} in the judged windows"
        )
        yield Finding(kind="log-damaged", alarm=alarm, detail=detail)
    if reading.future:
        alarm = reading.future > TOLERATED * whole
        detail = f"{reading.future} predictions are dated in the future and left out: a clock is wrong"
        yield Finding(kind="log-future", alarm=alarm, detail=detail)
    if reading.mistaken > TOLERATED:
        detail = (
            f"of the newest predictions {reading.mistaken:.1%} are taken for duplicates and left out, at "
            "random: there are more than can be remembered; a shorter horizon has fewer"
        )
        yield Finding(kind="log-crowded", alarm=False, detail=detail)
    if reading.duplicates > 2 * reading.mistaken * (reading.records + reading.duplicates):
        yield _doubled(reading, recent)
    yield from _shape(recent, whole)


def _doubled(reading: Reading, recent: Reading) -> Finding:
    """Files that come twice do no harm; an id that stands for several predictions hides all but one."""
    tolerated = TOLERATED + 2 * reading.mistaken
    alarm = recent.reused > tolerated * (recent.records + recent.duplicates)
    detail = f"{reading.duplicates} predictions were left out, since their ids had been read before"
    if reading.reused:
        detail += (
            f"; {reading.reused} of them are of another time ({recent.reused} in the judged windows, beside "
            f"{recent.records} judged): ids are used again, and what is left out was judged by nobody"
        )
    return Finding(kind="log-duplicated", alarm=alarm, detail=detail)


def of_source(reading: Reading, model: str, fresh: Freshness) -> Iterator[Finding]:
    """Whether the log is absent, of something else, or silent."""
    others, versions = _counted(reading.other_models), _counted(reading.other_versions)
    if not reading.files:
        yield Finding(kind="log-absent", alarm=True, detail="there is no prediction log there")
    elif others:
        alarm = not reading.records
        detail = (
            f"the log also holds other models than {model}" if not alarm else f"the log is not of {model}"
        )
        yield Finding(kind="log-foreign", alarm=alarm, detail=f"{detail}: {others}")
    if versions:
        alarm = not reading.records
        detail = "only other versions answered" if alarm else "other versions answered too"
        yield Finding(kind="log-foreign", alarm=alarm, detail=f"{detail}: {versions}")
    if reading.files and fresh.silent is None and not (others or versions):
        yield Finding(kind="log-absent", alarm=True, detail="the prediction log is empty")
    yield from of_freshness(fresh)


def _counted(names: Mapping[str, int]) -> str:
    """The most frequent names, and how many the rest are."""
    ranked = sorted(names.items(), key=lambda each: (-each[1], each[0]))
    rest = sum(rows for _, rows in ranked[NAMED:])
    shown = [f"{name} ({rows})" for name, rows in ranked[:NAMED]] + ([f"and {rest} more"] if rest else [])
    return ", ".join(shown)


def _shape(recent: Reading, whole: int) -> Iterator[Finding]:
    """Columns that are gone, of another type, or new."""
    said = (
        (recent.absent, "is not in the log", True),
        (recent.mistyped, "holds another type than the model takes", True),
        (recent.extra, "is in the log and unknown to the model", False),
    )
    for columns, words, matters in said:
        for name, rows in sorted(columns.items()):
            alarm = matters and rows > TOLERATED * whole
            detail = f"{name} {words} ({rows} of {recent.records} rows)"
            yield Finding(kind="schema-change", alarm=alarm, columns=(name,), detail=detail)


def _labels(performance: Performance) -> Iterator[Finding]:
    """What is wrong with the labels themselves."""
    faults = (
        (performance.unreadable, performance.files, "files of labels cannot be read to their end"),
        (
            performance.corrupt,
            performance.known + performance.corrupt,
            "lines of labels cannot be read, or have no id",
        ),
        (performance.undated, performance.known, "labels have a time that cannot be read"),
        (performance.unknown, performance.known, "labels are no class or value of the model"),
        (
            performance.impossible,
            performance.labelled + performance.impossible,
            "labels are of before their prediction or of the future, and left out",
        ),
    )
    for count, whole, words in faults:
        if count:
            alarm = count > TOLERATED * whole
            yield Finding(kind="labels-damaged", alarm=alarm, detail=f"{count} of {whole} {words}")


def _unlabelled(performance: Performance) -> str:
    """That no prediction of the release has a label, and whose the labels are."""
    if not performance.predictions:
        return f"there is no prediction since {performance.start} that a label could belong to"
    if performance.early:
        return (
            f"no prediction that is old enough has a label, {performance.overdue} of "
            f"{performance.predictions} should have one; {performance.early} younger ones have"
        )
    others = performance.known - performance.unmatched
    if not others:
        return f"none of {performance.known} labels belongs to a prediction since {performance.start}"
    return (
        f"no prediction of this release has a label yet, {performance.overdue} of {performance.predictions} "
        f"are old enough for one; {others} of {performance.known} labels belong to other versions"
    )


def of_performance(performance: Performance, settings: Settings) -> Iterator[Finding]:
    """What late labels say, and whether they come at all."""
    if not performance.known:
        yield Finding(kind="labels-absent", alarm=True, detail="there are no labels there")
    elif not performance.judged + performance.impossible:
        yield Finding(kind="labels-stale", alarm=bool(performance.overdue), detail=_unlabelled(performance))
    elif performance.stopped is not None:
        gap = performance.stopped
        detail = (
            f"labels stopped: {gap.labelled} of {gap.due} predictions since {gap.since} that should have "
            f"one by now have it; {gap.usual:.0%} are usual"
        )
        yield Finding(kind="labels-stale", alarm=True, detail=detail)
    elif performance.judged and performance.due and performance.newest < performance.middle:
        detail = f"no prediction since {performance.newest} has a label"
        yield Finding(kind="labels-stale", alarm=True, detail=detail)
    yield from _labels(performance)
    if performance.labelled and performance.judged < settings.labelled:
        old = " and are old enough" if performance.early else ""
        detail = f"{performance.judged} predictions have labels{old}; {settings.labelled} are needed to judge"
        yield Finding(kind="performance", alarm=False, detail=detail)
    if performance.uneven:
        told = ", ".join(f"{name} {hours:g} h" for name, hours in list(performance.uneven.items())[:NAMED])
        detail = f"labels of some classes come before others ({told}), and the newest are no fair sample: say"
        yield Finding(
            kind="performance", alarm=False, detail=f"{detail} how long they take, by `delay_hours`"
        )
    for verdict in performance.verdicts:
        fair, waived = verdict.gate.startswith("fairness."), performance.waived.get(verdict.gate)
        until = f"; waived until {waived}" if waived and verdict.outcome != "pass" else ""
        yield Finding(
            kind="fairness" if fair else "performance",
            alarm=verdict.outcome == "fail" and not waived,
            groups=(verdict.gate.partition(".")[2],) if fair else (),
            gate=verdict.gate,
            detail=f"{verdict.gate} {verdict.outcome}: {verdict.detail}{until}",
        )
