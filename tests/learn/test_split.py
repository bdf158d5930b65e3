"""A row's side depends on its id alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.specs.spec import ColumnContract, Data, Source, Split
from ordain.errors import UserError
from ordain.learn.ingest import ID
from ordain.learn.split import Splitting, fold_numbers, fraction, holdout_mask, split

identities = st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=60, unique=True)


@given(identities, identities, st.text(max_size=8), st.floats(0.05, 0.95))
@settings(max_examples=100, deadline=None)
def test_no_row_changes_side_as_data_grows(old: list[str], more: list[str], salt: str, share: float) -> None:
    before = dict(zip(old, holdout_mask(old, share, salt), strict=True))
    grown = [*more, *reversed(old)]
    after = dict(zip(grown, holdout_mask(grown, share, salt), strict=True))
    assert all(after[each] == before[each] for each in old)


@given(st.text(max_size=20), st.text(max_size=20))
@settings(max_examples=100, deadline=None)
def test_fractions_lie_in_the_unit_interval(salt: str, identity: str) -> None:
    assert 0 <= fraction(salt, identity) < 1


def test_the_fractions_are_pinned() -> None:
    """A change here would move rows of every deployed model to the other side of its holdout."""
    assert [round(fraction(salt, "x"), 6) for salt in ("", "a")] == [0.236307, 0.545025]


def test_shares_are_met_and_salts_draw_other_rows() -> None:
    ids = [str(number) for number in range(20_000)]
    first, second = holdout_mask(ids, 0.2, "a"), holdout_mask(ids, 0.2, "b")
    assert abs(first.mean() - 0.2) < 0.01
    assert abs((first & second).mean() - 0.04) < 0.01
    folds = fold_numbers(ids, 5, 0)
    assert np.bincount(folds[first]).min() > 700  # folds do not follow the side
    assert np.bincount(folds).min() > 3800
    assert (fold_numbers(ids, 5, 1) != folds).mean() > 0.7


def sides(labels: list[str], ids: list[str], share: float = 0.5) -> tuple[pd.DataFrame, pd.DataFrame]:
    columns = {"y": ColumnContract(type="string"), "a": ColumnContract(type="string")}
    contract = Data(source=Source(path="x"), target="y", columns=columns)
    rows = pd.DataFrame({"y": labels, "n": range(len(ids)), ID: ids})
    return split(rows, Splitting(data=contract, split=Split(holdout=share)), sorted(set(labels)))


def test_equal_ids_share_a_side_and_keep_their_order() -> None:
    ids = [f"k{number % 30}" for number in range(120)]
    train, holdout = sides(["No", "Yes"] * 60, ids)
    assert not set(train[ID]) & set(holdout[ID])
    assert len(train) + len(holdout) == 120
    for side in (train, holdout):
        assert side[ID].is_monotonic_increasing
        assert side.groupby(ID)["n"].apply(lambda each: each.is_monotonic_increasing).all()


def test_the_order_of_the_source_does_not_matter_for_distinct_ids() -> None:
    ids = [f"k{number}" for number in range(60)]
    labels = ["No", "Yes"] * 30
    one = sides(labels, ids)[0][["y", ID]]
    other = sides(labels[::-1], ids[::-1])[0][["y", ID]]
    pd.testing.assert_frame_equal(one, other)


def test_a_side_without_a_class_is_refused() -> None:
    ids = [f"k{number}" for number in range(40)]
    with pytest.raises(UserError, match="none is labelled `Yes`"):
        sides(["Yes"] + ["No"] * 39, ids)
    with pytest.raises(UserError, match="has no rows"):
        sides(["Yes", "No"], ["a", "a"])
