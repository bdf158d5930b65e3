"""One window of the log, as counts that grow batch by batch."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from ordain.adapters.predictions import Batch
from ordain.core.artifacts.profile import Column, Dimension, Numbers
from ordain.core.drift.counts import Counted, Joint, Window, counted
from ordain.core.drift.evidence import Reading
from ordain.watch.columns import Coded, Coder

SAMPLED = 10_000  # rows of a window that a domain classifier sees
MOST_NAMES, REST = 50, "(others)"  # names that are counted one by one, and what is said of more
Rows = NDArray[np.int64] | slice  # places in a batch, ascending
FINE = 1000  # bins of a probability, for estimates


class Faults:
    """Rows by the column that they lack, hold as another type, or have though the model does not know it."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in ("absent", "mistyped", "extra")}

    def add(self, batch: Batch, at: Rows) -> None:
        """Count the rows at these places."""
        for name in self._counts:
            self._count(name, {column: int(rows[at].sum()) for column, rows in getattr(batch, name).items()})

    def join(self, other: Faults) -> None:
        """Count what another has counted."""
        for name, counts in other._counts.items():
            self._count(name, counts)

    def _count(self, name: str, counts: Mapping[str, int]) -> None:
        known = self._counts[name]
        for column, rows in counts.items():
            if rows:
                known[column if column in known or len(known) < MOST_NAMES else REST] += rows

    def onto(self, reading: Reading) -> Reading:
        """A reading with these."""
        return replace(reading, **{name: dict(sorted(each.items())) for name, each in self._counts.items()})


class Tally:
    """What one window holds.

    Args:
        coder: names its columns.
        dimensions: that a sample of rows is kept for; none keeps no sample.
    """

    def __init__(self, coder: Coder, dimensions: Sequence[Dimension]) -> None:
        self.rows, self.faults = 0, Faults()
        self.first, self.last = np.inf, -np.inf
        self.fine = np.zeros(FINE, dtype=np.int64)
        self._columns: dict[str, Column] = {**coder.features, **coder.answers}
        self._coder = coder
        self._counts = {name: np.zeros(_codes(each), np.int64) for name, each in self._columns.items()}
        self._outside = dict.fromkeys(self._columns, 0)
        self._sampled = list(dict.fromkeys(each.column for each in dimensions))
        self._order = np.zeros(0, dtype=np.uint64)
        self._sample = np.zeros((0, len(self._sampled)), dtype=np.int16)

    def add(self, coded: Coded, at: Rows, times: NDArray[np.float64]) -> None:
        """Count the rows at these places of a batch; `times` are of these rows."""
        self.rows += len(times)
        self.first, self.last = min(self.first, times.min()), max(self.last, times.max())
        for name, counts in self._counts.items():
            if name in coded.codes:
                np.add(counts, np.bincount(coded.codes[name][at], minlength=len(counts)), out=counts)
            else:
                counts[-1] += len(times)
            if name in coded.outside:
                self._outside[name] += int(coded.outside[name][at].sum())

    def sample(self, coded: Coded, at: Rows, keys: NDArray[np.uint64]) -> None:
        """Keep some of these rows: those with the smallest keys, which are as good as drawn by lot."""
        if not self._sampled or any(name not in coded.codes for name in self._sampled):
            return
        rows = np.column_stack([coded.codes[name][at] for name in self._sampled]).astype(np.int16)
        self._order = np.concatenate([self._order, keys])
        self._sample = np.concatenate([self._sample, rows])
        if len(self._order) > 2 * SAMPLED:
            kept = np.argpartition(self._order, SAMPLED)[:SAMPLED]
            self._order, self._sample = self._order[kept], self._sample[kept]

    def sampled(self) -> dict[str, NDArray[np.int64]]:
        """Codes of the kept rows by column, in the order of their keys."""
        order = np.argsort(self._order, kind="stable")[:SAMPLED]
        rows = self._sample[order].astype(np.int64)
        return {name: rows[:, place] for place, name in enumerate(self._sampled)}

    def window(self, span: tuple[float, float], joint: Joint | None) -> Window:
        """The counts so far.

        Args:
            span: beginning and end of the window, in seconds since 1970.
        """
        return Window(
            start=stamp(span[0]),
            end=stamp(span[1]),
            rows=self.rows,
            features=self._told(self._coder.features),
            answers=self._told(self._coder.answers),
            joint=joint,
        )

    def _told(self, columns: Mapping[str, Column]) -> dict[str, Counted]:
        found = {}
        for name, column in columns.items():
            shape, counts = counted(column, self._coder.kinds.get(name, "")), self._counts[name].tolist()
            found[name] = Counted(
                cells=tuple(counts[:-2]),
                labels=shape.labels,
                ordered=shape.ordered,
                missing=counts[-1],
                beyond=self._outside[name] if shape.ordered else counts[-2],
            )
        return found


def _codes(column: Column) -> int:
    return 2 + len(column.counts if isinstance(column, Numbers) else column.categories)


def stamp(seconds: float) -> str:
    """RFC 3339 in UTC, to the second; empty for no time."""
    if not np.isfinite(seconds):
        return ""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
