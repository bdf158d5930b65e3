"""Read a log once, into windows: what is not this model's, not now or not new is counted and left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ordain.adapters.keys import keys_of, mixed
from ordain.adapters.met import Met
from ordain.adapters.predictions import Batch, Text
from ordain.core.canonical import rounded
from ordain.core.drift.evidence import Reading
from ordain.watch.columns import Coder
from ordain.watch.seen import Seen, first
from ordain.watch.spans import Spans
from ordain.watch.tally import FINE, MOST_NAMES, REST, Faults, Rows, Tally, stamp

MOMENTS = 25  # logarithm of the bits that remember times too: 4 MiB; an error of it says less, never more


class Who(Struct, frozen=True, kw_only=True):
    """Whose predictions are wanted.

    Attributes:
        versions: names by which the release may be known; empty for any.
    """

    model: str
    versions: frozenset[str]


class Taken(Struct, frozen=True, kw_only=True):
    """Predictions of a batch that are of the model, new, and not of the future, for whoever joins labels.

    Attributes:
        at: their rows in the batch. ours: which of them are of the release itself.
    """

    batch: Batch
    at: NDArray[np.int64]
    ours: NDArray[np.bool_]


class Sieve:
    """Leaves out what is not the model's, not new, or of the future, and counts it.

    An id may be answered by several versions, such as a canary that is shown the same requests: a
    prediction is a duplicate only of one of its own version.

    Args:
        who: names of model and release. start: what is older, in seconds since 1970, is not remembered.
        met: into which duplicates of the release are counted.
    """

    def __init__(self, who: Who, start: float, met: Met) -> None:
        self._who, self._start, self._met = who, start, met
        self.seen, self._moments = Seen(), Seen(MOMENTS)
        self.future = 0
        self.models: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()

    def taken(self, batch: Batch, now: float) -> Taken:
        """What is left of a batch; `now` is in seconds since 1970."""
        ours = _named(batch.models, {self._who.model}, self.models)
        late = batch.times > now
        wanted = self._who.versions or frozenset(batch.versions.values)
        # What is too old for any window would only crowd the filter.
        asked = np.flatnonzero(ours & ~late & (batch.times >= self._start))
        stale = np.zeros(len(batch.keys), dtype=np.bool_)
        stale[asked] = self._stale(batch, asked, wanted)
        self.future += int((ours & late).sum())
        at = np.flatnonzero(ours & ~stale & ~late)
        versions = Text(batch.versions.places[at], batch.versions.values)
        return Taken(batch=batch, at=at, ours=_named(versions, wanted, self.versions))

    def _stale(self, batch: Batch, at: NDArray[np.int64], wanted: frozenset[str]) -> NDArray[np.bool_]:
        """Which of these rows were read before; those of the release are counted."""
        marks = np.array(
            [0 if each in wanted else _mark(each) for each in (*batch.versions.values, "")], np.uint64
        )
        mark, times = marks[batch.versions.places[at]], batch.times[at]
        keys = np.where(batch.keys[at] == 0, np.uint64(0), batch.keys[at] ^ mark)
        moments = keys ^ mixed(times.view(np.uint64))
        fresh, met_then = self.seen.fresh(keys), self._moments.known(moments)
        counted = ~fresh & (mark == 0)
        if counted.any():
            self._met.add_at("duplicates", times[counted].tolist())
            self._met.add_at("reused", times[counted & ~met_then & first(moments)].tolist())
        return ~fresh


def times_of(batches: Iterable[Batch], who: Who, now: float) -> Iterator[NDArray[np.float64]]:
    """When the release's predictions were made, in seconds since 1970, in the order of reading."""
    sieve = Sieve(who, -np.inf, Met())
    for batch in batches:
        taken = sieve.taken(batch, now)
        yield batch.times[taken.at[taken.ours]]


