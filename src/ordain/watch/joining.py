"""Labels that came late, and the predictions that they are of: joined as the log is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ordain.adapters.outcomes import Outcomes
from ordain.adapters.predictions import Batch
from ordain.core.artifacts.signature import Signature
from ordain.core.drift.coming import Due
from ordain.learn.metrics import Answers
from ordain.watch.collect import Taken
from ordain.watch.tally import stamp

HOUR = 3600.0
DAY = 24 * HOUR  # a label may tell no more than its day


class Joined(Struct, frozen=True, kw_only=True):
    """Labelled predictions.

    Attributes:
        answers: of all of them. times: of the predictions, seconds since 1970. delays: hours; NaN where
            a label does not say when. versions: of each row. ours: rows of the release itself.
        groups: by column, of each row. hashed: those of them that a log shows as hashes.
        matched: labels that these are of; fewer than rows where several versions answered.
    """

    answers: Answers
    times: NDArray[np.float64]
    delays: NDArray[np.float64]
    versions: NDArray[np.object_]
    ours: NDArray[np.bool_]
    groups: Mapping[str, NDArray[np.object_]]
    matched: int
    hashed: frozenset[str] = frozenset()

    def of(self, rows: NDArray[Any]) -> Joined:
        """Some of the rows."""
        return Joined(
            answers=self.answers.take(rows),
            times=self.times[rows],
            delays=self.delays[rows],
            versions=self.versions[rows],
            ours=self.ours[rows],
            groups={name: values[rows] for name, values in self.groups.items()},
            matched=self.matched,
            hashed=self.hashed,
        )

    def __len__(self) -> int:
        return len(self.times)


class Joiner:
    """Finds the predictions that have a label, as the log is read.

    Args:
        outcomes: every label there is. signature: the release's.
        span: in seconds since 1970: predictions before the first are not looked at, of those after the
            second no label is expected yet, and from the third on it is the future.
        length: of a window in which coverage is counted, in seconds.
    """

    def __init__(
        self, outcomes: Outcomes, signature: Signature, span: tuple[float, float, float], length: float
    ) -> None:
        self.predictions = 0
        self.impossible = 0
        self.start, self.ripe, self._now = span
        self.length = length
        self._due: Counter[int] = Counter()  # by windows before the time from which no label is expected
        self._punctual: Counter[int] = Counter()
        self._outcomes, self._signature = outcomes, signature
        self.files, self.unreadable, self.corrupt = outcomes.files, outcomes.unreadable, outcomes.corrupt
        self.left_out = outcomes.left_out
        self._target = _targets(outcomes.labels, signature)
        self._found: list[tuple[NDArray[Any], ...]] = []
        self._groups: dict[str, list[NDArray[np.object_]]] = {}
        self._rows = 0

    def add(self, taken: Taken) -> None:
        """Match a batch; other versions too, which are counted by themselves."""
        batch = taken.batch
        inside = batch.times[taken.at] >= self.start
        at, ours = taken.at[inside], taken.ours[inside]
        self.predictions += int(ours.sum())
        self._due.update(self._back(batch.times[at[ours]]))
        if not len(self._outcomes) or not len(at):
            return
        keys = batch.keys[at]
        places = np.minimum(np.searchsorted(self._outcomes.keys, keys), len(self._outcomes) - 1)
        output = np.column_stack([batch.outputs[each][at] for each in self._signature.answer_columns])
        good = (self._outcomes.keys[places] == keys) & np.isfinite(output).all(axis=1)
        good &= np.isfinite(self._target[places])
        impossible = good & self._impossible(places, batch.times[at])
        self.impossible += int((impossible & ours).sum())
        good &= ~impossible
        names = np.array([*batch.versions.values, ""], dtype=object)[batch.versions.places[at]]
        self._punctual.update(self._back(batch.times[at[good & ours]]))
        self._found.append((places[good], batch.times[at][good], output[good], names[good], ours[good]))
        self._add_groups(batch, at[good])

    def _impossible(self, places: NDArray[np.int64], times: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Labels of before their predictions, which were made at these times, or of the future."""
        known = self._outcomes.times[places]
        return (known < times - DAY) | (known > self._now + DAY)

    def _add_groups(self, batch: Batch, at: NDArray[np.int64]) -> None:
        """Groups that the log tells and the labels do not."""
        for name, told in batch.groups.items():
            if name not in self._outcomes.groups:
                before = self._groups.setdefault(name, [np.full(self._rows, "", dtype=object)])
                before.append(np.array([*told.values, ""], dtype=object)[told.places[at]])
        self._rows += len(at)
        for name, known in self._groups.items():
            if name not in batch.groups:
                known.append(np.full(len(at), "", dtype=object))

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

    def joined(self) -> Joined:
        """All that were found."""
        width = len(self._signature.answer_columns)
        nothing = (
            np.zeros(0, np.int64),
            np.zeros(0),
            np.zeros((0, width)),
            np.zeros(0, object),
            np.zeros(0, bool),
        )
        places, times, output, versions, ours = (
            np.concatenate(each) for each in zip(nothing, *self._found, strict=True)
        )
        personal = {each.name for each in self._signature.features if each.personal}
        labelled = self._outcomes.groups
        known = np.concatenate([self._outcomes.times, [np.nan]])[places]
        target = np.concatenate([self._target, [0.0]])[places]
        return Joined(
            answers=Answers(
                task=self._signature.task,
                target=target if self._signature.classes is None else target.astype(np.int64),
                output=output,
                threshold=self._signature.threshold,
            ),
            times=times,
            delays=(known - times) / HOUR,
            versions=versions,
            ours=ours,
            groups={
                **{name: np.array([*values, ""], dtype=object)[places] for name, values in labelled.items()},
                **{name: np.concatenate(values) for name, values in self._groups.items()},
            },
            hashed=frozenset(self._groups) & personal,
            matched=len(np.unique(places)),
        )

    @property
    def unknown(self) -> int:
        """Labels that are no class, or no number; one that has not come yet is none of these."""
        told = np.array([each != "" for each in self._outcomes.labels], dtype=np.bool_)
        return int((told & np.isnan(self._target)).sum())

    @property
    def known(self) -> int:
        """Labels that there are, whether or not they belong to a prediction."""
        return len(self._outcomes)


def _targets(labels: Sequence[str], signature: Signature) -> NDArray[np.float64]:
    """Class numbers or values; NaN for what is neither."""
    if signature.classes is not None:
        table = {name: float(place) for place, name in enumerate(signature.classes)}
        return np.array([table.get(each, np.nan) for each in labels], dtype=np.float64)
    return np.array([_number(each) for each in labels], dtype=np.float64)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return float("nan")
    return value if np.isfinite(value) else float("nan")
