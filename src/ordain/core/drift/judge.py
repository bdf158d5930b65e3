"""From counts to verdicts: which columns drifted in a window, and which in enough windows to say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from ordain.core.drift import twosample
from ordain.core.drift.counts import Counted, Reference, Window
from ordain.core.drift.evidence import ColumnReport, Settings, Spread, State, Test, Tested, WindowReport
from ordain.core.drift.twosample import Measured

JOINTLY, TARGET = "(columns jointly)", "(target)"
Role = Literal["feature", "answer"]
Direction = Literal["", "higher", "lower"]
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
    """

    window: Window
    reference: Reference | None
    tests: Mapping[str, tuple[Tested, ...]]
    sufficient: bool

    def shows(self, column: str, test: Test) -> bool:
        """Whether a test of a column shows drift here."""
        return any(each.test == test and each.drifted for each in self.tests.get(column, ()))


def judge(window: Window, reference: Reference | None, settings: Settings) -> Judged:
    """Compare every column of a window, and all of them jointly, with control of false discoveries.

    Args:
        reference: None when there is nothing to compare with; the window is insufficient then.
    """
    if window.rows < settings.fewest or reference is None:
        return Judged(window=window, reference=reference, tests={}, sufficient=False)
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
        direction = _direction(before, now) if before and now and each.test == "location" else ""
        tests[each.column] = (*tests.get(each.column, ()), _tested(each, p, direction, settings))
    return Judged(window=window, reference=reference, tests=tests, sufficient=True)


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


def _direction(before: Counted, now: Counted) -> Direction:
    return "higher" if _mean_cell(now) > _mean_cell(before) else "lower"


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
    return ColumnReport(
        column=name,
        role=role,
        ordered=before.ordered,
        state=_state(before, current, drifted=bool(alarms), tested=bool(newest)),
        drifted=drifted,
        alarms=alarms,
        tests=newest,
        spread=spread(before, current) if alarms and current is not None else None,
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


def alarms_of(column: str, able: Sequence[Judged], settings: Settings) -> tuple[Test, ...]:
    """The tests of a column that enough windows show."""
    tests: tuple[Test, ...] = ("distribution", "location", "missing", "beyond", "joint")
    return tuple(test for test in tests if sum(each.shows(column, test) for each in able) >= settings.needed)


def _column(window: Window, name: str) -> Counted | None:
    return window.features.get(name) or window.answers.get(name)


def _state(before: Counted, current: Counted | None, *, drifted: bool, tested: bool) -> State:
    if drifted:
        return "drift"
    if current is None or not before.present or not current.present:
        return "insufficient"
    if sum(1 for a, b in zip(before.cells, current.cells, strict=True) if a + b) < 2:
        return "constant"
    return "stable" if tested else "insufficient"


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


def target_report(before: Counted, now: Counted, settings: Settings) -> ColumnReport:
    """The target among labelled predictions, which are one sample: there is no counting of windows.

    Args:
        before, now: rows by class or bin, in training and among the labelled predictions.
    """
    found = [
        each for each in compare(before, now, settings.fewest) if each[0] in {"distribution", "location"}
    ]
    made = [Comparison(TARGET, test, measured) for test, measured in found]
    adjusted = twosample.adjusted([each.measured.p for each in made])
    tests = tuple(
        _tested(each, p, _direction(before, now) if each.test == "location" else "", settings)
        for each, p in zip(made, adjusted, strict=True)
    )
    alarms = tuple(each.test for each in tests if each.drifted)
    return ColumnReport(
        column=TARGET, role="target", ordered=before.ordered, alarms=alarms, tests=tests,
        state=_state(before, now, drifted=bool(alarms), tested=bool(tests)), drifted=int(bool(alarms)),
        spread=spread(before, now) if alarms else None,
    )  # fmt: skip
