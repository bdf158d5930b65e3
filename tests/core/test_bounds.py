"""Gates on their way into a pod."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.specs import bounds
from ordain.core.specs.bounds import Bounds
from ordain.core.specs.deployment import LabelSource, Monitoring
from ordain.core.specs.identity import deployment_slice
from ordain.core.specs.spec import ColumnContract, FairnessGate, QualityGate
from ordain.errors import UserError
from tests.core.fleet import SPEC, WATCH

LABELS = LabelSource(url="s3://labels/churn")
LABELLED = replace(SPEC, monitoring=Monitoring(watch=replace(WATCH, labels=LABELS)))


def test_gates_are_told_where_labels_are_and_belong_to_what_is_approved_there() -> None:
    assert bounds.rendered_bounds(SPEC) is None
    assert "bounds" not in deployment_slice(SPEC)
    told = bounds.rendered_bounds(LABELLED)
    assert told == bounds.bounds_of(SPEC)
    slice_ = deployment_slice(LABELLED)
    stricter = replace(LABELLED.gates, quality=(QualityGate(metric="roc_auc", min=0.99),))
    assert deployment_slice(replace(LABELLED, gates=stricter)) != slice_
    assert deployment_slice(replace(SPEC, gates=stricter)) == deployment_slice(SPEC)


@given(st.floats(0, 1), st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_what_was_told_is_what_is_read(bound: float, why: str) -> None:
    fair = FairnessGate(column="female", metric="equalized_odds_difference", max=bound, rationale=why)
    contract = ColumnContract(type="string", categories=("f", "m"))
    made = Bounds(
        quality=(QualityGate(metric="f1", min=bound),), fairness=(fair,), columns={"female": contract}
    )
    assert bounds.decode(bounds.encode(made)) == made


@pytest.mark.parametrize(
    "text", ["", "[]", '{"quality": 1}', '{"more": 1}', "[" * 50_000, " " * (bounds.LIMIT + 1), "\ud800"]
)
def test_what_is_no_gates_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="no gates") as caught:
        bounds.decode(text)
    assert caught.value.where == "--gates"
