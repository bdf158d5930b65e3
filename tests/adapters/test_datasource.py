"""Declared data: every cell as text from CSV, Parquet and URLs; and no way around the repository."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path
from typing import Any, Literal

import fsspec
import pyarrow as pa
import pytest
from fsspec.registry import known_implementations
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv, parquet

from ordain.adapters.datasource import read_source
from ordain.adapters.sources import look
from ordain.core.data import addresses
from ordain.core.data.pins import Piece, Pin
from ordain.core.specs.spec import Source
from ordain.errors import RetryLater, UserError


def read(folder: Path, data: bytes, kind: Literal["csv", "parquet"] = "csv") -> dict[str, list[str | None]]:
    (folder / "x.data").write_bytes(data)
    found: dict[str, list[str | None]] = read_source(folder, Source(path="x.data", format=kind)).to_pydict()
    return found


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'a,b\n1,"No"\n"",NA\nnull,None\n', {"a": ["1", None, "null"], "b": ["No", "NA", "None"]}),
        (b'\xef\xbb\xbfa,b\r\n1,"x\r\ny"\r\n', {"a": ["1"], "b": ["x\r\ny"]}),
        (b'a,b\n x ,"say ""hi"", you"\n', {"a": [" x "], "b": ['say "hi", you']}),
        ("a\nzürich\n".encode(), {"a": ["zürich"]}),
        (b"a,b\n", {"a": [], "b": []}),
        (b"a,b\n,\n", {"a": [None], "b": [None]}),
        (b"a,b\n007,1e5\n", {"a": ["007"], "b": ["1e5"]}),
    ],
)
def test_cells_are_text_and_only_empty_ones_are_missing(
    data: bytes, expected: dict[str, list[str | None]], tmp_path: Path
) -> None:
    assert read(tmp_path, data) == expected


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"a,b\n1,2\n3\n", r"line 3 has 1"),
        (b"a,b\n1,2,3\n", r"line 2 has 3"),
        (b'a,b\n1,"2\n3,4\n', "never closed"),
        (b"a,b\n1,2", "last line has no end"),
        (b"a,a\n1,2\n", "`a` more than once"),
        (b"a\n\xff\n", "byte 2 is not UTF-8"),
        (b'"a\n', "cut off"),
    ],
)
def test_what_is_not_whole_csv_is_refused(data: bytes, what: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=what) as caught:
        read(tmp_path, data)
    assert caught.value.where.startswith("x.data")


def as_parquet(table: pa.Table) -> bytes:
    buffer = pa.BufferOutputStream()
    parquet.write_table(table, buffer)
    data: bytes = buffer.getvalue().to_pybytes()
    return data


def test_parquet_gives_the_text_that_csv_would_hold(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": ["No", "", None],
            "whole": pa.array([1, None, -3]),
            "real": [1.5, float("nan"), 1e300],
            "flag": [True, False, None],
            "day": [dt.date(2024, 2, 29), None, dt.date(1999, 1, 1)],
            "stamp": [dt.datetime(2024, 2, 29), None, dt.datetime(1999, 1, 1)],  # noqa: DTZ001
            "label": pa.array(["a", "b", None]).dictionary_encode(),
        }
    )
    assert read(tmp_path, as_parquet(table), "parquet") == {
        "text": ["No", None, None],
        "whole": ["1", None, "-3"],
        "real": ["1.5", None, "1e+300"],
        "flag": ["true", "false", None],
        "day": ["2024-02-29", None, "1999-01-01"],
        "stamp": ["2024-02-29", None, "1999-01-01"],
        "label": ["a", "b", None],
    }


NESTED = {
    "lists": pa.array([[1, 2]]),
    "records": pa.array([{"a": 1}]),
    "bytes": pa.array([b"\xff"]),
}


@pytest.mark.parametrize("kind", NESTED)
def test_a_column_that_no_text_stands_for_is_named(kind: str, tmp_path: Path) -> None:
    data = as_parquet(pa.table({"a": [1], "x": NESTED[kind]}))
    with pytest.raises(UserError, match=r"the column `x` holds .* no column contract has a type") as caught:
        read(tmp_path, data, "parquet")
    assert caught.value.where == "x.data"
    assert "without the column" in caught.value.fix


def test_two_columns_of_parquet_with_one_name_are_named(tmp_path: Path) -> None:
    data = as_parquet(pa.table([pa.array([1]), pa.array([2])], names=["x", "x"]))
    with pytest.raises(UserError, match="names `x` more than once"):
        read(tmp_path, data, "parquet")


def test_damaged_parquet_is_refused(tmp_path: Path) -> None:
    whole = as_parquet(pa.table({"a": list(range(1000))}))
    for data in (whole[:-20], whole[:100], b"PAR1" + b"x" * 50, b"a,b\n1,2\n"):
        with pytest.raises(UserError, match="cut off"):
            read(tmp_path, data, "parquet")


texts = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=15))
@settings(max_examples=60, deadline=None)
def test_whatever_stands_in_a_cell_comes_out_of_both_formats(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str | None, str | None]]
) -> None:
    folder = tmp_path_factory.mktemp("round", numbered=True)
    columns = {"a": [each[0] for each in rows], "b": [each[1] for each in rows]}
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    sink = pa.BufferOutputStream()
    csv.write_csv(table, sink)
    assert read(folder, sink.getvalue().to_pybytes()) == columns
    assert read(folder, as_parquet(table), "parquet") == columns


@pytest.mark.parametrize("path", ["../x.csv", "/etc/passwd", "a/../../x", "-x", ".git/config", ""])
def test_paths_stay_inside(path: str, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        read_source(tmp_path, Source(path=path))


def test_symlinks_are_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.csv").write_text("a\n1\n", "utf-8")
    (root / "x.csv").symlink_to(tmp_path / "secret.csv")
    (root / "folder").symlink_to(tmp_path)
    for path in ("x.csv", "folder/secret.csv"):
        with pytest.raises(UserError, match="symlink") as caught:
            read_source(root, Source(path=path))
        assert caught.value.reason == "hostile-object"


def test_an_absent_file_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist") as caught:
        read_source(tmp_path, Source(path="x.csv"))
    assert "data pull" in caught.value.fix


def pin_of(*urls: str, sha256: str = "0" * 64) -> Pin:
    return Pin(pieces=tuple(Piece(url=url, size=1, sha256=sha256) for url in urls))


def stored(data: bytes, name: str = "") -> str:
    url = f"memory://{name or uuid.uuid4()}.csv"
    with fsspec.open(url, "wb") as stream:
        stream.write(data)
    return url


def test_any_fsspec_url_is_read() -> None:
    url = stored(b"a\n1\n")
    assert read_source(Path(), Source(url=url), look(url, None)).to_pydict() == {"a": ["1"]}


def test_pieces_are_read_in_the_order_of_the_pin_whatever_came_since() -> None:
    folder = uuid.uuid4()
    stored(b"a,b\n2,y\n", f"{folder}/2")
    stored(b"b,a\nx,1\n", f"{folder}/1")
    source = Source(url=f"memory://{folder}/*.csv")
    pin = look(source.url or "", None)
    stored(b"a,b\n3,z\n", f"{folder}/3")
    assert read_source(Path(), source, pin).to_pydict() == {"b": ["x", "y"], "a": ["1", "2"]}
    stored(b"c\n3\n", f"{folder}/3")
    with pytest.raises(UserError, match=r"columns are not those of.*: a, b, c") as caught:
        read_source(Path(), source, look(source.url or "", None))
    assert caught.value.where.endswith("/3.csv")


def test_data_that_changed_since_it_was_pinned_is_not_read() -> None:
    url = stored(b"a\n1\n")
    with pytest.raises(UserError, match="not what was pinned") as caught:
        read_source(Path(), Source(url=url), pin_of(url))
    assert caught.value.where == url


def test_a_url_without_a_pin_is_not_read() -> None:
    with pytest.raises(UserError, match="which data behind this URL") as caught:
        read_source(Path(), Source(url="memory://x.csv"))
    assert "ordain data pin" in caught.value.fix


@pytest.mark.parametrize("stray", ["memory://other.csv", "https://evil.example/x.csv", "file:///etc/passwd"])
def test_a_pin_leads_nowhere_but_to_the_declared_url(stray: str) -> None:
    with pytest.raises(UserError, match="does not stand for") as caught:
        read_source(Path(), Source(url="memory://data/*.csv"), pin_of("memory://data/1.csv", stray))
    assert caught.value.reason == "hostile-object"


# Whatever fsspec knows and the allow-list does not, among it more ways to this machine's files than one.
UNKNOWN = sorted({*known_implementations, "nonsense", "S3", "File"} - addresses.REMOTE)


def test_more_leads_to_this_machine_than_anybody_would_list() -> None:
    assert {"asynclocal", "data", "file", "git", "libarchive", "local", "reference", "zip"} <= {*UNKNOWN}
    assert {"https", "s3", "gs", "abfs"} <= addresses.REMOTE


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "local:///etc/passwd",
        "dir:///etc",
        "reference://x",
        "simplecache::file:///etc/passwd",
        "zip://x.csv::file:///tmp/x.zip",
        *(f"{scheme}://x/etc/passwd" for scheme in UNKNOWN),
    ],
)
def test_urls_do_not_lead_around_the_repository(url: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="around the repository") as caught:
        read_source(tmp_path, Source(url=url), pin_of(url))
    with pytest.raises(UserError, match="around the repository"):
        look(url, None)
    assert caught.value.reason == "hostile-object"


def test_urls_that_lead_nowhere_are_named() -> None:
    with pytest.raises(UserError, match="nothing at this URL"):
        read_source(Path(), Source(url="memory://absent.csv"), pin_of("memory://absent.csv"))
    with pytest.raises(UserError, match="cannot read this URL"):  # no driver of it is installed
        read_source(Path(), Source(url="tos://x.csv"), pin_of("tos://x.csv"))
    with pytest.raises(UserError, match="nothing at this URL"):
        look("memory://absent.csv", None)
    with pytest.raises(UserError, match="nothing matches"):
        look(f"memory://{uuid.uuid4()}/*.csv", None)
    with pytest.raises(UserError, match="cannot read this URL"):
        look("tos://x.csv", None)


def test_a_host_that_is_away_is_tried_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError("connection refused")

    monkeypatch.setattr(fsspec, "open", refuse)
    with pytest.raises(RetryLater, match="did not answer"):
        read_source(Path(), Source(url="https://data.example/x.csv"), pin_of("https://data.example/x.csv"))
