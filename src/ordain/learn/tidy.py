"""A text table of unknown habits, as the one that pipelines read: commas between cells, points in numbers,
nothing in a cell that is missing.

Only what has one meaning is rewritten, and each rewriting is told. A table that needs none keeps its bytes.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from itertools import islice
from typing import Any

import msgspec
import pyarrow as pa
from pyarrow import compute as pc
from pyarrow import csv as arrow_csv

from ordain.core.data.celltext import DATE, NUMBER
from ordain.core.setup.headings import fitted
from ordain.learn.faults import shortened, some_names

SEPARATORS = (",", ";", "\t", "|")
NAMED = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
SAMPLE = 50
# What people and programs write where a number is missing; in a column of text each may be a word.
MARKERS = (
    "na", "n/a", "#n/a", "nan", "nat", "null", "none", "<na>", "n.a.", "n.d.", "k.a.", "nil",
    "missing", "unknown", "?", "-", "--", ".",
)  # fmt: skip
DECIMAL_COMMA = r"^[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?$"


class Tidied(msgspec.Struct, frozen=True):
    """The bytes that a pipeline can read, and a sentence for everything that was rewritten.

    Attributes:
        names: of each column its heading in the file and the name that it has now.
    """

    data: bytes
    notes: tuple[str, ...]
    names: tuple[tuple[str, str], ...] = ()

    def called(self, heading: str) -> str:
        """The name of the column with this heading; the heading where there is no such column.

        Raises:
            ValueError: when more than one column has it.
        """
        found = [name for each, name in self.names if each == heading]
        if len(found) > 1:
            raise ValueError(f"the header names `{heading}` more than once")
        return found[0] if found else heading


def tidy(data: bytes) -> Tidied:
    """Rewrite a table of text where its habits are not those of a pipeline.

    Args:
        data: the file's bytes.

    Raises:
        ValueError: when it is no UTF-8 text or no table.
    """
    notes: list[str] = []
    text = _text(data, notes)
    if not text.strip():
        raise ValueError("the file is empty")
    if not text.endswith(("\n", "\r")):
        text += "\n"
        notes.append("its last line has no end")
    separator = separator_of(text)
    if separator != ",":
        notes.append(f"its cells are separated by {NAMED[separator]}")
    names, columns = _cells(text, separator)
    headings, columns = _named(names, columns, notes)
    names = renamed(headings, notes)
    habits: dict[str, list[str]] = {}
    plain = [_plain(name, column, separator, habits) for name, column in zip(names, columns, strict=True)]
    notes += [f"{habit} in {some_names(found)}" for habit, found in habits.items()]
    data = _written(names, plain) if notes else data
    return Tidied(data, tuple(notes), tuple(zip(headings, names, strict=True)))


def _text(data: bytes, notes: list[str]) -> str:
    """The text of a file; what is not UTF-8 has to say what it is."""
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        advice = "save it as UTF-8 (iconv -f WINDOWS-1252 -t UTF-8, if it comes from Windows), or Parquet"
        raise ValueError(
            f"byte {error.start} is not {encoding.removesuffix('-sig').upper()} text: {advice}"
        ) from error
    if encoding == "utf-16":
        notes.append("its letters are written in two bytes each")
    return text


def renamed(headings: Sequence[str], notes: list[str]) -> list[str]:
    """The name of each column: its heading where a contract can hold it and no column before has it."""
    names = fitted(headings)
    changed = [(old, new) for old, new in zip(headings, names, strict=True) if old != new]
    if changed:
        listed = ", ".join(f"{shortened(old)} is now `{new}`" for old, new in changed)
        notes.append(f"headings that can't name a column, or name a second one ({listed})")
    return names


def separator_of(text: str) -> str:
    """What stands between the cells: what gives the first rows as many as the header, and most of them."""
    best, cells = ",", 1
    for each in SEPARATORS:
        rows = list(islice(csv.reader(io.StringIO(text, newline=""), delimiter=each), SAMPLE))
        even = all(len(row) in (0, len(rows[0])) for row in rows)
        if even and len(rows[0]) > cells:
            best, cells = each, len(rows[0])
    return best


def _cells(text: str, separator: str) -> tuple[list[str], list[Any]]:
    """The header, and each column as text with null where a cell is empty."""
    try:
        header = next(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
        places = [str(each) for each in range(len(header))]
        table = arrow_csv.read_csv(
            io.BytesIO(text.encode("utf-8")),
            read_options=arrow_csv.ReadOptions(use_threads=False, column_names=places),
            parse_options=arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(places, pa.string()),
                null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=True,
            ),
        )  # fmt: skip
    except (csv.Error, pa.ArrowInvalid) as error:
        raise ValueError(f"it is no table: {str(error).splitlines()[0]}") from error
    return header, [column.combine_chunks() for column in table.slice(1).itercolumns()]


def _named(names: Sequence[str], columns: Sequence[Any], notes: list[str]) -> tuple[list[str], list[Any]]:
    """Headings and columns without space around them and the row numbers that some programs put first."""
    kept, cells = list(names), list(columns)
    if any(each != each.strip() for each in kept):
        notes.append("there is space around its cells")
        kept = [each.strip() for each in kept]
        cells = [pc.utf8_trim_whitespace(each) for each in cells]
    if not kept[0] and len(kept) > 1 and _counts_rows(cells[0]):
        notes.append("its first column has no name and counts the rows")
        kept, cells = kept[1:], cells[1:]
    return kept, cells


def _counts_rows(column: Any) -> bool:
    values = column.to_pylist()
    return bool(values) and any(
        values == [str(each + first) for each in range(len(values))] for first in (0, 1)
    )


def _plain(name: str, column: Any, separator: str, habits: dict[str, list[str]]) -> Any:
    """One column with points in its numbers and nothing where they are missing; what was otherwise is added
    to `habits`, with the column's name."""
    bare = pc.utf8_trim_whitespace(column)
    marked = pc.is_in(pc.utf8_lower(bare), value_set=pa.array(MARKERS))
    values = bare.filter(pc.and_(pc.invert(marked), pc.fill_null(pc.not_equal(bare, ""), False)))
    with_commas = separator != "," and _all(values, DECIMAL_COMMA) and _any(values, ",")
    if not (with_commas or _all(values, NUMBER) or _all(values, DATE)):
        return column
    if pc.any(marked).as_py():
        listed = ", ".join(f"`{each}`" for each in sorted(set(bare.filter(marked).to_pylist())))
        habits.setdefault(f"there is {listed} where a value is missing", []).append(name)
        column = pc.if_else(marked, None, column)
    if with_commas:
        habits.setdefault("there are decimal commas", []).append(name)
        column = pc.replace_substring(pc.replace_substring(column, ".", ""), ",", ".")
    return column


def _all(values: Any, pattern: str) -> bool:
    return len(values) > 0 and bool(pc.all(pc.match_substring_regex(values, pattern)).as_py())


def _any(values: Any, part: str) -> bool:
    return bool(pc.any(pc.match_substring(values, part)).as_py())


def _written(names: Sequence[str], columns: Sequence[Any]) -> bytes:
    """Comma-separated text, quoted where it has to be, each line ended by one character."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
    return buffer.getvalue().encode("utf-8")