class Collector:
    """Windows of one release's predictions.

    Args:
        coder: of the release. who: names of model and release.
        spans: how to cut the log, and the number of newest windows with a sample for the domain classifier.
        met: what the reader of the log counts into.
    """

    def __init__(self, coder: Coder, who: Who, spans: tuple[Spans, int], met: Met) -> None:
        self.coder = coder
        self.tallies: dict[int, Tally] = {}
        self.spans, self._sampled = spans
        self._met = met
        self._sieve = Sieve(who, self.spans.start(), met)
        self._latest = self._newest = -np.inf
        self._counts: Counter[str] = Counter()
        self._faults = Faults()

    def read(
        self, batches: Iterable[Batch], now: float, also: Sequence[Callable[[Taken], None]] = ()
    ) -> None:
        """Count every batch.

        Args:
            now: seconds since 1970 beyond which a prediction is of the future.
            also: are given what was taken, whatever its version and window.
        """
        for batch in batches:
            taken = self._sieve.taken(batch, now)
            for each in also:
                each(taken)
            self._add(batch, taken.at[taken.ours])

    def _add(self, batch: Batch, at: NDArray[np.int64]) -> None:
        if not len(at):
            return
        self._counts["records"] += len(at)
        self._faults.add(batch, at)
        times = batch.times[at]
        before = np.maximum.accumulate(np.concatenate([[self._latest], times]))[:-1]
        self._counts["out_of_order"] += int((times < before).sum())
        self._latest = max(self._latest, times.max())
        self._newest = max(self._newest, times.max())
        self._windows(batch, at, self.spans.numbers(times))

    def _windows(self, batch: Batch, at: NDArray[np.int64], numbers: NDArray[np.int64]) -> None:
        self._counts["outside"] += int((numbers < 0).sum())
        coded = self.coder.code(batch)
        for number in np.unique(numbers[numbers >= 0]).tolist():
            chosen = at[numbers == number]
            rows, keys = _run(chosen), batch.keys[chosen]
            tally = self._tally(number)
            tally.add(coded, rows, batch.times[rows])
            tally.faults.add(batch, rows)
            tally.sample(coded, rows, np.where(keys == 0, _lots(chosen), keys))
            if self.coder.positive:
                tally.fine += _fine(batch.outputs[self.coder.positive][rows])

    def _tally(self, number: int) -> Tally:
        """The window of a number, made at need."""
        if number not in self.tallies:
            sampled = number > self.spans.newest() - self._sampled
            self.tallies[number] = Tally(self.coder, self.coder.dimensions if sampled else ())
        return self.tallies[number]

    def reading(self) -> Reading:
        """All of it, counted."""
        met = self._met
        whole = Reading(
            files=met.files,
            unreadable=met.unreadable,
            records=self._counts["records"],
            corrupt=met.corrupt,
            duplicates=met.duplicates,
            reused=met.reused,
            out_of_order=self._counts["out_of_order"],
            mistaken=rounded(self._sieve.seen.error, 4),
            future=self._sieve.future,
            outside=self._counts["outside"],
            other_models=dict(self._sieve.models.most_common()),
            other_versions=dict(self._sieve.versions.most_common()),
            newest=stamp(self._newest) or None,
        )
        return self._faults.onto(whole)

    def part(self, numbers: Sequence[int]) -> Reading:
        """Files, predictions and faults of some windows, whose health is not lost in a long history."""
        known = [self.tallies[each] for each in numbers if each in self.tallies]
        start, end = self.spans.span(numbers, [each.first for each in known])
        met, faults = self._met, Faults()
        for each in known:
            faults.join(each.faults)
        part = Reading(
            files=met.between("files", start, end),
            unreadable=met.between("unreadable", start, end),
            records=sum(each.rows for each in known),
            corrupt=met.between("corrupt", start, end),
            duplicates=met.between("duplicates", start, end),
            reused=met.between("reused", start, end),
        )
        return faults.onto(part)

    @property
    def newest(self) -> float:
        """Time of the newest prediction; minus infinity without one."""
        return float(self._newest)


def _named(text: Text, wanted: set[str] | frozenset[str], others: Counter[str]) -> NDArray[np.bool_]:
    """Which rows have one of the wanted values; the rest is counted by its own."""
    table = np.array([each in wanted for each in text.values] + [False])
    found: NDArray[np.bool_] = table[text.places]
    for place, count in zip(*np.unique(text.places[~found], return_counts=True), strict=True):
        name = str(text.values[place])[:60] if place >= 0 else "unnamed"
        others[name if name in others or len(others) < MOST_NAMES else REST] += int(count)
    return found


def _mark(version: str) -> int:
    """What makes the keys of a version its own."""
    return int(keys_of([f"version {version}"], np.zeros(1, dtype=np.uint64))[0])


def _run(rows: NDArray[np.int64]) -> Rows:
    """The same rows as a slice where they are a run, as those of a log mostly are: a view copies nothing."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else rows


def _lots(rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Something like keys for rows without one."""
    return (rows.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)


def _fine(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    present = probabilities[(probabilities >= 0) & (probabilities <= 1)]
    places = np.minimum((present * FINE).astype(np.int64), FINE - 1)
    return np.bincount(places, minlength=FINE)
