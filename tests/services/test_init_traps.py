"""Tables as people have them: a sound repository without an edit, or one error that names what is wrong."""

from __future__ import annotations

import contextlib
import datetime as dt
import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ordain.core.specs.parts import PATH_PATTERN
from ordain.errors import UserError
from ordain.learn.tidy import tidy
from ordain.services.setup.init import Request, initialise
from ordain.services.setup.init_model import place_of
from tests.services.tables import ROWS, Cells, columns, every, made, rows, sound, text

pytestmark = pytest.mark.usefixtures("somebody")


def left(kind: str) -> dict[str, Any]:
    return {"type": kind, "feature": False}


def words(categories: list[str]) -> dict[str, Any]:
    return {"type": "string", "categories": categories}


def number(kind: str) -> dict[str, Any]:
    return {"type": kind, "nullable": True, "min": 0}


GOOD: dict[str, tuple[Cells, dict[str, Any]]] = {
    "integers with missing": (rows(x=every(1, "", 3, 7)), number("integer")),
    "integers as pandas writes them with missing": (
        rows(x=every("1.0", "", "3.0")), number("number")),
    "0 and 1": (rows(x=every(0, 1)), {"type": "boolean"}),
    "0.0 and 1.0 with missing": (rows(x=every("0.0", "1.0", "")), {"type": "boolean", "nullable": True}),
    "True and False": (rows(x=every("True", "False")), {"type": "boolean"}),
    "yes and no": (rows(x=every("yes", "no", "no")), words(["no", "yes"])),
    "words of YAML": (
        rows(x=every("No", "null", "0o7", "1e3", "~", "1:30")),
        words(["0o7", "1:30", "1e3", "No", "null", "~"])),
    "space around words": (rows(x=every(" a", "a", "b ")), words([" a", "a", "b "])),
    "all missing": (rows(x=every("")), {"type": "string", "nullable": True, "feature": False}),
    "one value": (rows(x=every("7")), left("integer")),
    "a date": (rows(x=every("2026-01-31", "2026-02-01")), left("date")),
    "no day of the calendar": (
        rows(x=every("2026-02-30", "2026-02-01", "2026-02-02")), left("string")),
    "days as elsewhere": (rows(x=every("31.01.2026", "1.2.2026")), left("string")),
    "day and time": (
        rows(x=[f"2026-01-31 12:{n % 60:02d}:{n // 60:02d}" for n in range(ROWS)]),
        left("string")),
    "free text": (
        rows(x=[f"it was number {n} and it was late" for n in range(ROWS)]), left("string")),
    "many categories": (rows(x=[f"c{n % 100}" for n in range(ROWS)]), left("string")),
    "an id": (rows(customer_id=range(ROWS), x=every(1, 2, 3)), {"type": "integer", "min": 0}),
    "numbers beyond all": (rows(x=every("1e999", "2", "3")), left("string")),
    "an infinite number": (rows(x=every("inf", *range(100))), left("string")),
    "numbers beyond 32 bits": (rows(x=every("1e300", "2", "3")), left("number")),
    "numbers that 32 bits merge": (rows(x=[10**15 - n for n in range(ROWS)]), left("number")),
    "codes": (rows(x=every("0123", "4567")), words(["0123", "4567"])),
    "negative numbers": (rows(x=every("-1.5", "2e3", ".5", "7.")), {"type": "number"}),
    "letters of other scripts": (
        rows(x=every("Zürich", "東京", "Αθήνα")), words(["Zürich", "Αθήνα", "東京"])),
    "characters that hide": (rows(x=every("a\u202eb", "c")), left("string")),
    "missing as R writes it": (rows(x=every("1.5", "NA", "2")), number("number")),
    "a question mark for missing": (rows(x=every("1", "?", "2")), number("integer")),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_column_is_declared_or_left_out_with_a_reason(name: str, tmp_path: Path) -> None:
    cells, contract = GOOD[name]
    outcome = made(tmp_path, text(cells))
    assert columns(tmp_path)["x"] == contract
    assert ("feature" in contract) is any("`x` is left out: " in each for each in outcome.guessed)
    assert sound(tmp_path)


@pytest.mark.parametrize(
    "header", ["petal length (cm)", "a.b", "a & b", "x-1", "n%", "A:B", "Größe", "年齢", "1st/2nd"]
)
def test_headers_with_spaces_and_signs(header: str, tmp_path: Path) -> None:
    made(tmp_path, text(rows(**{header: every(1, 2, 3)})))
    assert header in columns(tmp_path)
    assert sound(tmp_path)


SHAPES: dict[str, tuple[bytes, str]] = {
    "semicolons": (text(rows(), ";"), "separated by semicolons"),
    "tabs": (text(rows(), "\t"), "separated by tabs"),
    "bars": (text(rows(), "|"), "separated by vertical bars"),
    "decimal commas": (text(rows(x=every("1,5", "1.234,75", "7")), ";"), "there are decimal commas in `x`"),
    "two bytes a letter": (text(rows()).decode().encode("utf-16"), "in two bytes each"),
    "no end": (text(rows()).rstrip(b"\n"), "its last line has no end"),
    "space": (text(rows(), ", "), "space around its cells"),
    "row numbers": (text({"": range(ROWS), **rows()}), "its first column has no name and counts the rows"),
    "markers": (text(rows(x=every("1", "N/A", "2"))), "there is `N/A` where a value is missing in `x`"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_other_habits_are_rewritten_in_a_copy_and_told(name: str, tmp_path: Path) -> None:
    data, told = SHAPES[name]
    outcome = made(tmp_path, data)
    assert [each for each in outcome.guessed if told in each and "data/table.csv is a copy" in each]
    assert (tmp_path / "table.csv").read_bytes() == data
    assert sound(tmp_path)
    assert tidy((tmp_path / "shop/data/table.csv").read_bytes()).notes == ()
    if name == "decimal commas":
        assert b"1234.75" in (tmp_path / "shop/data/table.csv").read_bytes()


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf" + text(rows()), text(rows(), end="\r\n")])
def test_marks_and_line_ends_of_windows_stay(data: bytes, tmp_path: Path) -> None:
    made(tmp_path, data)
    assert (tmp_path / "shop/data/table.csv").read_bytes() == data
    assert set(columns(tmp_path)) == {"age", "y"}
    assert sound(tmp_path)


def test_a_file_of_the_repository_is_never_rewritten(tmp_path: Path) -> None:
    (tmp_path / "shop/data").mkdir(parents=True)
    data = text(rows(), ";")
    (tmp_path / "shop/data/table.csv").write_bytes(data)
    initialise(tmp_path / "shop", Request(name="m", data=tmp_path / "shop/data/table.csv", target="y"))
    assert (tmp_path / "shop/data/table.csv").read_bytes() == data
    assert (tmp_path / "shop/data/table-plain.csv").is_file()
    assert sound(tmp_path)


@pytest.mark.parametrize("name", ["my data (1).csv", "Größe.csv", ".hidden.csv", "-x.csv", "table.tsv"])
def test_a_file_of_any_name(name: str, tmp_path: Path) -> None:
    made(tmp_path, text(rows()), name=name)
    assert sound(tmp_path)


@pytest.mark.parametrize("name", ["my data.csv", ".hidden/größe.csv"])
def test_a_file_of_the_repository_whose_name_cannot_be_declared(name: str, tmp_path: Path) -> None:
    path = tmp_path / "shop" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(text(rows()))
    initialise(tmp_path / "shop", Request(name="m", data=path, target="y"))
    assert sound(tmp_path)


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=80))
def test_any_file_has_a_place_that_can_be_declared(stem: str) -> None:
    for folder in (Path("/repository"), Path("/elsewhere")):
        place = place_of(Path("/repository"), folder / f"{stem}.csv", "csv", rewritten=False)
        assert re.search(PATH_PATTERN, place)


BAD: dict[str, tuple[bytes, str]] = {
    "a target with missing values": (
        text(rows() | {"y": every("yes", "no", "", "no")}), "the target `y` is missing in row 3, row 7"),
    "a target of one class": (text(rows() | {"y": every("no")}), "the target `y` is 'no' in every row"),
    "one row": (b"age,y\n1,yes\n", "the target `y` has 1 row"),
    "no row": (b"age,y\n", "the target `y` has 0 rows"),
    "nothing": (b"", "the file is empty"),
    "blank lines": (b"\n\n\n", "the file is empty"),
    "a class of two rows": (text(rows() | {"y": ["rare"] * 2 + every("yes", "no")[2:]}), "`y`"),
    "a target of free text": (
        text(rows() | {"y": [f"words {n}" for n in range(ROWS)]}), "`y` has 240 different"),
    "a target of dates": (
        text(rows() | {"y": [str(dt.date(2026, 1, 1) + dt.timedelta(n)) for n in range(ROWS)]}), "`y`"),
    "a label that hides": (text(rows() | {"y": every("a\u202eb", "c")}), "`y` holds control characters"),
    "two columns to predict": (text(rows()).replace(b"age,y", b"y,y"), "`y` more than once"),
    "no other target": (text(rows()).replace(b"age,y", b"age,Y"), "no column `y`"),
    "nothing to predict from": (text({"y": rows()["y"], "x": every("")}), "`x`: it is empty"),
    "only a target": (text({"y": rows()["y"]}), "no column is left to predict `y` from"),
    "other cells in a row": (text(rows()) + b"1,2,3\n", "no table: .*Expected 2 columns, got 3"),
    "another encoding": ("größe,y\n1,ä\n".encode("latin-1"), "byte 2 is not UTF-8"),
    "two bytes a letter, and half of one": (text(rows()).decode().encode("utf-16")[:-1], "not UTF-16"),
    "a workbook": (b"PK\x03\x04\x14\x00\xff\xfe", "not UTF-8"),
    "an open quote": (text(rows()) + b'1,"no\n', "table|quotation"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_will_not_do_is_one_error_that_names_it(name: str, tmp_path: Path) -> None:
    data, told = BAD[name]
    with pytest.raises(UserError, match=told) as caught:
        made(tmp_path, data)
    assert "table.csv" in caught.value.where
    assert caught.value.fix
    assert not (tmp_path / "shop").exists()


def test_rows_that_only_their_order_tells_apart_need_a_name(tmp_path: Path) -> None:
    flags = [random.Random(n).randint(0, 1) for n in range(ROWS)]
    with pytest.raises(UserError, match=r"\(target `y`\)") as caught:
        made(tmp_path, text({"x": flags, "y": flags}))
    assert "by their own values only 2 of 240 rows differ" in caught.value.fix
    outcome = made(tmp_path, text({"row_id": range(ROWS), "x": flags, "y": flags}))
    assert "rows are named by `row_id`" in outcome.guessed


def test_a_fairness_gate_is_drafted_where_its_groups_are_large_enough(tmp_path: Path) -> None:
    outcome = made(tmp_path, text(rows(sex=every("f", "m"))))
    assert any("no fairness gate for `sex`: about" in each for each in outcome.guessed)
    many: Cells = {name: list(values) * 10 for name, values in rows(sex=every("f", "m")).items()}
    (tmp_path / "b").mkdir()
    made(tmp_path / "b", text(many))
    model = yaml.safe_load((tmp_path / "b/shop/models.yaml").read_text())["models"]["m"]
    assert [each["column"] for each in model["gates"]["fairness"]] == ["sex"]


ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200) | st.lists(st.lists(ANYTHING, min_size=2, max_size=3)).map(
    lambda rows: "\n".join(",".join(row) for row in rows).encode()
))  # fmt: skip
def test_no_bytes_break_the_reading(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        once = tidy(data)
        again = tidy(once.data)
        assert (again.data, again.notes) == (once.data, ())
        assert [old for old, _ in again.names] == [new for _, new in once.names]
