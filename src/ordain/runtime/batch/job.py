"""A batch from the first row to the last: partition by partition, so that a kill costs one of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import msgspec
import pyarrow as pa

from ordain.adapters.places import Place
from ordain.core.data.batchfiles import REJECTS, REPORT, plain, readable_only, written
from ordain.errors import RetryLater, UserError
from ordain.runtime.batch.admitting import Admission, Chunk
from ordain.runtime.batch.executors import Choice, Executors
from ordain.runtime.batch.reading import open_source
from ordain.runtime.batch.request import Batch, Progress, Released, Report
from ordain.runtime.batch.scoring import Scored, Scorer, in_order, output_schema
from ordain.runtime.batch.sources import Source, Wanted, format_of
from ordain.runtime.batch.work import Note, Part, Work
from ordain.runtime.batch.writing import WRITERS, assemble, check_kept, copy

REPORT_BYTES = 2**20


def score(
    release: Released, forms: Callable[[], Executors], batch: Batch, watch: Callable[[Progress], None]
) -> Report:
    """Score every row of a table.

    A batch that was killed goes on with the first partition that is not finished. One whose output is there
    already, from the same input and artifact, is not done again.

    Args:
        release: the verified one.
        forms: loads the forms in which it can be asked; all but the chosen one are let go again.
        batch: what to do.
        watch: told after each chunk.

    Raises:
        UserError: the input is damaged or not within the contract's columns; no row could be scored.
        RetryLater: a store did not answer, or another start of this batch is at work; what is finished stays
            finished.
    """
    run = _Run(release, batch)
    report = run.earlier_report()
    if report is None:
        try:
            report = _scored(run, forms, watch)
        except UserError as error:
            if not run.work.lost():
                raise
            report = run.earlier_report()
            if report is None:
                raise RetryLater("another batch with the same output was done first") from error
    run.work.clear()
    return _usable(report)


def _scored(run: _Run, forms: Callable[[], Executors], watch: Callable[[Progress], None]) -> Report:
    """Score what is not finished, and put everything together."""
    began = time.monotonic()
    note = run.work.note()
    parts = run.work.finished()
    resumed = sum(part.rows for part in parts)
    choice = run.choice(note, forms())
    for part in run.partitions(choice, parts, watch):
        parts.append(part)
    return run.publish(parts, resumed, choice, began)


def _usable(report: Report) -> Report:
    """The report, unless not a single row could be scored: then something else than rows is wrong."""
    if report.rows and report.rejected == report.rows:
        fix = f"read the reasons in {report.rejects}"
        raise UserError(
            f"none of {report.rows} rows is within the model's contract", where=report.input, fix=fix
        )
    return report


class _Run:
    """One start of a batch."""

    def __init__(self, release: Released, batch: Batch) -> None:
        self._identity, self._signature, self._batch = release.identity, release.signature, batch
        self._kind = format_of(batch.target)
        if not plain(batch.target.name):
            raise UserError(
                "output is written plain", where=batch.target.shown, fix=f"let the name end in .{self._kind}"
            )
        if readable_only(batch.target.shown):
            what, fix = "such a URL can only be read", "write to a path, or to a store such as s3://"
            raise UserError(what, where=batch.target.shown, fix=fix)
        names = written(batch.target.name)
        if any(batch.source.same(batch.target.beside(name)) for name in names):
            raise UserError(
                "the output would replace the input", where=batch.target.shown, fix="write elsewhere"
            )
        wanted = Wanted(signature=self._signature, policy=batch.policy, keep=batch.keep)
        self._source: Source = open_source(batch.source, wanted)
        check_kept(self._source.kept, self._kind)
        self._schema = output_schema(self._source.kept, self._signature)
        facts = {
            "artifact": self._identity.artifact,
            "input": [batch.source.shown, batch.source.fingerprint()],
            "output": self._kind,
            "policy": batch.policy,
            "keep": list(batch.keep),
            "executor": batch.executor,
            "partition": batch.partition,
        }
        self.work = Work(batch.target, facts, self._kind)

    def earlier_report(self) -> Report | None:
        """The report of this very batch, when all that it wrote is still there."""
        place, target = self._beside(REPORT), self._batch.target
        if not all(each.exists() for each in (place, target, self._beside(REJECTS))):
            return None
        try:
            report = msgspec.json.decode(place.read(REPORT_BYTES), type=Report)
        except (msgspec.MsgspecError, UserError):
            return None  # whatever it is, it is replaced
        same = report.batch == self.work.id and report.bytes == target.size()
        return msgspec.structs.replace(report, resumed=report.rows) if same else None

    def choice(self, note: Note | None, executors: Executors) -> Choice:
        """The executor of this batch: an earlier start's, or the faster one."""
        name = note.executor if note else self._batch.executor
        with closing(self._source.chunks(0)) as chunks:
            probe = next(chunks, None)
        admission = Admission(self._signature, self._batch.policy)
        choice = executors.choose(
            name, admission(probe) if probe else None, self._source.rows, self._batch.threads
        )
        if note is None:
            self.work.keep(Note(executor=choice.name))
        return choice

    def partitions(
        self, choice: Choice, done: list[Part], watch: Callable[[Progress], None]
    ) -> Iterator[Part]:
        """Score and write the partitions that are not done."""
        admission = Admission(self._signature, self._batch.policy)
        scorer = Scorer(admission, choice.execute, self._schema)
        rows, rejected = sum(each.rows for each in done), sum(each.rejected for each in done)
        if any(each.rows < self._batch.partition for each in done):
            return  # only the last one is smaller than the others
        chunks = _within(self._source.chunks(rows), self._batch.partition)
        number = len(done)
        scored = in_order(scorer, chunks, self._batch.threads)
        for part in _grouped(scored, self._batch.partition):
            with _PartWriter(self.work, number, self._kind, self._schema) as writer:
                for each in part:
                    writer.write(each)
                    rows, rejected = rows + each.batch.num_rows, rejected + each.rejected
                    watch(Progress(rows, rejected, self._source.rows))
            yield writer.part
            number += 1

    def publish(self, parts: list[Part], resumed: int, choice: Choice, began: float) -> Report:
        """Put the partitions together: rejects, then scores, then the report that says all is there."""
        target, numbers = self._batch.target, range(len(parts))
        rejects = self._beside(REJECTS)
        with rejects.writing() as stream:
            copy([self.work.rejects(number) for number in numbers], stream)
        with target.writing() as stream:
            assemble([self.work.scores(number) for number in numbers], stream, self._schema, self._kind)
        counts: Counter[tuple[str, str, str]] = Counter()
        for part in parts:
            counts.update({(column, kind, action): count for column, kind, action, count in part.counts})
        rows, seconds, identity = (
            sum(part.rows for part in parts),
            time.monotonic() - began,
            self._identity,
        )
        report = Report(
            model=identity.name, version=identity.version, artifact=identity.artifact,
            release=identity.release, intent=identity.intent, environment=identity.environment,
            batch=self.work.id, input=self._batch.source.shown, output=target.shown, rejects=rejects.shown,
            rows=rows, rejected=sum(part.rejected for part in parts), resumed=resumed,
            violations=tuple((*key, count) for key, count in sorted(counts.items())),
            executor=choice.name, threads=self._batch.threads, seconds=round(seconds, 3),
            rows_per_second=round((rows - resumed) / max(seconds, 1e-9)), bytes=target.size(),
        )  # fmt: skip
        text = msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"
        self._beside(REPORT).write(text)
        return report

    def _beside(self, suffix: str) -> Place:
        target = self._batch.target
        return target.beside(f"{target.name}.{suffix}")


