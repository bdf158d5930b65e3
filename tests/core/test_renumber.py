"""Numbers are never reused, whatever stands where; and a second look finds what the first wrote."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.gating.release import Champion, DataRecord, Release, encode
from ordain.core.releasing.renumber import moves, renumbered
from ordain.core.specs.identity import ReleaseRef

DIGEST = "sha256:" + "a" * 64
NUMBERS = st.sets(st.integers(1, 12), max_size=6)


def record(number: int) -> Release:
    data = DataRecord(source=DIGEST, rows=DIGEST, train=DIGEST, holdout=DIGEST, row_count=9, holdout_count=3)
    champion = Champion(candidate="plain", estimator="x.Y", metric="roc_auc", score=0.8)
    return Release(
        model="churn", number=number, training_slice=DIGEST, parameters=DIGEST, code=DIGEST, lock=DIGEST,
        data=data, champion=champion, artifact=DIGEST, artifact_bytes=number, metrics={}, verdicts=(),
        looks=1,
    ).closed()  # fmt: skip


def test_a_renumbered_record_differs_by_number_and_digest_alone() -> None:
    before, after = record(2), renumbered(record(2), 3)
    assert after.ref == ReleaseRef(model="churn", number=3, record=after.computed_digest(), artifact=DIGEST)
    assert after.digest != before.digest
    assert renumbered(after, 2) == before


@given(own=NUMBERS, theirs=NUMBERS, used=NUMBERS)
def test_what_moves_takes_numbers_that_nobody_ever_had(
    own: set[int], theirs: set[int], used: set[int]
) -> None:
    records = {each: record(each) for each in own}
    found = moves(records, theirs, used, {})
    places = [each.record.number for each in found]
    assert [each.before for each in found] == sorted(own & theirs)
    assert len(set(places)) == len(places)
    assert not set(places) & ({*own & theirs} | theirs | used)
    assert all(each.record == renumbered(records[each.before], each.record.number) for each in found)


@settings(deadline=None)  # a record is written as YAML
@given(own=NUMBERS, theirs=NUMBERS, used=NUMBERS)
def test_a_second_look_gives_the_same(own: set[int], theirs: set[int], used: set[int]) -> None:
    records = {each: record(each) for each in own}
    first = moves(records, theirs, used | own, {each: encode(records[each]) for each in own})
    here = {each.record.number: encode(each.record) for each in first}
    here |= {each: encode(records[each]) for each in own - theirs}
    assert moves(records, theirs, used | own, here) == first


def test_a_file_that_is_not_ours_is_in_nobodys_way() -> None:
    (moved,) = moves({2: record(2)}, {2}, {1, 2}, {3: b"somebody's"})
    assert moved.record.number == 4
