"""Performance with labels that came late: joined by prediction, with intervals, by version and by group."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

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
from ordain.watch.joining import HOUR, Joined, Joiner
from ordain.watch.tally import stamp

SEED = 0
FEWEST = 30  # labelled rows of a slice that is reported
MOST_ROWS = 20_000  # of a slice that are measured, since resampling costs by the row
MOST_SLICES = 20
LONGEST = 60  # name of a column that is left out
MOST_GROUPS = 50  # of a sensitive column; a column of more is none of groups
MISSING = "missing"
_TRUTHS = {"0": "false", "1": "true", "false": "false", "true": "true"}


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


def performance(joiner: Joiner, joineds: tuple[Joined, Joined], end: float, needed: int) -> Performance:
    """Metrics of the release's labelled predictions, of the newest, by group, and of other versions.

    Verdicts are added elsewhere.

    Args:
        joineds: all of them, and the newest (see `recent`).
        end: of the time looked at, in seconds since 1970.
        needed: windows without labels that are a gap.
    """
    everything, newest = joineds
    start, joined = joiner.start, everything.of(everything.ours)
    delay = _delay(joined.delays[np.isfinite(joined.delays)])
    versions = _slices("version", everything, everything.versions)
    groups = [_slices(name, joined, values) for name, values in joined.groups.items()]
    return Performance(
        start=stamp(start),
        end=stamp(end),
        middle=stamp((start + max(start, min(joiner.ripe, end))) / 2),
        known=joiner.known,
        predictions=joiner.predictions,
        labelled=len(joined),
        due=joiner.due,
        punctual=int((joined.times < joiner.ripe).sum()),
        newest=stamp(joined.times.max(initial=-np.inf)),
        stopped=_stopped(joiner, delay and delay[1], end - joiner.ripe, needed),
        unmatched=joiner.known - everything.matched,
        files=joiner.files,
        unreadable=joiner.unreadable,
        corrupt=joiner.corrupt,
        unknown=joiner.unknown,
        impossible=joiner.impossible,
        delay=delay and (rounded(delay[0], 2), rounded(delay[1], 2)),
        overall=_slice("all", joined) if len(joined) >= FEWEST else None,
        recent=_slice("newest", newest) if len(newest) >= FEWEST else None,
        versions=versions.shown,
        groups=tuple(each for sliced in groups for each in sliced.shown),
        omitted=_omitted((versions, *groups), joiner.left_out),
    )


def _delay(hours: NDArray[np.float64]) -> tuple[float, float] | None:
    """Median and 90th percentile; None without any."""
    if not len(hours):
        return None
    median, late = np.quantile(hours, [0.5, 0.9]).tolist()
    return median, late


def _stopped(joiner: Joiner, late: float | None, declared: float, needed: int) -> Stopped | None:
    """A gap in what should have labels by now: after the declared delay, and after the usual one.

    Args:
        late: hours that labels take at worst; None where no label says it. declared: delay in seconds.
    """
    if late is None and not declared:
        return None
    beyond = (late or 0.0) * HOUR - declared
    return stopped(joiner.windows(max(0, math.ceil(round(beyond / joiner.length, 6)))), needed)


class _Sliced(Struct, frozen=True):
    """Slices by one column, and what they leave out."""

    shown: tuple[Slice, ...]
    rest: Omitted


def _omitted(sliced: Sequence[_Sliced], columns: Sequence[str]) -> tuple[Omitted, ...]:
    """What slices leave out, and columns that are left out."""
    rests = [each.rest for each in sliced if each.rest.groups]
    return (*rests, *(Omitted(column=name[:LONGEST]) for name in columns))


def _slices(column: str, joined: Joined, values: NDArray[np.object_]) -> _Sliced:
    """The largest groups, where they have enough rows; one value alone is said already."""
    ranked = sorted(Counter(values.tolist()).items(), key=lambda each: (-each[1], each[0]))
    if len(ranked) < 2:
        return _Sliced((), Omitted(column=column))
    shown = [name for name, rows in ranked[:MOST_SLICES] if rows >= FEWEST]
    rest = ranked[len(shown) :]
    return _Sliced(
        tuple(_slice(f"{column}={name}", joined.of(values == name)) for name in shown),
        Omitted(column=column, groups=len(rest), rows=sum(rows for _, rows in rest)),
    )


def _slice(name: str, joined: Joined) -> Slice:
    """Metrics of the newest rows, of as many as can be resampled in reasonable time."""
    older = max(0, len(joined) - MOST_ROWS)
    answers = joined.answers
    if older:
        answers = answers.take(np.argsort(joined.times, kind="stable")[older:])
    spans = intervals(answers, SEED)
    return Slice(
        name=name,
        rows=len(joined) - older,
        older=older,
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
        told, promised = joined.groups[name].tolist(), expected_groups(columns[name])
        if name in joined.hashed:
            names = [f"hash {each}" if each else MISSING for each in told]
            lacking = len(promised) - len(set(names) - {MISSING})
            promised = tuple(f"none of those seen ({place})" for place in range(1, lacking + 1))
        else:
            words = _TRUTHS if columns[name].type == "boolean" else {}
            names = [words.get(each.lower(), each) or MISSING for each in told]
        if len(set(names)) <= MOST_GROUPS:
            found[name] = groups(joined.answers, names, promised, positive)
    return found
