"""Columns that a reviewer can't tell apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.specs.lookalikes import look
from ordain.core.specs.spec import ColumnContract
from ordain.core.state.validate_data import data_faults
from tests.core.fleet import SPEC


@pytest.mark.parametrize("decoy", ["fеmale", "femаle", "femαle"])
def test_a_column_that_stands_in_for_another_is_refused(decoy: str) -> None:
    columns = {
        **SPEC.data.columns,
        SPEC.data.target: ColumnContract(type="string", categories=("No", "Yes")),
        "female": ColumnContract(type="boolean"),
    }
    assert not list(data_faults(replace(SPEC, data=replace(SPEC.data, columns=columns)), ()))
    data = replace(SPEC.data, columns={**columns, decoy: ColumnContract(type="boolean")}, sensitive=(decoy,))
    codes = [fault.code for _, fault in data_faults(replace(SPEC, data=data), ())]
    assert codes == ["look-alike"]


@given(st.text(max_size=40))
def test_what_looks_alike_is_one(name: str) -> None:
    assert look(look(name)) == look(name)
    assert len(look(name)) == len(name)


@given(st.text(st.characters(codec="ascii"), max_size=40))
def test_plain_letters_stay(name: str) -> None:
    assert look(name) == name
