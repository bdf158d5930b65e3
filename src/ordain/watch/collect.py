"""Read a log once, into windows: what is not this model's, not now or not new is counted and left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ordain.adapters.predictions import Batch, Text
from ordain.adapters.predictions import Tally as Met
from ordain.core.drift.evidence import Reading
from ordain.core.profile import Profile
from ordain.core.signature import Signature
from ordain.watch.columns import Coder
from ordain.watch.seen import Seen
from ordain.watch.spans import Spans
from ordain.watch.tally import FINE, Tally, stamp

MOST_NAMES = 50


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


class Collector:
    """Windows of one release's predictions.

    Args:
        profile, signature: the release's. who: names of model and release.
        spans: how to cut the log. kept: newest windows to keep, and how many of them with a sample for
            the domain classifier.
    """

    def __init__(
        self, release: tuple[Profile, Signature], who: Who, spans: Spans, kept: tuple[int, int]
    ) -> None:
        profile, signature = release
        self.coder = Coder(profile, signature)
        self.tallies: dict[int, Tally] = {}
        self._who, self.spans, self._kept = who, spans, kept
        self._dimensions = profile.dimensions
        self._positive = signature.answer_columns[-1] if signature.task == "binary" else ""
        self._seen = Seen()
        self._latest = self._newest = -np.inf
        self._counts: Counter[str] = Counter()
        self._models: Counter[str] = Counter()
        self._versions: Counter[str] = Counter()
        self._faults: dict[str, Counter[str]] = {name: Counter() for name in ("absent", "mistyped", "extra")}

    def read(self, batches: Iterable[Batch], now: float, also: Callable[[Taken], None]) -> None:
        """Count every batch.

        Args:
            now: seconds since 1970 beyond which a prediction is of the future.
            also: is given what was taken, whatever its version and window.
        """
        for batch in batches:
            taken = self._taken(batch, now)
            also(taken)
            self._add(batch, taken.at[taken.ours])

    def _taken(self, batch: Batch, now: float) -> Taken:
        ours = _named(batch.models, {self._who.model}, self._models)
        fresh = self._seen.fresh(batch.keys)
        late = batch.times > now
        self._counts["duplicates"] += int((ours & ~fresh).sum())
        self._counts["future"] += int((ours & fresh & late).sum())
        at = np.flatnonzero(ours & fresh & ~late)
        versions = Text(batch.versions.places[at], batch.versions.values)
        wanted = self._who.versions or frozenset(batch.versions.values)
        return Taken(batch=batch, at=at, ours=_named(versions, wanted, self._versions))

    def _add(self, batch: Batch, at: NDArray[np.int64]) -> None:
        if not len(at):
            return
        self._counts["records"] += len(at)
        for name, counter in self._faults.items():
            for column, rows in getattr(batch, name).items():
                if column in counter or len(counter) < MOST_NAMES:
                    counter[column] += min(rows, len(at))
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
            rows = at[numbers == number]
            tally = self._tally(number)
            tally.add(coded, rows, batch.times[rows])
            tally.sample(coded, rows, np.where(batch.keys[rows] == 0, _lots(rows), batch.keys[rows]))
            if self._positive:
                tally.fine += _fine(batch.outputs[self._positive][rows])

    def _tally(self, number: int) -> Tally:
        """The window of a number, made at need; the oldest ones go."""
        if number not in self.tallies:
            sampled = number > self.spans.newest() - self._kept[1]
            self.tallies[number] = Tally(self.coder, self._dimensions if sampled else ())
            for old in [each for each in self.tallies if each <= max(self.tallies) - self._kept[0] - 1]:
                del self.tallies[old]
        return self.tallies[number]

    def reading(self, met: Met) -> Reading:
        """All of it, counted."""
        faults = {name: dict(sorted(counter.items())) for name, counter in self._faults.items()}
        return Reading(
            files=met.files,
            unreadable=met.unreadable,
            records=self._counts["records"],
            corrupt=met.corrupt,
            duplicates=self._counts["duplicates"],
            out_of_order=self._counts["out_of_order"],
            future=self._counts["future"],
            outside=self._counts["outside"],
            other_models=dict(self._models.most_common(MOST_NAMES)),
            other_versions=dict(self._versions.most_common(MOST_NAMES)),
            newest=stamp(self._newest) or None,
            absent=faults["absent"],
            mistyped=faults["mistyped"],
            extra=faults["extra"],
        )

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
        if name in others or len(others) < MOST_NAMES:
            others[name] += int(count)
    return found


def _lots(rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Something like keys for rows without one."""
    return (rows.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)


def _fine(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    present = probabilities[(probabilities >= 0) & (probabilities <= 1)]
    places = np.minimum((present * FINE).astype(np.int64), FINE - 1)
    return np.bincount(places, minlength=FINE)
