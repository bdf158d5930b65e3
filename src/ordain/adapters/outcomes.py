"""The door to labels that came late: CSV, JSON lines or Parquet, one row for each outcome that is known.

Columns: `id`, the prediction's; `label`, the true class or value; optionally `row`, its place in a request
of several rows, and `time`, when the label became known. Every other column is a group that performance
is reported by, such as a sensitive column that the prediction log must not hold.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator, Mapping
from typing import IO, Any

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from ordain.adapters.keys import keys_of
from ordain.adapters.log_places import LogPlace
from ordain.errors import UserError

ENDINGS = (".csv", ".jsonl", ".parquet")
MOST = 20_000_000
MOST_GROUPS = 20
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
        groups: by column; empty text where a row has none.
        files, unreadable: all of them, and those of which only the beginning, or nothing, is of use.
    """

    keys: NDArray[np.uint64]
    labels: tuple[str, ...]
    times: NDArray[np.float64]
    groups: Mapping[str, tuple[str, ...]]
    files: int = 0
    unreadable: int = 0

    def __len__(self) -> int:
        return len(self.keys)


def read_outcomes(place: LogPlace, names: Names = NAMES) -> Outcomes:
    """All labels at a place; none when nothing is there.

    Raises:
        UserError: when no file is a table with an id and a label, or there are too many labels.
        RetryLater: when the place does not answer.
    """
    rows: list[Mapping[str, Any]] = []
    refused: list[UserError] = []
    files = place.files(ENDINGS)
    for path in files:
        found, fault = _table(place, path, names)
        rows += found
        if fault:
            refused.append(_refused(path.rpartition("/")[2], fault, names))
        if len(rows) > MOST:
            raise _refused(path.rpartition("/")[2], f"there are more than {MOST} labels", names)
    if refused and not rows:
        raise refused[0]
    return replace(_outcomes(rows), files=len(files), unreadable=len(refused))


def _table(place: LogPlace, path: str, names: Names) -> tuple[list[Mapping[str, Any]], str]:
    """The labels of one file as far as it is of use, and what is wrong with it."""
    rows: list[Mapping[str, Any]] = []
    fault = ""
    try:
        with place.opened(path) as stream:
            for row in _read(stream, path):
                rows.append(_named(row, names))  # what came before a fault is kept
                if len(rows) > MOST:
                    break
    except (OSError, ValueError, csv.Error, msgspec.MsgspecError) as error:
        fault = f"it cannot be read ({type(error).__name__})"
    if rows and not {"id", "label"} <= rows[0].keys():
        return [], f"it has no columns `{names.id}` and `{names.label}`"
    return rows, fault


def _named(row: Mapping[str, Any], names: Names) -> Mapping[str, Any]:
    """A row with the names that are used here; a column that has one of them and is not meant is left out."""
    if names == NAMES:
        return row
    ours = {"id": names.id, "label": names.label}
    own = {name: row[called] for name, called in ours.items() if called in row}
    taken = {*ours, *ours.values()}
    return {**{name: value for name, value in row.items() if name not in taken}, **own}


def _read(stream: IO[bytes], path: str) -> Iterator[Mapping[str, Any]]:
    if path.endswith(".parquet"):
        from pyarrow import parquet

        for batch in parquet.ParquetFile(stream).iter_batches():
            yield from batch.to_pylist()
    elif path.endswith(".jsonl"):
        yield from (msgspec.json.decode(line, type=dict[str, Any]) for line in stream if line.strip())
    else:
        text = io.TextIOWrapper(stream, "utf-8-sig", newline="")
        try:
            yield from csv.DictReader(text, strict=True)
        finally:
            text.detach()  # whoever opened the stream closes it


def _outcomes(rows: list[Mapping[str, Any]]) -> Outcomes:
    names = sorted({str(name) for row in rows[:1000] for name in row} - _OWN)[:MOST_GROUPS]
    places = np.array([_place(row.get("row")) for row in rows], dtype=np.uint64)
    keys = keys_of([text_of(row.get("id")) for row in rows], places)
    times = np.array([_seconds(row.get("time")) for row in rows], dtype=np.float64)
    order = np.lexsort((np.arange(len(rows)), np.nan_to_num(times, nan=-np.inf), keys))
    last = np.append(keys[order][1:] != keys[order][:-1], True)[: len(rows)]
    kept = order[last & (keys[order] != 0)]
    chosen = [rows[at] for at in kept.tolist()]
    return Outcomes(
        keys=keys[kept],
        labels=tuple(text_of(row.get("label")) for row in chosen),
        times=times[kept],
        groups={name: tuple(text_of(row.get(name)) for row in chosen) for name in names},
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
