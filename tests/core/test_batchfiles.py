from __future__ import annotations

import pytest

from ordain.core.data.batchfiles import format_of, plain, readable_only, written


@pytest.mark.parametrize(
    ("name", "kind", "may_be_output"),
    [
        ("a.parquet", "parquet", True),
        ("A.PARQUET", "parquet", True),
        ("a.pq", "parquet", False),
        ("a.csv", "csv", True),
        ("a.csv.gz", "csv", False),
        ("a.ndjson.zst", "jsonl", False),
        ("s3://bucket/a.jsonl", "jsonl", True),
        ("a.parquet.gz", None, False),
        ("a.xlsx", None, False),
        ("csv", None, False),
        ("", None, False),
    ],
)
def test_a_names_ending_says_the_format(name: str, kind: str | None, may_be_output: bool) -> None:
    assert format_of(name) == kind
    assert plain(name) == may_be_output


def test_a_batch_leaves_three_files() -> None:
    assert written("o.csv") == ("o.csv", "o.csv.rejects.jsonl", "o.csv.report.json")


@pytest.mark.parametrize("url", ["http://h/o.csv", "https://h/o.csv"])
def test_a_web_address_can_only_be_read(url: str) -> None:
    assert readable_only(url)
    assert not readable_only(url.replace("http", "s3", 1))
