"""From counts to verdicts: which columns drifted in a window, and which in enough windows to say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from ordain.core.drift import twosample
from ordain.core.drift.counts import Counted, Joint, Reference, Window
from ordain.core.drift.evidence import (
    ColumnReport,
    Direction,
    Settings,
    Spread,
    State,
    Test,
    Tested,
    WindowReport,
)
from ordain.core.drift.twosample import Measured

JOINTLY, TARGET = "(columns jointly)", "(target)"
Role = Literal["feature", "answer", "target"]
NO_WINDOW = "a window that could be judged"
MOST_CELLS = 20  # of a spread that is shown; smaller ones are added up


class Comparison(NamedTuple):
    """One test of one column in one window, before it is judged among the others."""

    column: str
    test: Test
    measured: Measured


class Judged(Struct, frozen=True, kw_only=True):
    """One window's verdicts.

    Attributes:
        reference: what it was compared with; None when there was nothing.
        tests: by column; none of a column with too few rows.
        lacks: what there is too little of to judge the window; empty when it was judged.
    """

    window: Window
    reference: Reference | None
    tests: Mapping[str, tuple[Tested, ...]]
    lacks: str = ""

    @property
    def sufficient(self) -> bool:
        """Whether it was judged."""
        return not self.lacks

    def shows(self, column: str, test: Test) -> bool:
        """Whether a test of a column shows drift here."""
        return any(each.test == test and each.drifted for each in self.tests.get(column, ()))


def judge(window: Window, reference: Reference | None, settings: Settings) -> Judged:
    """Compare every column of a window, and all of them jointly, with control of false discoveries.

    Args:
        reference: None when there is nothing to compare with; the window is insufficient then.
    """
    lacks = _wanting(window, reference, settings.fewest)
    if lacks or reference is None:
        return Judged(window=window, reference=reference, tests={}, lacks=lacks)
    made = [
        *_compared(window.features, reference.features, settings),
        *_compared(window.answers, reference.answers, settings),
    ]
    if window.joint is not None:
        made.append(Comparison(JOINTLY, "joint", Measured(window.joint.p, window.joint.effect)))
    columns = {**window.features, **window.answers}, {**reference.features, **reference.answers}
    adjusted = twosample.adjusted([each.measured.p for each in made])
    tests: dict[str, tuple[Tested, ...]] = {}
    for each, p in zip(made, adjusted, strict=True):
        now, before = (side.get(each.column) for side in columns)
        direction = _direction(each.test, before, now) if before and now else ""
        tests[each.column] = (*tests.get(each.column, ()), _tested(each, p, direction, settings))
    return Judged(window=window, reference=reference, tests=tests)


def _wanting(window: Window, reference: Reference | None, fewest: int) -> str:
    """What a window lacks to be judged; empty when it can be."""
    if window.rows < fewest:
        return f"{window.rows} of {fewest} predictions"
    if reference is None:
        return "nothing to compare with: the log holds no window of a season before"
    if reference.rows < fewest:
        return f"{reference.rows} of {fewest} rows to compare with"
    return ""


def _compared(
    current: Mapping[str, Counted], reference: Mapping[str, Counted], settings: Settings
) -> Iterator[Comparison]:
    for name, before in reference.items():
        if name in current:
            for test, measured in compare(before, current[name], settings.fewest):
                yield Comparison(name, test, measured)


def compare(reference: Counted, current: Counted, fewest: int) -> Iterator[tuple[Test, Measured]]:
    """Every test that the two samples allow.

    Args:
        fewest: values below which a column's distribution says nothing, on either side.
    """
    found: dict[Test, Measured | None] = {
        "missing": twosample.share(reference.absent_of_all, current.absent_of_all, rise=False)
    }
    if min(reference.present, current.present) >= fewest:
        found["beyond"] = twosample.share(reference.beyond_of_present, current.beyond_of_present, rise=True)
        found["distribution"] = twosample.distribution(
            reference.cells, current.cells, ordered=reference.ordered
        )
        if reference.ordered and len(reference.cells) > 2:  # of two cells it is the same question
            found["location"] = twosample.location(reference.cells, current.cells)
    for test, measured in found.items():
        if measured is not None:
            yield test, measured


def _tested(each: Comparison, adjusted: float, direction: Direction, settings: Settings) -> Tested:
    return Tested(
        test=each.test,
        p=_significant(each.measured.p),
        adjusted=_significant(adjusted),
        effect=_significant(each.measured.effect),
        drifted=adjusted <= settings.level and each.measured.effect >= settings.effect,
        direction=direction,
    )


def _direction(test: Test, before: Counted, now: Counted) -> Direction:
    if test == "location":
        return "higher" if _mean_cell(now) > _mean_cell(before) else "lower"
    if test == "missing":
        return "higher" if now.absent_of_all.share > before.absent_of_all.share else "lower"
    return ""


def _mean_cell(column: Counted) -> float:
    return sum(place * count for place, count in enumerate(column.cells)) / sum(column.cells)


def _significant(value: float) -> float:
    return float(f"{value:.4g}")


def window_report(judged: Judged) -> WindowReport:
    """One window in short."""
    window = judged.window
    drifted = any(each.drifted for tests in judged.tests.values() for each in tests)
    state: Literal["stable", "drift", "insufficient"] = "drift" if drifted else "stable"
    return WindowReport(
        start=window.start,
        end=window.end,
        rows=window.rows,
        state=state if judged.sufficient else "insufficient",
        lacks=judged.lacks,
    )


def column_reports(
    judged: Sequence[Judged], profile: Reference, settings: Settings
) -> tuple[ColumnReport, ...]:
    """Every column over all windows, oldest first.

    Args:
        profile: names the columns, and is what they are shown beside when no window could be judged.
    """
    references = [each.reference for each in judged if each.sufficient and each.reference is not None]
    before = references[-1] if references else profile
    made = [_report(name, "feature", judged, before.features[name], settings) for name in profile.features]
    made += [_report(name, "answer", judged, before.answers[name], settings) for name in profile.answers]
    return tuple(made)


def _report(
    name: str, role: Role, judged: Sequence[Judged], before: Counted, settings: Settings
) -> ColumnReport:
    able = [each for each in judged if each.sufficient]
    alarms = alarms_of(name, able, settings)
    newest = able[-1].tests.get(name, ()) if able else ()
    drifted = sum(any(test.drifted for test in each.tests.get(name, ())) for each in able)
    current = _column(able[-1].window, name) if able else None
    state, lacks = _state(before, current, settings, drifted=bool(alarms), tested=bool(newest))
    shown = bool(alarms) or name in jointly(judged, settings).columns
    return ColumnReport(
        column=name,
        role=role,
        ordered=before.ordered,
        state=state,
        drifted=drifted,
        alarms=alarms,
        tests=newest,
        spread=spread(before, current) if shown and current is not None else None,
        lacks=lacks,
    )


def joint_report(judged: Sequence[Judged], settings: Settings) -> ColumnReport:
    """All columns together, as if they were one."""
    able = [each for each in judged if each.sufficient]
    tests = [each.tests.get(JOINTLY, ()) for each in able]
    alarms = alarms_of(JOINTLY, able, settings)
    state: State = "drift" if alarms else "stable" if any(tests) else "insufficient"
    return ColumnReport(
        column=JOINTLY, role="feature", ordered=False, state=state, alarms=alarms,
        drifted=sum(each.drifted for test in tests for each in test), tests=tests[-1] if tests else (),
    )  # fmt: skip


def jointly(judged: Sequence[Judged], settings: Settings) -> Joint:
    """What a joint alarm rests on, in the newest window that tells; nothing without an alarm."""
    able = [each for each in judged if each.sufficient]
    said = [each.window.joint for each in able if each.window.joint is not None]
    return said[-1] if said and alarms_of(JOINTLY, able, settings) else Joint(p=1.0, effect=0.0, columns=())


def alarms_of(column: str, able: Sequence[Judged], settings: Settings) -> tuple[Test, ...]:
    """The tests of a column that enough windows show."""
    tests: tuple[Test, ...] = ("distribution", "location", "missing", "beyond", "joint")
    return tuple(test for test in tests if sum(each.shows(column, test) for each in able) >= settings.needed)


def _column(window: Window, name: str) -> Counted | None:
    return window.features.get(name) or window.answers.get(name)


def _state(
    before: Counted, current: Counted | None, settings: Settings, *, drifted: bool, tested: bool
) -> tuple[State, str]:
    """What a column came to, and what it lacks where that is not enough."""
    if drifted:
        return "drift", ""
    if current is None:
        return "insufficient", NO_WINDOW
    if before.present < settings.fewest:
        return "insufficient", f"{before.present} of {settings.fewest} values to compare with"
    if current.present < settings.fewest:
        return "insufficient", f"{current.present} of {settings.fewest} values in the newest window"
    if sum(1 for a, b in zip(before.cells, current.cells, strict=True) if a + b) < 2:
        return "constant", ""
    return ("stable", "") if tested else ("insufficient", "values that differ: all but a few are alike")


def spread(reference: Counted, current: Counted) -> Spread:
    """Two distributions side by side; of many categories the most frequent ones."""
    cells = list(zip(reference.labels, reference.cells, current.cells, strict=True))
    shown = cells
    if not reference.ordered and len(cells) > MOST_CELLS:
        shown = sorted(cells, key=lambda cell: -(cell[1] + cell[2]))[:MOST_CELLS]
        rest = [cell for cell in cells if cell not in shown]
        shown.append(("all others", sum(a for _, a, _ in rest), sum(b for _, _, b in rest)))
    if not reference.ordered:
        shown = [*shown, ("not in the reference's list", reference.beyond, current.beyond)]
    shown = [*shown, ("missing", reference.missing, current.missing)]
    before, now = (max(1, sum(each)) for each in ([a for _, a, _ in shown], [b for _, _, b in shown]))
    return Spread(
        cells=tuple(label for label, _, _ in shown),
        reference=tuple(round(count / before, 6) for _, count, _ in shown),
        current=tuple(round(count / now, 6) for _, _, count in shown),
    )


def beyond_shares(judged: Sequence[Judged]) -> dict[str, float]:
    """The share of rows beyond the reference in the newest window that was judged, by feature."""
    able = [each.window for each in judged if each.sufficient]
    shares = {name: each.beyond_of_present for name, each in able[-1].features.items()} if able else {}
    return {name: each.hits / each.total for name, each in shares.items() if each.total}


def target_report(before: Counted, parts: Sequence[Counted], settings: Settings) -> ColumnReport:
    """The target among labelled predictions: k of m parts of them have to drift, as of windows.

    Args:
        before: rows by class or bin in training. parts: the same of the newest labelled predictions, cut
            into as many parts as there are windows, oldest first.
    """
    windows = [Window(start="", end="", rows=sum(each.cells), features={TARGET: each}, answers={})
               for each in parts]  # fmt: skip
    reference = Reference(features={TARGET: before}, answers={})
    judged = [judge(each, reference, settings) for each in windows]
    return _report(TARGET, "target", judged, before, settings)
