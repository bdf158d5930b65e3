"""`ordain compact`: the lines of a prediction log become Parquet; what was begun before is ended first."""

from __future__ import annotations

from contextlib import ExitStack
from typing import IO

from msgspec import Struct

from ordain.adapters.compacted import Compacted, Rejects, numbered
from ordain.adapters.places import Place
from ordain.core.data import compaction
from ordain.core.data.compaction import JOURNAL_BYTES, Part, Source, is_source
from ordain.errors import UserError


class Report(Struct, kw_only=True):
    """What a compaction did.

    Attributes:
        files, rows: that were compacted. rejected: lines that were no predictions.
        removed: files that were too old. left: files that are there and are none that a server ended.
    """

    files: int = 0
    rows: int = 0
    rejected: int = 0
    removed: int = 0
    left: int = 0


def compact(folder: Place, now_ms: int, keep_days: int | None) -> Report:
    """Compact every file that servers have ended, and remove what is too old.

    Args:
        folder: where servers write. now_ms: since 1970. keep_days: None to keep everything.

    Raises:
        UserError: for a journal that is none.
        RetryLater: when the place does not answer; what is finished stays.
    """
    report, names = Report(), folder.names()
    for each in compaction.journals(names):
        _finish(folder, _read(folder.below(each)), report)
    sources = [
        Source(name=each, size=folder.below(each).size()) for each in folder.names() if is_source(each)
    ]
    for part in compaction.parts(sources):
        folder.below(part.journal).write(compaction.encode(part))
        _finish(folder, part, report)
    if keep_days is not None:
        for each in compaction.expired(folder.names(), now_ms, keep_days):
            folder.below(each).remove()
            report.removed += 1
    report.left = len(folder.names())
    return report


def _read(journal: Place) -> Part:
    try:
        part = compaction.decode(journal.read(JOURNAL_BYTES))
    except ValueError as error:
        fix = "look at what wrote it, and remove it"
        raise UserError("this is no journal of a compaction", where=journal.shown, fix=fix) from error
    if part.journal != journal.name:
        raise UserError("this journal is of other files", where=journal.shown, fix="remove it")
    return part


def _finish(folder: Place, part: Part, report: Report) -> None:
    """Whatever a part still needs: rows written, sources removed, journal removed."""
    if not part.written:
        for each in part.made(folder.names()):  # of a run that was killed
            folder.below(each).remove()
        rows, rejects = _write(folder, part)
        report.rows += rows
        report.rejected += rejects
        folder.below(part.journal).write(compaction.encode(Part(sources=part.sources, written=True)))
    for source in part.sources:
        folder.below(source.name).remove()
    report.files += len(part.sources)
    folder.below(part.journal).remove()


def _write(folder: Place, part: Part) -> tuple[int, int]:
    """Rows written, and lines rejected."""
    there = set(folder.names())
    with ExitStack() as stack:  # every file appears when all of them are whole

        def opened(name: str) -> IO[bytes]:
            return stack.enter_context(folder.below(name).writing())

        compacted = Compacted(lambda number: opened(part.parquet(number)))
        rejects = Rejects(lambda: opened(part.rejects))
        for source in part.sources:
            if source.name in there:
                _take(folder.below(source.name), compacted, rejects)
        compacted.close()
    return compacted.rows, rejects.lines


def _take(source: Place, compacted: Compacted, rejects: Rejects) -> None:
    with source.text() as stream:
        for number, line in numbered(stream):
            reason = compacted.add(line)
            if reason:
                rejects.add(source.name, number, line, reason)
