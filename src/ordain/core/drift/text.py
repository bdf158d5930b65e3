"""Evidence for people: in a terminal, and as Markdown for a retraining request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ordain.core.drift.evidence import ColumnReport, Evidence, Finding, Performance, Slice, Spread
from ordain.core.escaping import markdown, visible
from ordain.core.people.request import Section

WIDTH = 24
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
    "insufficient": "insufficient: too few predictions to say that nothing drifted",
}


def text(evidence: Evidence) -> str:
    """The whole report in plain lines."""
    lines = [
        f"{_title(evidence)}: {_OUTCOMES[evidence.outcome]}",
        *_windows(evidence),
        *(line for each in evidence.findings for line in _finding(each)),
        *(line for each in evidence.columns if each.spread for line in _spread(each.column, each.spread)),
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
        yield f"  {each.start or '-'} to {each.end or '-'}  {each.rows:>9} predictions  {each.state}"
    read = evidence.reading
    left_out = {
        "corrupt": read.corrupt, "duplicate": read.duplicates, "future": read.future,
        "of other models": sum(read.other_models.values()),
        "of other versions": sum(read.other_versions.values()), "out of any window": read.outside,
    }  # fmt: skip
    told = ", ".join(f"{count} {name}" for name, count in left_out.items() if count)
    yield f"  {read.records} predictions in {read.files} files" + (f"; not judged: {told}" if told else "")


def _finding(each: Finding) -> Iterator[str]:
    yield f"{'ALARM ' if each.alarm else 'notice'} {each.kind}: {visible(each.detail, 400)}"


def _spread(name: str, spread: Spread) -> Iterator[str]:
    yield f"  {visible(name)}: reference | newest window"
    widest = min(28, max(len(visible(cell)) for cell in spread.cells))
    for cell, before, now in zip(spread.cells, spread.reference, spread.current, strict=True):
        if before or now:
            label = visible(cell, widest).ljust(widest)
            yield f"    {label} {before:6.1%} {bar(before):<{WIDTH}} | {now:6.1%} {bar(now)}".rstrip()


def bar(share: float) -> str:
    """A share as a bar; a whole one is `WIDTH` cells long."""
    eighths = round(share * WIDTH * 8)
    return _BAR * (eighths // 8) + _EIGHTHS[eighths % 8]


def _performance(found: Performance | None) -> Iterator[str]:
    if found is None:
        return
    of = "" if found.due == found.predictions else " of those that are old enough"
    share = "" if found.coverage is None else f" ({found.coverage:.1%}{of})"
    delay = (
        "" if found.delay is None else f"; a label takes {found.delay[0]:g} h, {found.delay[1]:g} h at worst"
    )
    yield f"labels: {found.labelled} of {found.predictions} predictions{share} since {found.start}{delay}"
    for each in _all_slices(found):
        yield f"  {visible(each.name):<20} {each.rows:>7} rows  {_metrics(each)}"


def _all_slices(found: Performance) -> Iterator[Slice]:
    yield from (each for each in (found.overall, found.recent) if each is not None)
    yield from (*found.versions, *found.groups)


def _metrics(each: Slice) -> str:
    told = []
    for name, measured in each.metrics.items():
        if measured.value is not None:
            ends = "" if measured.interval is None else " ({:.3f}-{:.3f})".format(*measured.interval)
            told.append(f"{name} {measured.value:.3f}{ends}")
    return ", ".join(told)


def _estimate(evidence: Evidence) -> Iterator[str]:
    found = evidence.estimate
    if found is not None and found.refused:
        yield f"estimate without labels: refused: {found.refused}"
    elif found is not None:
        name = f"estimate without labels, over {found.rows} predictions"
        yield f"{name}: {_metrics(Slice(name='', rows=found.rows, metrics=found.metrics))}"


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
            f"- Suspected: **{each.suspect}**: {markdown(each.because)}" for each in evidence.causes
        ],
        "the table of findings": _table("| | what | which | detail |", map(_row, evidence.findings)),
        "windows": _table(
            "| window | predictions | |",
            (f"| {each.start} to {each.end} | {each.rows} | {each.state} |" for each in evidence.windows),
        ),
        "performance": [*_slices(evidence.performance)],
    } | {
        f"distributions of {markdown(each.column)}": [*_details(each, each.spread)]
        for each in evidence.columns if each.spread
    }  # fmt: skip
    return tuple(Section(name=name, text="\n".join(lines)) for name, lines in parts.items() if lines)


def _table(head: str, rows: Iterable[str]) -> list[str]:
    return [head, "|---" * (head.count("|") - 1) + "|", *rows]


def _row(each: Finding) -> str:
    which = ", ".join(markdown(name) for name in (*each.columns, *each.groups))
    return f"| {'**alarm**' if each.alarm else 'notice'} | {each.kind} | {which} | {markdown(each.detail)} |"


def _details(column: ColumnReport, spread: Spread) -> Iterator[str]:
    tests = ", ".join(f"{each.test} effect {each.effect:g} p {each.adjusted:.1e}" for each in column.tests)
    yield f"<details><summary>{markdown(column.column)}: {tests}</summary>"
    yield from ("", "| | reference | | newest window | |", "|---|---:|---|---:|---|")
    for cell, before, now in zip(spread.cells, spread.reference, spread.current, strict=True):
        yield f"| {markdown(cell)} | {before:.1%} | {bar(before)} | {now:.1%} | {bar(now)} |"
    yield from ("", "</details>")


def _slices(found: Performance | None) -> Iterator[str]:
    if found is None or found.overall is None:
        return
    names = list(found.overall.metrics)
    yield f"{found.labelled} of {found.predictions} predictions since {found.start} have labels."
    yield from ("", f"| | rows | {' | '.join(names)} |", "|---|---:|" + "---:|" * len(names))
    for each in _all_slices(found):
        values = (each.metrics[name].value for name in names)
        shown = " | ".join("-" if value is None else f"{value:.4f}" for value in values)
        yield f"| {markdown(each.name)} | {each.rows} | {shown} |"
