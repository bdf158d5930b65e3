"""Performance with labels that came late: joined by prediction, with intervals, by version and by group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ordain.adapters.outcomes import Outcomes
from ordain.core.artifacts.profile import Numbers, Profile
from ordain.core.artifacts.signature import Signature
from ordain.core.canonical import rounded
from ordain.core.drift.counts import Counted, counted
from ordain.core.drift.measured import Measurement, Performance, Slice
from ordain.core.gating.gates import Group, ends, finite
from ordain.core.specs.spec import ColumnContract
from ordain.learn import coding
from ordain.learn.bootstrap import intervals
from ordain.learn.metrics import MEASURES, Answers, measure
from ordain.watch.collect import Taken
from ordain.watch.tally import stamp

SEED = 0
FEWEST = 30  # labelled rows of a slice that is reported
MOST_SLICES = 20
HOUR = 3600.0
DAY = 24.0  # hours; a label may tell no more than its day
MISSING = "missing"
_TRUTHS = {"0": "false", "1": "true", "false": "false", "true": "true"}


class Joined(Struct, frozen=True, kw_only=True):
    """Labelled predictions.

    Attributes:
        answers: of all of them. times: of the predictions, seconds since 1970. delays: hours; NaN where
            a label does not say when. versions: of each row. ours: rows of the release itself.
        groups: by column, of each row.
    """

    answers: Answers
    times: NDArray[np.float64]
    delays: NDArray[np.float64]
    versions: NDArray[np.object_]
    ours: NDArray[np.bool_]
    groups: Mapping[str, NDArray[np.object_]]

    def of(self, rows: NDArray[Any]) -> Joined:
        """Some of the rows."""
        return Joined(
            answers=self.answers.take(rows),
            times=self.times[rows],
            delays=self.delays[rows],
            versions=self.versions[rows],
            ours=self.ours[rows],
            groups={name: values[rows] for name, values in self.groups.items()},
        )

    def __len__(self) -> int:
        return len(self.times)


class Joiner:
    """Finds the predictions that have a label, as the log is read.

    Args:
        outcomes: every label there is. signature: the release's.
        span: in seconds since 1970: predictions before the first are not looked at, of those after the
            second no label is expected yet.
    """

    def __init__(self, outcomes: Outcomes, signature: Signature, span: tuple[float, float]) -> None:
        self.predictions, self.due = 0, 0
        self.start, self.ripe = span
        self._outcomes, self._signature = outcomes, signature
        self.files, self.unreadable = outcomes.files, outcomes.unreadable
        self._target = _targets(outcomes.labels, signature)
        self._found: list[tuple[NDArray[Any], ...]] = []

    def add(self, taken: Taken) -> None:
        """Match a batch; other versions too, which are counted by themselves."""
        batch = taken.batch
        inside = batch.times[taken.at] >= self.start
        at, ours = taken.at[inside], taken.ours[inside]
        self.predictions += int(ours.sum())
        self.due += int((ours & (batch.times[at] < self.ripe)).sum())
        if not len(self._outcomes) or not len(at):
            return
        keys = batch.keys[at]
        places = np.minimum(np.searchsorted(self._outcomes.keys, keys), len(self._outcomes) - 1)
        output = np.column_stack([batch.outputs[each][at] for each in self._signature.answer_columns])
        good = (self._outcomes.keys[places] == keys) & np.isfinite(output).all(axis=1)
        good &= np.isfinite(self._target[places])
        names = np.array([*batch.versions.values, ""], dtype=object)[batch.versions.places[at]]
        self._found.append((places[good], batch.times[at][good], output[good], names[good], ours[good]))

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
                name: np.array([*values, ""], dtype=object)[places]
                for name, values in self._outcomes.groups.items()
            },
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


def recent(joined: Joined, seconds: float, rows: int) -> Joined:
    """The newest labelled predictions of the release: what is judged, so that a fall is not averaged away.

    Args:
        seconds: before the newest of them, of which all are taken.
        rows: that are taken at least, as far as there are.
    """
    ours = joined.of(joined.ours)
    oldest_first = np.argsort(ours.times, kind="stable")
    inside = int((ours.times > ours.times.max(initial=-np.inf) - seconds).sum())
    return ours.of(oldest_first[-max(inside, rows) :])


def performance(joiner: Joiner, everything: Joined, newest: Joined, end: float, now: float) -> Performance:
    """Metrics of the release's labelled predictions, of the newest by group, and of other versions.

    Verdicts are added elsewhere.

    Args:
        everything: all of them. newest: see `recent`.
        end: of the time looked at, in seconds since 1970. now: beyond which a label is of the future.
    """
    start, joined = joiner.start, everything.of(everything.ours)
    ripe = max(start, min(joiner.ripe, end))
    impossible = (joined.delays < -DAY) | (joined.times / HOUR + joined.delays > now / HOUR + DAY)
    delays = joined.delays[np.isfinite(joined.delays) & ~impossible]
    median, late = np.quantile(delays, [0.5, 0.9]) if len(delays) else (0.0, 0.0)
    return Performance(
        start=stamp(start),
        end=stamp(end),
        middle=stamp((start + ripe) / 2),
        known=joiner.known,
        predictions=joiner.predictions,
        labelled=len(joined),
        due=joiner.due,
        punctual=int((joined.times < joiner.ripe).sum()),
        newest=stamp(joined.times.max(initial=-np.inf)),
        unmatched=joiner.known - len(everything),
        files=joiner.files,
        unreadable=joiner.unreadable,
        unknown=joiner.unknown,
        impossible=int(impossible.sum()),
        delay=(rounded(median, 2), rounded(late, 2)) if len(delays) else None,
        overall=_slice("all", joined.answers) if len(joined) >= FEWEST else None,
        recent=_slice("newest", newest.answers) if len(newest) >= FEWEST else None,
        versions=tuple(_slices("version", everything, everything.versions)),
        groups=tuple(
            each for name, values in joined.groups.items() for each in _slices(name, joined, values)
        ),
    )


def _slices(column: str, joined: Joined, values: NDArray[np.object_]) -> Iterator[Slice]:
    """Each value's rows, where there are enough; one value alone is everything, which is said already."""
    found = sorted(set(values.tolist()))
    for value in found[:MOST_SLICES] if len(found) > 1 else ():
        rows = values == value
        if rows.sum() >= FEWEST:
            yield _slice(f"{column}={value}", joined.answers.take(rows))


