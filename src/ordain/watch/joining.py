"""Labels that came late, and the predictions that they are of: joined as the log is read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ordain.adapters.cells import number_of
from ordain.adapters.outcomes import Outcomes, group_column
from ordain.adapters.predictions import Batch
from ordain.adapters.spill import Spill, Table
from ordain.core.artifacts.signature import Signature
from ordain.core.drift.coming import Due
from ordain.learn.metrics import Answers
from ordain.watch.collect import Taken
from ordain.watch.tally import stamp

HOUR = 3600.0
DAY = 24 * HOUR  # a label may tell no more than its day
_OURS: Mapping[str, Any] = {"ours": 1}  # rows of the release itself
_RIPE: Mapping[str, Any] = {"ripe": 1}  # rows that are old enough for a label, whatever it says


class Joined(Struct, frozen=True, kw_only=True):
    """Some labelled predictions, oldest first.

    Attributes:
        answers: of all of them. groups: by column, of each row. hashed: those of them that a log shows as
            hashes.
    """

    answers: Answers
    groups: Mapping[str, Sequence[str]]
    hashed: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.answers.target)

    def newest(self, most: int) -> Joined:
        """The newest of them, without groups."""
        return Joined(answers=self.answers.take(np.arange(len(self))[-most:]), groups={})


class Joiner:
    """Finds the predictions that have a label, as the log is read.

    Of predictions that are too young for a label only those are known whose outcome came early, such as
    customers who left: these are counted, and nothing else is told by them.

    Args:
        outcomes: every label there is. signature: the release's.
        span: in seconds since 1970: predictions before the first are not looked at, of those after the
            second no label is expected yet, from the third on they are not looked at, and from the fourth
            on it is the future.
        length: of a window in which coverage is counted, in seconds.
        file: where what is found is kept.
    """

    def __init__(
        self,
        outcomes: Outcomes,
        signature: Signature,
        span: tuple[float, float, float, float],
        length: float,
        file: Spill,
    ) -> None:
        self.predictions = self.impossible = self.labelled = self.early = 0
        self.newest = -np.inf
        self.start, self.ripe, self._end, self._now = span
        self.length, self.reading = length, outcomes.reading
        self._due: Counter[int] = Counter()  # by windows before the time from which no label is expected
        self._punctual: Counter[int] = Counter()
        self._outcomes, self._signature, self._target = outcomes, signature, _target(signature)
        self._outputs = [f"output {at}" for at in range(len(signature.answer_columns))]
        own = ("key", "time", "delay", "version", "ours", "ripe", "target", *self._outputs)
        self._rows = Table(file, (*own, *map(group_column, outcomes.groups)))
        self._logged: set[str] = set()  # groups that the log tells and the labels do not

    def add(self, taken: Taken) -> None:
        """Match a batch; other versions too, which are counted by themselves."""
        batch = taken.batch
        times = batch.times[taken.at]
        inside = (times >= self.start) & (times < self._end)
        at, ours = taken.at[inside], taken.ours[inside]
        self.predictions += int(ours.sum())
        self._due.update(self._back(batch.times[at[ours]]))
        told = self._outcomes.find(batch.keys[at])
        at, ours = at[told.at], ours[told.at]
        if not len(at):
            return
        target = np.array([self._target(each) for each in told.labels], dtype=np.float64)
        output = np.column_stack([batch.outputs[each][at] for each in self._signature.answer_columns])
        good = np.isfinite(output).all(axis=1) & np.isfinite(target)
        impossible = good & self._impossible(told.times, batch.times[at])
        self.impossible += int((impossible & ours).sum())
        good &= ~impossible
        self._punctual.update(self._back(batch.times[at[good & ours]]))
        ripe = batch.times[at] < self.ripe
        self.labelled += int((good & ours).sum())
        self.early += int((good & ours & ~ripe).sum())
        self.newest = max(self.newest, batch.times[at[good & ours & ripe]].max(initial=-np.inf))
        groups = {**told.groups, **self._groups(batch, at)}
        self._keep(batch, (at, target, told.times, output), groups, (good, ours))

    def _keep(
        self,
        batch: Batch,
        found: tuple[NDArray[Any], ...],
        groups: Mapping[str, Sequence[str]],
        which: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    ) -> None:
        """Keep the good ones of the predictions with a label."""
        good, ours = which
        at, target, known, output = (each[good] for each in found)
        times, versions = batch.times[at], [*batch.versions.values, ""]
        columns = {
            "key": batch.keys[at].view(np.int64),
            "time": times,
            "delay": (known - times) / HOUR,
            "ours": ours[good],
            "ripe": times < self.ripe,
            "target": target,
            **dict(zip(self._outputs, output.T, strict=True)),
        }
        self._rows.add(
            {
                **{name: values.tolist() for name, values in columns.items()},
                "version": [versions[place] for place in batch.versions.places[at].tolist()],
                **{group_column(name): list(compress(values, good)) for name, values in groups.items()},
            }
        )

    def _impossible(self, known: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Labels of before their predictions, which were made at these times, or of the future."""
        return (known < times - DAY) | (known > self._now + DAY)

    def _groups(self, batch: Batch, at: NDArray[np.int64]) -> dict[str, list[str]]:
        """Groups that the log tells and the labels do not."""
        found = {}
        for name, told in batch.groups.items():
            if name not in self._outcomes.groups:
                values = [*told.values, ""]
                found[name] = [values[place] for place in told.places[at].tolist()]
        self._logged |= found.keys()
        return found

    def _back(self, times: NDArray[np.float64]) -> dict[int, int]:
        """How many of these fall into which window, counted back; those that are too young into none."""
        back = ((self.ripe - times[times < self.ripe]) // self.length).astype(np.int64)
        return dict(zip(*(each.tolist() for each in np.unique(back, return_counts=True)), strict=True))

    def windows(self, older: int) -> list[Due]:
        """Windows with predictions that are old enough for a label, oldest first.

        Args:
            older: windows by which they must be older still.
        """
        return [
            Due(start=stamp(self.ripe - (back + 1) * self.length), due=count, labelled=self._punctual[back])
            for back, count in sorted(self._due.items(), reverse=True)
            if back >= older
        ]

    @property
    def due(self) -> int:
        """Predictions that are old enough for a label."""
        return self._due.total()

    @property
    def punctual(self) -> int:
        """Predictions with a label of those that are old enough for one."""
        return self._punctual.total()

    @property
    def groups(self) -> tuple[str, ...]:
        """Columns by which labelled predictions are told apart."""
        return (*self._outcomes.groups, *sorted(self._logged))

    def sizes(self, column: str) -> Iterator[tuple[str, int]]:
        """The release's labelled predictions by group, the largest first."""
        yield from self._rows.sizes(group_column(column), {**_OURS, **_RIPE})

    def versions(self) -> Iterator[tuple[str, int]]:
        """All labelled predictions by version, the largest first."""
        yield from self._rows.sizes("version", _RIPE)

    def since(self, seconds: float) -> int:
        """Labelled predictions of the release after a time."""
        return self._rows.count({**_OURS, **_RIPE}, ("time", seconds))

    def delays(self, shares: Sequence[float]) -> list[float | None]:
        """Quantiles of the hours that labels of the release take; None where no label says when it came."""
        return [self._rows.quantile("delay", each, _OURS) for each in shares]

    def usual_delay(self, share: float) -> float | None:
        """The same of all versions: a young one has none but the fastest labels yet."""
        return self._rows.quantile("delay", share, {})

    def delays_by_class(self, fewest: int, most: int) -> dict[str, float]:
        """Median hours that labels of the release take, of the first classes that have so many labels."""
        found: dict[str, float] = {}
        for place, name in enumerate((self._signature.classes or ())[:most]):
            where = {**_OURS, "target": float(place)}
            hours = self._rows.quantile("delay", 0.5, where) if self._rows.count(where) >= fewest else None
            found |= {} if hours is None else {name: hours}
        return found

    def of_group(self, column: str, value: str, most: int) -> Joined:
        """The newest labelled predictions of the release in a group."""
        return self._joined({**_OURS, group_column(column): value}, most, ())

    def of_version(self, version: str, most: int) -> Joined:
        """The newest labelled predictions of a version."""
        return self._joined({"version": version}, most, ())

    def of_release(self, most: int, groups: Sequence[str] = ()) -> Joined:
        """The newest labelled predictions of the release, with those of these groups that are known."""
        return self._joined(_OURS, most, [each for each in groups if each in self.groups])

    def _joined(self, where: Mapping[str, Any], most: int, groups: Sequence[str]) -> Joined:
        names = ["target", *self._outputs, *map(group_column, groups)]
        found = self._rows.last(names, "time", {**where, **_RIPE}, most)
        target = np.array(found["target"], dtype=np.float64)
        personal = {each.name for each in self._signature.features if each.personal}
        return Joined(
            answers=Answers(
                task=self._signature.task,
                target=target if self._signature.classes is None else target.astype(np.int64),
                output=np.column_stack([np.array(found[each], dtype=np.float64) for each in self._outputs]),
                threshold=self._signature.threshold,
            ),
            groups={name: found[group_column(name)] for name in groups},
            hashed=frozenset(self._logged) & personal,
        )

    @property
    def unmatched(self) -> int:
        """Labels that are of no prediction."""
        return self.known - self._rows.distinct("key")

    @property
    def unknown(self) -> int:
        """Labels that are no class, or no number; one that has not come yet is none of these."""
        return sum(
            rows for label, rows in self._outcomes.labels() if label and math.isnan(self._target(label))
        )

    @property
    def known(self) -> int:
        """Labels that there are, whether or not they belong to a prediction."""
        return len(self._outcomes)


def _target(signature: Signature) -> Callable[[str], float]:
    """What reads a label: its class number or value; NaN for what is neither."""
    if signature.classes is None:
        return number_of
    table = {name: float(place) for place, name in enumerate(signature.classes)}
    return lambda label: table.get(label, math.nan)
