"""Which files a compaction takes, and which names it makes of theirs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.data import compaction
from ordain.core.data.compaction import PART_BYTES, Part, Source

names = st.builds(
    "predictions-{}-{}-{}-{}.jsonl".format,
    st.from_regex(r"[A-Za-z0-9._-]{1,30}", fullmatch=True),
    st.integers(1, 99_999),
    st.integers(0, 10**13),
    st.integers(0, 99),
)
sources = st.lists(
    st.builds(Source, name=names, size=st.integers(0, PART_BYTES)), unique_by=lambda each: each.name
)


def part(*found: str) -> Part:
    return Part(sources=tuple(Source(name=each, size=1) for each in found))


@given(sources)
def test_every_file_is_in_one_part_in_the_order_of_time_and_parts_are_small(found: list[Source]) -> None:
    made = list(compaction.parts(found))
    taken = [each for one in made for each in one.sources]
    assert sorted(taken, key=lambda each: each.name) == sorted(found, key=lambda each: each.name)
    times = [int(each.name.rsplit("-", 2)[1]) for each in taken]
    assert times == sorted(times)
    for one in made:
        assert len(one.sources) == 1 or sum(each.size for each in one.sources) <= PART_BYTES
    assert len({one.id for one in made}) == len(made)


@given(sources.filter(bool))
def test_what_a_part_makes_is_its_own_and_is_no_source(found: list[Source]) -> None:
    (one, *_) = compaction.parts(found)
    made = [one.parquet(0), one.parquet(12), one.rejects]
    assert one.made([*made, one.journal, "x", *(each.name for each in found)]) == made
    assert replace(one, sources=(Source(name="predictions-z-1-1-1.jsonl", size=7),)).made(made) == []
    assert not any(compaction.is_source(each) for each in (*made, one.journal))
    assert compaction.journals([*made, one.journal]) == [one.journal]
    assert compaction.decode(compaction.encode(one)) == one
    assert replace(one, written=True).id == one.id


@given(st.text())
def test_names_that_no_server_gives_are_left_alone(name: str) -> None:
    assert not compaction.is_source(name)
    assert compaction.expired([name], 10**15, 1) == []
    with pytest.raises(ValueError, match=r"regex|valid"):
        compaction.decode(compaction.encode(part(name)))


@pytest.mark.parametrize(
    "name",
    [
        "predictions-a-1-2-3.jsonl.open",
        "predictions-a/b-1-2-3.jsonl",
        "predictions-..-1-2-3.jsonl/../x",
        "predictions-a-1-2-3.jsonl\n",
        "../predictions-a-1-2-3.jsonl",
        "compacted-0123456789ab-5-0.parquet",
    ],
)
def test_nothing_but_ended_files_of_a_server_is_taken(name: str) -> None:
    assert not compaction.is_source(name)


def test_what_is_older_than_it_may_be_goes_by_its_newest_file() -> None:
    day = compaction.DAY_MS
    old = part(f"predictions-a-1-{5 * day}-1.jsonl", f"predictions-b-1-{7 * day}-1.jsonl")
    there = [old.parquet(0), old.rejects, old.journal, "notes.parquet", "predictions-a-1-1-1.jsonl"]
    assert compaction.expired(there, 9 * day, 2) == []
    assert compaction.expired(there, 9 * day + 1, 2) == [old.parquet(0), old.rejects]


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"sources":[]}', b'{"sources":[{"name":"x","size":1}]}']
)
def test_a_journal_is_of_sources_only(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        compaction.decode(data)


def test_a_part_is_full_before_the_file_that_would_be_too_much() -> None:
    """Two files of half a part and a bit are two parts."""
    found = [Source(name=f"predictions-z-1-{each}-1.jsonl", size=PART_BYTES // 2 + 1) for each in (1, 2)]
    assert [one.sources for one in compaction.parts(found)] == [(found[0],), (found[1],)]