def _slice(name: str, answers: Answers) -> Slice:
    spans = intervals(answers, SEED)
    return Slice(
        name=name,
        rows=len(answers.target),
        metrics={
            metric: Measurement(value=finite(measure(metric, answers)), interval=ends(spans[metric]))
            for metric in sorted(MEASURES[answers.task])
        },
    )


def target_counts(joined: Joined, profile: Profile) -> tuple[Counted, Counted]:
    """The target's distribution in training and among the labelled predictions."""
    before, target = counted(profile.target), joined.answers.target
    if isinstance(profile.target, Numbers):
        codes = coding.numbers(target, profile.target)
        beyond = int(coding.outside(target, profile.target).sum())
    else:
        codes, beyond = target.astype(np.int64), 0
    cells = np.bincount(codes, minlength=len(before.cells))[: len(before.cells)]
    now = Counted(cells=tuple(cells.tolist()), labels=before.labels, ordered=before.ordered, beyond=beyond)
    return before, now


def sensitive(
    joined: Joined, columns: Mapping[str, ColumnContract], signature: Signature
) -> dict[str, list[Group]]:
    """What the decisions look like in the groups of each sensitive column that the labels tell."""
    from ordain.learn.fairness import expected_groups, groups

    if signature.positive is None or signature.classes is None:
        return {}
    positive = signature.classes.index(signature.positive)
    found = {}
    for name in columns.keys() & joined.groups.keys():
        words = _TRUTHS if columns[name].type == "boolean" else {}
        names = [words.get(each.lower(), each) or MISSING for each in joined.groups[name].tolist()]
        found[name] = groups(joined.answers, names, expected_groups(columns[name]), positive)
    return found
