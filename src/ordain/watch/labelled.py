"""Performance with labels that came late: joined by prediction, with intervals, by version and by group."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ordain.core.artifacts.profile import Numbers, Profile
from ordain.core.artifacts.signature import Signature
from ordain.core.canonical import rounded
from ordain.core.drift.coming import stopped
from ordain.core.drift.counts import Counted, counted
from ordain.core.drift.measured import Measurement, Omitted, Performance, Slice, Stopped
from ordain.core.gating.gates import Group, ends, finite
from ordain.core.specs.spec import ColumnContract
from ordain.learn import coding
from ordain.learn.bootstrap import intervals
from ordain.learn.metrics import MEASURES, measure
from ordain.watch.joining import DAY, HOUR, Joined, Joiner
from ordain.watch.tally import stamp

SEED = 0
LATE = 0.9  # of labels have come after the time that they are taken to need
UNEVEN = 2.0  # times as long as another that labels of one class take, by half of each
FEWEST = 30  # labelled rows of a slice that is reported
MOST_ROWS = 20_000  # of a slice that are measured, since resampling costs by the row
MOST_JUDGED = 100_000  # newest labelled predictions that gates are held against
MOST_SLICES = 20
LONGEST = 60  # name of a column that is left out
MOST_GROUPS = 50  # of a sensitive column; a column of more is none of groups
MISSING = "missing"
_TRUTHS = {"0": "false", "1": "true", "0.0": "false", "1.0": "true", "false": "false", "true": "true"}


def recent(joiner: Joiner, seconds: float, rows: int, groups: Sequence[str]) -> Joined:
    """The newest labelled predictions of the release: what is judged, so that a fall is not averaged away.

    Args:
        seconds: before the newest of them, of which all are taken, up to `MOST_JUDGED`.
        rows: that are taken at least, as far as there are. groups: columns that are wanted.
    """
    inside = joiner.since(joiner.newest - seconds)
    return joiner.of_release(min(max(inside, rows), MOST_JUDGED), groups)


def performance(joiner: Joiner, newest: Joined, end: float, needed: int) -> Performance:
    """Metrics of the release's labelled predictions, of the newest, by group, and of other versions.

    Args:
        newest: of them (see `recent`).
        end: of the time looked at, in seconds since 1970.
        needed: windows without labels that are a gap.
    """
    reading, delay, late = joiner.reading, _delay(joiner), joiner.usual_delay(LATE)
    versions = _slices("version", joiner.versions(), joiner.of_version)
    groups = [_grouped(joiner, name) for name in sorted(joiner.groups)]
    return Performance(
        start=stamp(joiner.start),
        end=stamp(end),
        middle=stamp(_middle(joiner, end)),
        known=joiner.known,
        predictions=joiner.predictions,
        labelled=joiner.labelled,
        early=joiner.early,
        uneven=_uneven(joiner, end),
        due=joiner.due,
        punctual=joiner.punctual,
        newest=stamp(joiner.newest),
        overdue=_overdue(joiner, late, end),
        stopped=_stopped(joiner, late, end - joiner.ripe, needed),
        unmatched=joiner.unmatched,
        files=reading.files,
        unreadable=reading.unreadable,
        corrupt=reading.corrupt,
        undated=reading.undated,
        unknown=joiner.unknown,
        impossible=joiner.impossible,
        delay=delay and (rounded(delay[0], 2), rounded(delay[1], 2)),
        overall=_slice("all", joiner.labelled - joiner.early, joiner.of_release(MOST_ROWS)),
        recent=_slice("newest", len(newest), newest.newest(MOST_ROWS)),
        versions=versions.shown,
        groups=tuple(each for sliced in groups for each in sliced.shown),
        omitted=_omitted((versions, *groups), reading.left_out),
    )


def _delay(joiner: Joiner) -> tuple[float, float] | None:
    """Median and 90th percentile; None without any."""
    median, late = joiner.delays([0.5, LATE])
    return None if median is None or late is None else (median, late)


def _uneven(joiner: Joiner, end: float) -> dict[str, float]:
    """Median hours by class where those of one are far behind, and no delay says what is too young."""
    hours = joiner.delays_by_class(FEWEST, MOST_SLICES) if joiner.ripe == end else {}
    least, most = min(hours.values(), default=0.0), max(hours.values(), default=0.0)
    apart = most > UNEVEN * max(0.0, least) and most - least > DAY / HOUR
    return {name: rounded(each, 2) for name, each in hours.items()} if apart and len(hours) > 1 else {}


def _stopped(joiner: Joiner, late: float | None, declared: float, needed: int) -> Stopped | None:
    """A gap in what should have labels by now: after the declared delay, and after the usual one.

    Args:
        late: hours that labels take at worst; None where no label says it. declared: delay in seconds.
    """
    if late is None and not declared:
        return None
    return stopped(joiner.windows(_older(joiner, (late or 0.0) * HOUR - declared)), needed)


def _overdue(joiner: Joiner, late: float | None, end: float) -> int:
    """Predictions that should have labels by now, by what is declared and by what is usual for the model.

    Where neither is known, none of the newer half of the time is missed.

    Args:
        late: as for `_stopped`. end: as for `performance`.
    """
    declared, middle = end - joiner.ripe, _middle(joiner, end)
    if late is not None:
        beyond = late * HOUR - declared
    elif declared or not any(joiner.versions()) or not math.isfinite(middle):
        beyond = 0.0
    else:
        beyond = joiner.ripe - middle
    return sum(each.due for each in joiner.windows(_older(joiner, beyond)))


def _middle(joiner: Joiner, end: float) -> float:
    """Half of the time in which predictions are old enough for a label, in seconds since 1970."""
    return (joiner.start + max(joiner.start, min(joiner.ripe, end))) / 2


def _older(joiner: Joiner, seconds: float) -> int:
    """Windows that last so long, rounded up."""
    return max(0, math.ceil(round(seconds / joiner.length, 6)))


class _Sliced(Struct, frozen=True):
    """Slices by one column, and what they leave out."""

    shown: tuple[Slice, ...]
    rest: Omitted


def _omitted(sliced: Sequence[_Sliced], columns: Sequence[str]) -> tuple[Omitted, ...]:
    """What slices leave out, and columns that are left out."""
    rests = [each.rest for each in sliced if each.rest.groups]
    return (*rests, *(Omitted(column=name[:LONGEST]) for name in columns))


def _slices(column: str, sizes: Iterable[tuple[str, int]], newest: Callable[[str, int], Joined]) -> _Sliced:
    """The largest groups, where they have enough rows; one value alone is said already.

    Args:
        sizes: of groups, the largest first. newest: the newest rows of a group, up to so many.
    """
    ranked = iter(sizes)
    largest = list(islice(ranked, MOST_SLICES))
    if len(largest) < 2:
        return _Sliced((), Omitted(column=column))
    shown = [(name, rows) for name, rows in largest if rows >= FEWEST]
    groups, rows = 0, 0
    for _, count in chain(largest[len(shown) :], ranked):
        groups, rows = groups + 1, rows + count
    found = (_slice(f"{column}={name}", count, newest(name, MOST_ROWS)) for name, count in shown)
    return _Sliced(
        tuple(each for each in found if each is not None), Omitted(column=column, groups=groups, rows=rows)
    )


def _grouped(joiner: Joiner, column: str) -> _Sliced:
    return _slices(column, joiner.sizes(column), partial(joiner.of_group, column))


def _slice(name: str, rows: int, newest: Joined) -> Slice | None:
    """Metrics of the newest rows, of as many as can be resampled in reasonable time; None of too few."""
    if rows < FEWEST:
        return None
    answers = newest.answers
    spans = intervals(answers, SEED)
    return Slice(
        name=name,
        rows=len(newest),
        older=rows - len(newest),
        metrics={
            metric: Measurement(value=finite(measure(metric, answers)), interval=ends(spans[metric]))
            for metric in sorted(MEASURES[answers.task])
        },
    )


def target_counts(joined: Joined, profile: Profile, parts: int) -> tuple[Counted, list[Counted]]:
    """The target's distribution in training, and in parts of the labelled predictions, oldest first."""
    cut = np.array_split(joined.answers.target, parts)
    return counted(profile.target), [_target_counts(each, profile) for each in cut]