class _PartWriter:
    """Writes one partition: scores and rejects appear whole, and then the record that it is finished."""

    def __init__(self, work: Work, number: int, kind: str, schema: pa.Schema) -> None:
        self._work, self._number = work, number
        self._kind, self._schema = kind, schema
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._rows = self._rejected = 0

    def __enter__(self) -> _PartWriter:
        with ExitStack() as opened:
            self._rejects = opened.enter_context(self._work.rejects(self._number).writing())
            stream = opened.enter_context(self._work.scores(self._number).writing())
            self._writer = WRITERS[self._kind](stream, self._schema)
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *raised: Any) -> None:
        if raised[0] is None:
            self._writer.close()
        self._opened.__exit__(*raised)
        if raised[0] is None:
            self._work.finish(self._number, self.part)

    def write(self, scored: Scored) -> None:
        """Add a chunk."""
        self._writer.write(scored.batch)
        self._rejects.write(scored.rejects)
        self._counts.update(scored.counts)
        self._rows += scored.batch.num_rows
        self._rejected += scored.rejected

    @property
    def part(self) -> Part:
        """What was written."""
        counts = tuple((*key, count) for key, count in sorted(self._counts.items()))
        return Part(rows=self._rows, rejected=self._rejected, counts=counts)


def _within(chunks: Iterable[Chunk], partition: int) -> Iterator[Chunk]:
    """The same rows, cut so that no chunk reaches from one partition into the next."""
    for chunk in chunks:
        start = 0
        while start < chunk.rows:
            stop = min(chunk.rows, start + partition - (chunk.first + start) % partition)
            yield chunk.part(start, stop)
            start = stop


def _grouped(scored: Iterator[Scored], partition: int) -> Iterator[Iterator[Scored]]:
    """Chunks by partition; each group has to be used up before the next one."""
    for first in scored:

        def group(head: Scored) -> Iterator[Scored]:
            rows = head.batch.num_rows
            yield head
            while rows < partition and (each := next(scored, None)) is not None:
                rows += each.batch.num_rows
                yield each

        yield group(first)
