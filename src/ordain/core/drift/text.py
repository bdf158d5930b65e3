"""Evidence for people: in a terminal, and as Markdown for a retraining request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ordain.core.drift.evidence import ColumnReport, Evidence, Finding, Reading, Spread, WindowReport
from ordain.core.drift.findings import moved_text
from ordain.core.drift.judge import NO_WINDOW
from ordain.core.drift.measured import Estimate, Measurement, Omitted, Performance, Slice
from ordain.core.escaping import markdown, visible
from ordain.core.people.request import Section

WIDTH = 24
NO_FLAG = "no flag of its own in the newest window"
ABREAST, ABREAST_HERE = 6, 4  # slices of performance beside each other, on a page and in a terminal
LONGEST = 24  # name of a slice in a terminal
MOST = 8  # columns that are named in one line
_BAR = "█"
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
_REQUESTS = {
    "none": "",
    "draft": "drift alone: it asks for a draft request",
    "open": "a breach: it asks for a request",
}
_OUTCOMES = {
    "pass": "nothing to act on",
    "fail": "ALARM",
    "insufficient": "insufficient: too little to say that nothing drifted",
}


def text(evidence: Evidence) -> str:
    """The whole report in plain lines."""
    lines = [
        f"{_title(evidence)}: {_OUTCOMES[evidence.outcome]}",
        *_windows(evidence),
        *(line for each in evidence.findings for line in _finding(each)),
        *(f"  jointly: {visible(moved_text(each), 200)}" for each in evidence.jointly),
        *(line for each in evidence.columns if each.spread for line in _spread(each.column, each.spread)),
        *(f"  not judged: {each}" for each in _unjudged(evidence.columns)),
        *_performance(evidence.performance),
        *_estimate(evidence),
        *(f"suspected: {each.suspect}: {visible(each.because, 400)}" for each in evidence.causes),
    ]
    if evidence.request != "none":
        lines.append(f"next: ordain retrain {evidence.model} --because FILE ({_REQUESTS[evidence.request]})")
    return "\n".join(lines)


def _title(evidence: Evidence) -> str:
    return f"{evidence.model}@{evidence.environment} ({evidence.release or evidence.artifact[:19]})"


def _windows(evidence: Evidence) -> Iterator[str]:
    for each in evidence.windows:
        yield f"  {_span(each)}  {each.rows:>9} predictions  {_state(each)}"
    yield f"  {_read(evidence.reading)}"


def _span(each: WindowReport) -> str:
    return f"{each.start or '-'} to {each.end or '-'}"


def _state(each: WindowReport) -> str:
    return f"{each.state}: {each.lacks}" if each.lacks else each.state


def _read(read: Reading) -> str:
    """What was read, and what of it was left out."""
    left_out = {
        "corrupt": read.corrupt, "duplicate": read.duplicates, "future": read.future,
        "of other models": sum(read.other_models.values()),
        "of other versions": sum(read.other_versions.values()), "out of any window": read.outside,
    }  # fmt: skip
    told = ", ".join(f"{count} {name}" for name, count in left_out.items() if count)
    late = f", {read.out_of_order} of them out of order" if read.out_of_order else ""
    left = f"; not judged: {told}" if told else ""
    return f"{read.records} predictions in {read.files} files{late}{left}"


def _unjudged(columns: Sequence[ColumnReport]) -> Iterator[str]:
    """Columns that are insufficient though their windows are not, by what they lack."""
    lacking: dict[str, list[str]] = {}
    for each in columns:
        if each.lacks and each.lacks != NO_WINDOW:
            lacking.setdefault(each.lacks, []).append(visible(each.column))
    for lacks, names in lacking.items():
        more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
        yield f"{', '.join(names[:MOST])}{more}: {lacks}"


def _finding(each: Finding) -> Iterator[str]:
    yield f"{'ALARM ' if each.alarm else 'notice'} {each.kind}: {visible(each.detail, 400)}"


def _spread(name: str, spread: Spread) -> Iterator[str]:
    yield f"  {visible(name)}: reference | newest window"
    widest = min(28, max(len(visible(cell)) for cell in spread.cells))
    for cell, before, now, bars in _rows(spread):
        label = visible(cell, widest).ljust(widest)
        yield f"    {label} {before:6.1%} {bars[0]:<{WIDTH}} | {now:6.1%} {bars[1]}".rstrip()


def _rows(spread: Spread) -> Iterator[tuple[str, float, float, tuple[str, str]]]:
    """Cells that hold rows, with both shares and their bars, of which the longest fills its place."""
    most = max((*spread.reference, *spread.current)) or 1.0
    for cell, before, now in zip(spread.cells, spread.reference, spread.current, strict=True):
        if before or now:
            yield cell, before, now, (bar(before / most), bar(now / most))


def bar(part: float) -> str:
    """A bar of a part of `WIDTH` cells, of which 1 is all."""
    eighths = round(part * WIDTH * 8)
    return _BAR * (eighths // 8) + _EIGHTHS[eighths % 8]


def _performance(found: Performance | None) -> Iterator[str]:
    if found is None:
        return
    yield _labelled(found)
    yield from _omitted(found.omitted)
    for grid in _grids(found, ABREAST_HERE):
        wide = [max(len(visible(cell, LONGEST)) for cell in column) for column in zip(*grid, strict=True)]
        for row in grid:
            cells = [visible(cell, LONGEST).ljust(width) for cell, width in zip(row, wide, strict=True)]
            yield f"  {'  '.join(cells)}".rstrip()


def _labelled(found: Performance) -> str:
    """How many predictions have labels, and how long these take."""
    of = "" if found.due == found.predictions else " of those that are old enough"
    share = "" if found.coverage is None else f" ({found.coverage:.1%}{of})"
    delay = (
        ""
        if found.delay is None
        else f"; half of them take {found.delay[0]:g} h, nine of ten {found.delay[1]:g} h at most"
    )
    since = f" since {found.start}" if found.start else ""
    early = f"; {found.early} are of younger ones, and not judged" if found.early else ""
    return f"labels: {found.labelled} of {found.predictions} predictions{share}{since}{delay}{early}"


def _omitted(found: Sequence[Omitted]) -> Iterator[str]:
    """What slices do not show, since it is too small or too much."""
    told = [
        f"{visible(each.column, LONGEST)} ({each.groups} groups of {each.rows} rows)"
        if each.groups
        else f"{visible(each.column, LONGEST)} (the whole column)"
        for each in found[:MOST]
    ]
    if told:
        more = f" and {len(found) - MOST} more" if len(found) > MOST else ""
        yield f"groups not shown: {', '.join(told)}{more}"


def _estimate(evidence: Evidence) -> Iterator[str]:
    found = evidence.estimate
    if found is not None and found.refused:
        yield f"estimate without labels: refused: {found.refused}"
    elif found is not None:
        told = ", ".join(f"{name} {_measured(each)}" for name, each in found.metrics.items())
        yield f"estimate without labels, over {found.rows} predictions: {told}; {_trust(found)}"


def _trust(found: Estimate) -> str:
    return (
        f"the intervals allow for a calibration error of {found.error:.3f}, and for no change of what inputs "
        "mean for the outcome, which labels alone can show"
    )


def document(evidence: Evidence) -> str:
    """Markdown for people: nothing from the log is markup in it."""
    return "\n\n".join(each.text for each in sections(evidence)) + "\n"


def sections(evidence: Evidence) -> tuple[Section, ...]:
    """The same in parts, of which any can be left out: the most telling first."""
    parts = {
        "what was observed": [
            f"### {markdown(_title(evidence))}: {_OUTCOMES[evidence.outcome]}",
            "",
            f"Observed {evidence.observed}, against the {evidence.reference}.",
        ],
        "suspected causes": [
            *(f"- Suspected: **{each.suspect}**: {markdown(each.because)}" for each in evidence.causes),
            *(f"- Jointly: {markdown(moved_text(each))}" for each in evidence.jointly),
            *(f"- Not judged: {markdown(each)}" for each in _unjudged(evidence.columns)),
        ],
        "the table of findings": _findings(evidence.findings),
        "windows": [*_of_windows(evidence)],
        "performance": [*_slices(evidence.performance), *map(_sentence, _estimate(evidence))],
    } | {
        f"distributions of {markdown(each.column)}": [*_details(each, each.spread)]
        for each in evidence.columns if each.spread
    }  # fmt: skip
    return tuple(Section(name=name, text="\n".join(lines).rstrip()) for name, lines in parts.items() if lines)


def _findings(found: Sequence[Finding]) -> list[str]:
    return _table("| | what | which | detail |", map(_row, found)) if found else []


def _of_windows(evidence: Evidence) -> Iterator[str]:
    rows = (f"| {_span(each)} | {each.rows} | {_state(each)} |" for each in evidence.windows)
    yield from _table("| window | predictions | |", rows)
    yield from ("", f"Of the log: {markdown(_read(evidence.reading))}.")


def _table(head: str, rows: Iterable[str]) -> list[str]:
    return [head, "|---" * (head.count("|") - 1) + "|", *rows]


def _row(each: Finding) -> str:
    which = ", ".join(markdown(name) for name in (*each.columns, *each.groups))
    return f"| {'**alarm**' if each.alarm else 'notice'} | {each.kind} | {which} | {markdown(each.detail)} |"


def _sentence(line: str) -> str:
    """A line of the report in a terminal, as Markdown."""
    return markdown(line[:1].upper() + line[1:]) + "."


def _details(column: ColumnReport, spread: Spread) -> Iterator[str]:
    flags = [each for each in column.tests if each.drifted]
    tests = ", ".join(f"{each.test} effect {each.effect:.2f} p {each.adjusted:.1e}" for each in flags)
    yield f"<details><summary>{markdown(column.column)}: {tests or NO_FLAG}</summary>"
    yield from ("", "| | reference | | newest window | |", "|---|---:|---|---:|---|")
    for cell, before, now, bars in _rows(spread):
        yield f"| {markdown(cell)} | {before:.1%} | {bars[0]} | {now:.1%} | {bars[1]} |"
    yield from ("", "</details>")


def _slices(found: Performance | None) -> Iterator[str]:
    if found is None:
        return
    yield from (_sentence(each) for each in (_labelled(found), *_omitted(found.omitted)))
    yield ""
    for head, *rows in _grids(found, ABREAST):
        yield f"| {' | '.join(map(markdown, head))} |"
        yield "|---|" + "---:|" * (len(head) - 1)
        yield from (f"| {' | '.join(row)} |" for row in rows)
        yield ""


def _grids(found: Performance, abreast: int) -> Iterator[list[list[str]]]:
    """Metrics by slice, some slices beside each other; each grid begins with the slices' names."""
    slices = [each for each in (found.overall, found.recent) if each is not None]
    slices += (*found.versions, *found.groups)
    for first in range(0, len(slices), abreast):
        shown = slices[first : first + abreast]
        yield [
            ["", *(each.name for each in shown)],
            ["rows", *map(_counted, shown)],
            *([name, *(_measured(each.metrics[name]) for each in shown)] for name in shown[0].metrics),
        ]


def _counted(found: Slice) -> str:
    """The rows that a slice is measured by, and of how many."""
    return f"{found.rows} newest of {found.rows + found.older}" if found.older else str(found.rows)


def _measured(found: Measurement) -> str:
    """A metric with its interval; a dash where it is undefined."""
    if found.value is None:
        return "-"
    return f"{found.value:.3f}" + (
        "" if found.interval is None else " ({:.3f}-{:.3f})".format(*found.interval)
    )