def _target_counts(target: NDArray[Any], profile: Profile) -> Counted:
    before = counted(profile.target)
    if isinstance(profile.target, Numbers):
        codes = coding.numbers(target, profile.target)
        beyond = int(coding.outside(target, profile.target).sum())
    else:
        codes, beyond = target.astype(np.int64), 0
    cells = np.bincount(codes, minlength=len(before.cells))[: len(before.cells)]
    return Counted(cells=tuple(cells.tolist()), labels=before.labels, ordered=before.ordered, beyond=beyond)


def sensitive(
    joined: Joined, columns: Mapping[str, ColumnContract], signature: Signature
) -> dict[str, list[Group]]:
    """What the decisions look like in the groups of each sensitive column that labels or log tell.

    A log shows personal columns as hashes: which group is which stays unknown, and how many there must be
    does not.
    """
    from ordain.learn.fairness import expected_groups, groups

    if signature.positive is None or signature.classes is None:
        return {}
    positive = signature.classes.index(signature.positive)
    found = {}
    for name in columns.keys() & joined.groups.keys():
        told, promised = joined.groups[name], expected_groups(columns[name])
        if name in joined.hashed:
            names = [f"hash {each}" if each else MISSING for each in told]
            lacking = len(promised) - len(set(names) - {MISSING})
            promised = tuple(f"none of those seen ({place})" for place in range(1, lacking + 1))
        else:
            names = _named(told, columns[name], promised)
        if len(set(names)) <= MOST_GROUPS:
            found[name] = groups(joined.answers, names, promised, positive)
    return found


def _named(told: Sequence[str], column: ColumnContract, promised: Sequence[str]) -> list[str]:
    """The groups of rows, by what the cells stand for: a table writes whole numbers with a gap as `1.0`."""
    if column.type == "boolean":
        return [_TRUTHS.get(each.strip().lower(), each) or MISSING for each in told]
    whole = {**{f"{each}.0": each for each in promised}, **{each: each for each in promised}}
    return [whole.get(each.strip(), each) or MISSING for each in told]
