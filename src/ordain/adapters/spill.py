"""Tables that need not fit in memory: SQLite in a temporary file that has no name.

SQLite opens such a file for its user alone (0600) and unlinks it at once, so nothing of it is left however a
process ends. No name of a column and no value from outside becomes part of a statement.
"""

# ruff: noqa: S608 - every name in a statement is made here

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import msgspec

from ordain.errors import UserError

CACHE = 16 * 1024  # KiB of pages that are held in memory
CHUNK = 10_000  # rows
Column = Sequence[Any]
Where = Mapping[str, Any]


class Spill:
    """The file; closed, it is gone."""

    def __init__(self) -> None:
        with _faults():
            self._connection = sqlite3.connect("", isolation_level=None)
            # It is lost with its process anyway, so nothing has to be undone.
            for each in ("journal_mode = OFF", f"cache_size = -{CACHE}", "temp_store = FILE"):
                self._connection.execute(f"PRAGMA {each}")
            self._connection.execute("BEGIN")
        self._tables = 0

    def __enter__(self) -> Spill:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def name(self) -> str:
        """What no table is called yet."""
        self._tables += 1
        return f"t{self._tables}"

    def rows(self, statement: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """What a statement finds, row by row."""
        with _faults():
            yield from self._connection.execute(statement, values)

    def run(self, statement: str) -> None:
        """Run a statement that finds nothing."""
        with _faults():
            self._connection.execute(statement)

    def write(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each row of values."""
        with _faults():
            self._connection.executemany(statement, rows)


class Table:
    """Rows of numbers and texts by column; NaN is none. A column that comes late is empty text before.

    Args:
        file: where they lie. columns: that it begins with.
    """

    def __init__(self, file: Spill, columns: Sequence[str]) -> None:
        self._file, self._name = file, file.name()
        self._columns = {name: f"c{at}" for at, name in enumerate(columns)}
        file.run(f"CREATE TABLE {self._name} ({', '.join(self._columns.values())})")

    def add(self, columns: Mapping[str, Column]) -> None:
        """Add rows, given by column, all of one length."""
        for name in columns.keys() - self._columns.keys():
            self._columns[name] = column = f"c{len(self._columns)}"
            self._file.run(f"ALTER TABLE {self._name} ADD COLUMN {column} DEFAULT ''")
        names = ", ".join(self._columns[each] for each in columns)
        marks = ", ".join("?" * len(columns))
        rows = zip(*columns.values(), strict=True)
        self._file.write(f"INSERT INTO {self._name} ({names}) VALUES ({marks})", rows)

    def __len__(self) -> int:
        return self.count({})

    def count(self, where: Where, above: tuple[str, float] = ("", 0.0)) -> int:
        """Rows with these values, and above a number in one column."""
        condition, values = self._condition(where)
        if above[0]:
            condition, values = f"{condition} AND {self._columns[above[0]]} > ?", (*values, above[1])
        ((rows,),) = self._file.rows(f"SELECT count(*) FROM {self._name} WHERE {condition}", *values)
        return int(rows)

    def distinct(self, name: str) -> int:
        """Different values of a column."""
        column = self._columns[name]
        ((values,),) = self._file.rows(f"SELECT count(DISTINCT {column}) FROM {self._name}")
        return int(values)

    def sizes(self, name: str, where: Where) -> Iterator[tuple[Any, int]]:
        """The values of a column with their rows, the most frequent first."""
        column, (condition, values) = self._columns[name], self._condition(where)
        yield from self._file.rows(
            f"SELECT {column}, count(*) FROM {self._name} WHERE {condition} "
            f"GROUP BY {column} ORDER BY count(*) DESC, {column}",
            *values,
        )

    def last(self, names: Sequence[str], by: str, where: Where, most: int) -> dict[str, Column]:
        """The rows that are greatest by a column, ascending, and of equal ones those that came last."""
        columns, (condition, values) = [self._columns[each] for each in names], self._condition(where)
        found = self._file.rows(
            f"SELECT {', '.join(columns)} FROM {self._name} WHERE {condition} "
            f"ORDER BY {self._columns[by]} DESC, rowid DESC LIMIT ?",
            *values, most,
        )  # fmt: skip
        whole: list[list[Any]] = [[] for _ in names]
        while some := list(islice(found, CHUNK)):  # rows as Python has them are several times as large
            for column, values in zip(whole, zip(*some, strict=True), strict=True):
                column.extend(values)
        return {name: column[::-1] for name, column in zip(names, whole, strict=True)}

    def quantile(self, name: str, share: float, where: Where) -> float | None:
        """A quantile of a column's numbers, between two of them by proportion; None without any."""
        condition, values = self._condition(where)
        condition = f"{condition} AND {self._columns[name]} IS NOT NULL"
        ((rows,),) = self._file.rows(f"SELECT count(*) FROM {self._name} WHERE {condition}", *values)
        if not rows:
            return None
        place = share * (rows - 1)
        low, *high = self._file.rows(
            f"SELECT {self._columns[name]} FROM {self._name} WHERE {condition} ORDER BY 1 LIMIT 2 OFFSET ?",
            *values, math.floor(place),
        )  # fmt: skip
        beside = high[0][0] if high else low[0]
        return float(low[0] + (beside - low[0]) * (place % 1))

    def keyed(self, key: str, by: str) -> Keyed:
        """The greatest row of each key by a column, of equal ones the last; the table is gone then."""
        made = Keyed(self._file, self._columns, key)
        made.fill(self._name, by)
        self._file.run(f"DROP TABLE {self._name}")
        return made

    def _condition(self, where: Where) -> tuple[str, tuple[Any, ...]]:
        terms = [f"{self._columns[name]} = ?" for name in where]
        return " AND ".join(["1", *terms]), tuple(where.values())


class Keyed:
    """Rows that are found by a key, a whole number that is not 0."""

    def __init__(self, file: Spill, columns: Mapping[str, str], key: str) -> None:
        self._file, self._name, self._columns, self._key = file, file.name(), dict(columns), columns[key]
        rest = [each for each in columns.values() if each != self._key]
        file.run(f"CREATE TABLE {self._name} ({', '.join([f'{self._key} INTEGER PRIMARY KEY', *rest])})")

    def fill(self, table: str, by: str) -> None:
        """Take the rows of another table, by ascending key, so that each is appended."""
        columns = ", ".join(self._columns.values())
        self._file.run(
            f"INSERT OR REPLACE INTO {self._name} ({columns}) SELECT {columns} FROM {table} "
            f"WHERE {self._key} <> 0 ORDER BY {self._key}, {self._columns[by]}, rowid"
        )

    def __len__(self) -> int:
        ((rows,),) = self._file.rows(f"SELECT count(*) FROM {self._name}")
        return int(rows)

    def sizes(self, name: str) -> Iterator[tuple[Any, int]]:
        """The values of a column with their rows."""
        column = self._columns[name]
        yield from self._file.rows(f"SELECT {column}, count(*) FROM {self._name} GROUP BY {column}")

    def find(self, keys: Sequence[int]) -> tuple[Column, dict[str, Column]]:
        """Places in the keys of those that are there, and their rows by column."""
        columns = [f"{self._name}.{each}" for each in self._columns.values()]
        found = self._file.rows(
            f"SELECT asked.key, {', '.join(columns)} FROM json_each(?) AS asked "
            f"CROSS JOIN {self._name} ON {self._name}.{self._key} = asked.value",
            msgspec.json.encode(keys).decode(),
        )
        places, *values = _turned(list(found), 1 + len(columns))
        return places, dict(zip(self._columns, values, strict=True))


def _turned(rows: Sequence[tuple[Any, ...]], width: int) -> list[Column]:
    """Rows as columns."""
    return list(zip(*rows, strict=True)) if rows else [()] * width


@contextmanager
def _faults() -> Iterator[None]:
    """What goes wrong with a temporary file is its folder's matter."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise UserError(
            f"a temporary file cannot be written: {error}",
            where="the first folder of SQLITE_TMPDIR, TMPDIR, /var/tmp and /tmp",
            fix="make room there, or name another folder by SQLITE_TMPDIR",
        ) from error
