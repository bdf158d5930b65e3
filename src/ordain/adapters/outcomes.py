"""The door to labels that came late: CSV, JSON lines or Parquet, one row for each outcome that is known.

Columns: `id`, the prediction's; `label`, the true class or value; optionally `row`, its place in a request
of several rows, and `time`, when the label became known. Every other column is a group that performance
is reported by, such as a sensitive column that the prediction log must not hold. Ids are
not kept, and of equal texts one.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Collection, Sequence
from itertools import chain
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from ordain.adapters.keys import keys_of
from ordain.adapters.log_places import LogPlace
from ordain.adapters.outcome_files import ENDINGS, ROWS, Row, rows_of
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


class Outcomes(Struct, frozen=True, kw_only=True):
    """Labels by prediction, the newest where one prediction has several.

    Attributes:
        keys: ascending (`adapters.keys`). labels: as text; empty where there is none.
        times: seconds since 1970 at which the label became known; NaN where that is not said.
        groups: by column; empty text where a row has none. left_out: columns that are none of them, since
            there are too many.
        files, unreadable: all of them, and those of which only the beginning, or nothing, is of use.
        corrupt: lines of the others that cannot be read, and rows without an id.
    """

    keys: NDArray[np.uint64]
    labels: tuple[str, ...]
    times: NDArray[np.float64]
    groups: dict[str, tuple[str, ...]]
    left_out: tuple[str, ...] = ()
    files: int = 0
    unreadable: int = 0
    corrupt: int = 0

    def __len__(self) -> int:
        return len(self.keys)


def read_outcomes(place: LogPlace, names: Names = NAMES, wanted: Collection[str] = ()) -> Outcomes:
    """All labels at a place; none when nothing is there.

    Args:
        wanted: columns that are taken as groups however many others there are.

    Raises:
        UserError: when no file is a table with an id and a label, or there are too many labels.
        RetryLater: when the place does not answer.
    """
    good: list[_Labels] = []
    refused: list[UserError] = []
    files = place.files(ENDINGS)
    for path in files:
        found = _Labels(wanted)
        fault = _read(place, path, names, found) or found.fault(names)
        name = path.rpartition("/")[2]
        if fault:
            refused.append(_refused(name, fault, names))
        if not found.fault(names):
            good.append(found)  # what came before a fault is kept
        if sum(map(len, good)) > MOST:
            raise _refused(name, f"there are more than {MOST} labels", names)
    if refused and not any(map(len, good)):
        raise refused[0]
    return replace(_outcomes(good, wanted), files=len(files), unreadable=len(refused))


def _read(place: LogPlace, path: str, names: Names, found: _Labels) -> str:
    """Add the labels of one file; says why they are not all of them, if so."""
    rows: list[Row | None] = []
    fault = ""
    try:
        with place.opened(path) as stream:
            for row in rows_of(stream, path):
                rows.append(row and _named(row, names))
                if len(rows) >= ROWS:
                    found.add(rows)
                    rows = []
                if len(found) > MOST:
                    break
    except (OSError, ValueError, NotImplementedError, csv.Error) as error:
        fault = f"it cannot be read ({type(error).__name__})"
    found.add(rows)
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
    """Labels of one file, in the order of reading.

    Attributes:
        keys, times: in parts. labels: as text. groups: by column. left_out: names of other columns.
        corrupt: lines that are no rows, and rows without an id.
    """

    def __init__(self, wanted: Collection[str]) -> None:
        self.keys: list[NDArray[np.uint64]] = []
        self.times: list[NDArray[np.float64]] = []
        self.labels: list[str] = []
        self.groups: dict[str, list[str]] = {}
        self.left_out: set[str] = set()
        self.corrupt = 0
        self._wanted, self._others = frozenset(wanted), 0
        self._own: set[str] = set()
        self._texts: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self.labels)

    def add(self, rows: Sequence[Row | None]) -> None:
        """Rows by column, None for what is no row."""
        whole = [each for each in rows if each is not None]
        ids = [text_of(each.get("id")) for each in whole]
        places = np.array([_place(each.get("row")) for each in whole], dtype=np.uint64)
        self.corrupt += len(rows) - len(whole) + ids.count("")
        for name in dict.fromkeys(chain.from_iterable(whole)):
            self._meet(str(name))
        for name, values in self.groups.items():
            values.extend(self._column(whole, name))
        self.keys.append(keys_of(ids, places))
        self.times.append(np.array([_seconds(each.get("time")) for each in whole], dtype=np.float64))
        self.labels += self._column(whole, "label")

    def _meet(self, name: str) -> None:
        """Take a column as groups, if there is room; one that comes late was empty before."""
        if name in _OWN:
            self._own.add(name)
        elif name not in self.groups:
            other = name not in self._wanted
            if other and self._others == MOST_GROUPS:
                self.left_out |= {name} if len(self.left_out) < MOST_LEFT_OUT else set()
                return
            self._others += other
            self.groups[name] = [""] * len(self)

    def _column(self, rows: Sequence[Row], name: str) -> list[str]:
        texts = (text_of(each.get(name)) for each in rows)
        return [self._texts.setdefault(each, each) for each in texts]

    def fault(self, names: Names) -> str:
        """Why none of it is of use; empty when some may be."""
        if len(self) and not {"id", "label"} <= self._own:
            return f"it has no columns `{names.id}` and `{names.label}`"
        return "no line of it is a label" if self.corrupt and not len(self) else ""


def _outcomes(parts: Sequence[_Labels], wanted: Collection[str]) -> Outcomes:
    known = {name for part in parts for name, values in part.groups.items() if any(values)}
    taken = {*sorted(known.difference(wanted))[:MOST_GROUPS], *known.intersection(wanted)}
    left_out = known.union(*(part.left_out for part in parts)) - taken
    keys = np.concatenate([np.zeros(0, np.uint64), *(each for part in parts for each in part.keys)])
    times = np.concatenate([np.zeros(0), *(each for part in parts for each in part.times)])
    order = np.lexsort((np.arange(len(keys)), np.nan_to_num(times, nan=-np.inf), keys))
    last = np.append(keys[order][1:] != keys[order][:-1], True)[: len(keys)]
    kept = order[last & (keys[order] != 0)]
    labels = [each for part in parts for each in part.labels]
    groups = {
        name: [each for part in parts for each in part.groups.get(name) or [""] * len(part)]
        for name in sorted(taken)
    }
    rows = kept.tolist()
    return Outcomes(
        keys=keys[kept],
        labels=tuple(labels[row] for row in rows),
        times=times[kept],
        groups={name: tuple(values[row] for row in rows) for name, values in groups.items()},
        left_out=tuple(sorted(left_out)),
        corrupt=sum(part.corrupt for part in parts),
    )


def text_of(value: Any) -> str:
    """A cell as a label: text as it is, whole numbers without a point, booleans in lower case."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _place(value: Any) -> int:
    text = text_of(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _seconds(value: Any) -> float:
    """A time in RFC 3339, or as Parquet gives it; a day means its beginning, no zone means UTC."""
    try:
        moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    except ValueError:
        return float("nan")
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def _refused(name: str, why: str, names: Names) -> UserError:
    return UserError(
        f"the labels are of no use: {why}",
        where=name,
        fix=f"give CSV, JSON lines or Parquet with the columns `{names.id}` and `{names.label}`",
    )
