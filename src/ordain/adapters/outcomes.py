"""The door to labels that came late: CSV, JSON lines or Parquet, one row for each outcome that is known.

Columns: `id`, the prediction's; `label`, the true class or value; optionally `row`, its place in a request
of several rows, and `time`, when the label became known. Every other column is a group that performance
is reported by, such as a sensitive column that the prediction log must not hold. Ids are not kept, and what
is kept is not in memory.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ordain.adapters.cells import place_in_request, seconds_of, text_of
from ordain.adapters.keys import keys_of
from ordain.adapters.log_places import LogPlace
from ordain.adapters.outcome_files import ENDINGS, ROWS, Row, rows_of
from ordain.adapters.spill import Keyed, Spill, Table
from ordain.errors import UserError

MOST = 20_000_000
MOST_GROUPS = 20  # columns beside those that are asked for
MOST_LEFT_OUT = 100  # columns of a file that are told by name
_OWN = frozenset({"id", "row", "label", "time"})


class Names(Struct, frozen=True, kw_only=True):
    """What two columns are called; `row` and `time` are always called that."""

    id: str = "id"
    label: str = "label"


NAMES = Names()


class Told(Struct, frozen=True, kw_only=True):
    """Labels of some predictions.

    Attributes:
        at: which of the predictions that were asked for. labels: as text; empty where there is none.
        times: seconds since 1970 at which the label became known; NaN where that is not said.
        groups: by column; empty text where a row has none.
    """

    at: NDArray[np.int64]
    labels: Sequence[str]
    times: NDArray[np.float64]
    groups: Mapping[str, Sequence[str]]


class Reading(Struct, frozen=True, kw_only=True):
    """What was met on the way.

    Attributes:
        left_out: columns that are no groups, since there are too many.
        files, unreadable: all of them, and those of which only the beginning, or nothing, is of use.
        corrupt: lines of the others that cannot be read, and rows without an id or of no place in a request.
        undated: rows with a time that cannot be read.
    """

    left_out: tuple[str, ...] = ()
    files: int = 0
    unreadable: int = 0
    corrupt: int = 0
    undated: int = 0


class Outcomes:
    """Labels by prediction, the newest where one prediction has several. They are not in memory.

    Args:
        rows: by `key` (`adapters.keys`), with `label`, `time`, and groups (`group_column`).
        groups: columns. reading: what was met.
    """

    def __init__(self, rows: Keyed, groups: Sequence[str], reading: Reading) -> None:
        self._rows, self.groups, self.reading = rows, tuple(groups), reading

    def __len__(self) -> int:
        return len(self._rows)

    def labels(self) -> Iterator[tuple[str, int]]:
        """Every label that occurs, and how often."""
        yield from self._rows.sizes("label")

    def find(self, keys: NDArray[np.uint64]) -> Told:
        """The labels that there are of some predictions, given by their keys."""
        places, found = self._rows.find(keys.view(np.int64).tolist())
        return Told(
            at=np.array(places, dtype=np.int64),
            labels=found["label"],
            times=np.array(found["time"], dtype=np.float64),
            groups={name: found[group_column(name)] for name in self.groups},
        )


def read_outcomes(
    place: LogPlace, file: Spill, names: Names = NAMES, wanted: Collection[str] = ()
) -> Outcomes:
    """All labels at a place; none when nothing is there.

    Args:
        file: where labels are kept. wanted: columns that are taken as groups however many others there are.

    Raises:
        UserError: when no file is a table with an id and a label, or there are too many labels.
        RetryLater: when the place does not answer.
    """
    labels = _Labels(file, wanted)
    refused: list[UserError] = []
    files = place.files(ENDINGS)
    for path in files:
        labels.begin()
        fault = _read(place, path, names, labels) or labels.fault(names)
        name = path.rpartition("/")[2]
        if fault:
            refused.append(_refused(name, fault, names))  # what came before a fault is kept
        if labels.rows > MOST:
            raise _refused(name, f"there are more than {MOST} labels", names)
    if refused and not labels.rows:
        raise refused[0]
    return labels.outcomes(len(files), len(refused))


def _read(place: LogPlace, path: str, names: Names, labels: _Labels) -> str:
    """Add the labels of one file; says why they are not all of them, if so."""
    rows: list[Row | None] = []
    fault = ""
    try:
        with place.opened(path) as stream:
            for row in rows_of(stream, path):
                rows.append(row and _named(row, names))
                if len(rows) >= ROWS:
                    labels.add(rows)
                    rows = []
                if labels.rows > MOST:
                    break
    except (OSError, ValueError, NotImplementedError, csv.Error) as error:
        fault = f"it cannot be read ({type(error).__name__})"
    labels.add(rows)
    return fault


def _named(row: Row, names: Names) -> Row:
    """A row with the names that are used here; a column that has one of them and is not meant is left out."""
    if names == NAMES:
        return row
    ours = {"id": names.id, "label": names.label}
    own = {name: row[called] for name, called in ours.items() if called in row}
    taken = {*ours, *ours.values()}
    return {**{name: value for name, value in row.items() if name not in taken}, **own}


class _Labels:
    """Labels of all files, as they are read.

    Attributes:
        rows: that were added.
    """

    def __init__(self, file: Spill, wanted: Collection[str]) -> None:
        self._table = Table(file, ("key", "label", "time"))
        self._wanted = frozenset(wanted)
        self._groups: dict[str, None] = {}
        self._left_out: set[str] = set()
        self.rows = self._corrupt = self._undated = 0
        self.begin()

    def begin(self) -> None:
        """Another file follows."""
        self._own: set[str] = set()
        self._others = 0
        self._before, self._damaged = self.rows, self._corrupt

    def add(self, rows: Sequence[Row | None]) -> None:
        """Rows by column, None for what is no row; those of a file without an id or a label are nothing."""
        whole = [each for each in rows if each is not None]
        names = dict.fromkeys(map(str, chain.from_iterable(whole)))
        self._own |= _OWN.intersection(names)
        at = [place_in_request(each.get("row")) for each in whole]
        ids = [
            text_of(each.get("id")) if place is not None else ""
            for each, place in zip(whole, at, strict=True)
        ]
        self._corrupt += len(rows) - len(whole) + ids.count("")
        if not {"id", "label"} <= self._own:
            self._others += len(whole)
            return
        places = np.array([place or 0 for place in at], dtype=np.uint64)
        known = [seconds_of(each.get("time")) for each in whole]
        self._undated += known.count(None)
        texts = {name: [text_of(each.get(name)) for each in whole] for name in names if name not in _OWN}
        self._table.add(
            {
                "key": keys_of(ids, places).view(np.int64).tolist(),
                "label": [text_of(each.get("label")) for each in whole],
                "time": [math.nan if each is None else each for each in known],
                **{group_column(name): texts[name] for name in texts if self._taken(name, texts[name])},
            }
        )
        self.rows += len(whole)

    def _taken(self, name: str, values: Sequence[str]) -> bool:
        """Whether a column is taken as groups: one that tells any, and as long as there is room."""
        if name in self._groups or not any(values):
            return name in self._groups
        others = len(self._groups.keys() - self._wanted)
        if name not in self._wanted and others == MOST_GROUPS:
            self._left_out |= {name} if len(self._left_out) < MOST_LEFT_OUT else set()
            return False
        self._groups[name] = None
        return True

    def fault(self, names: Names) -> str:
        """Why none of a file is of use; empty when some may be."""
        strange = self._others and not {"id", "label"} <= self._own
        damaged = self._corrupt > self._damaged and self.rows == self._before
        if strange or damaged:
            self._corrupt = self._damaged  # it is no table of labels, so none of its rows is a damaged one
        if strange:
            return f"it has no columns `{names.id}` and `{names.label}`"
        return "no line of it is a label" if damaged else ""

    def outcomes(self, files: int, unreadable: int) -> Outcomes:
        """All that was added."""
        reading = Reading(
            left_out=tuple(sorted(self._left_out)),
            files=files,
            unreadable=unreadable,
            corrupt=self._corrupt,
            undated=self._undated,
        )
        return Outcomes(self._table.keyed("key", "time"), sorted(self._groups), reading)


def group_column(name: str) -> str:
    """What the column of a group is called beside the others."""
    return f"group {name}"


def _refused(name: str, why: str, names: Names) -> UserError:
    return UserError(
        f"the labels are of no use: {why}",
        where=name,
        fix=f"give CSV, JSON lines or Parquet with the columns `{names.id}` and `{names.label}`",
    )
