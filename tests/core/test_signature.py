"""The signature: from a contract and back, and nothing that contradicts itself is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.artifacts import signature as s
from ordain.core.specs.spec import ColumnContract, Data, Source
from ordain.errors import UserError


def data(**columns: ColumnContract) -> Data:
    every = {
        "y": ColumnContract(type="string", categories=("No", "Yes")),
        "age": ColumnContract(type="integer", min=0, max=120, personal=True),
        "city": ColumnContract(type="string", nullable=True),
        "vip": ColumnContract(type="boolean"),
        "since": ColumnContract(type="date"),
        "plan": ColumnContract(type="string", categories=("a", "b")),
        "note": ColumnContract(type="string", feature=False),
        **columns,
    }
    return Data(source=Source(path="x.csv"), target="y", positive="Yes", columns=every)


def built() -> s.Signature:
    return s.build("churn", "binary", data(), ("No", "Yes"), 0.4)


def test_features_keep_the_contracts_order_and_find_their_place() -> None:
    signature = built()
    assert [each.name for each in signature.features] == ["age", "city", "vip", "since", "plan"]
    assert [each.name for each in signature.of("strings")] == ["city", "plan"]
    assert [each.name for each in signature.of("floats")] == ["age", "vip", "since"]
    assert {name: each.width for name, each in signature.graph.inputs.items()} == {"strings": 2, "floats": 3}
    assert signature.answer_columns == ("p_No", "p_Yes")
    assert signature.positive == "Yes"


def test_a_regression_has_one_prediction_and_no_classes() -> None:
    contract = data(y=ColumnContract(type="number"))
    signature = s.build("price", "regression", contract, None, 0.5)
    assert signature.graph.output == "prediction"
    assert signature.answer_columns == ("prediction",)
    assert b"classes" not in s.encode(signature)
    assert s.decode(s.encode(signature)) == signature


def test_several_classes_have_no_positive_one() -> None:
    signature = s.build("tier", "multiclass", data(), ("a", "b", "c"), 0.5)
    assert signature.positive is None
    assert s.decode(s.encode(signature)) == signature


def test_the_id_column_is_no_feature_and_an_absent_input_is_absent() -> None:
    columns = {
        "y": ColumnContract(type="string"),
        "customer": ColumnContract(type="string"),
        "age": ColumnContract(type="number"),
    }
    contract = Data(source=Source(path="x.csv"), target="y", positive="Yes", id="customer", columns=columns)
    signature = s.build("m", "binary", contract, ("No", "Yes"), 0.5)
    assert list(signature.graph.inputs) == ["floats"]


def test_a_contract_without_features_is_refused() -> None:
    columns = {"y": ColumnContract(type="string"), "z": ColumnContract(type="string", feature=False)}
    contract = Data(source=Source(path="x.csv"), target="y", positive="Yes", columns=columns)
    with pytest.raises(UserError, match="no feature"):
        s.build("m", "binary", contract, ("No", "Yes"), 0.5)


def test_the_bytes_are_sorted_and_stable() -> None:
    text = s.encode(built())
    assert text.endswith(b"}\n")
    assert json.dumps(json.loads(text), indent=2, sort_keys=True).encode() + b"\n" == text
    assert s.decode(text) == built()


def broken(change: Any) -> bytes:
    plain = json.loads(s.encode(built()))
    change(plain)
    return json.dumps(plain).encode()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda p: p.update(version=2), "version"),
        (lambda p: p.update(extra=1), "extra"),
        (lambda p: p.update(features=[]), "strings"),
        (lambda p: p.update(features=[], graph={**p["graph"], "inputs": {}}), "no feature"),
        (lambda p: p["features"].append(p["features"][0]), "twice"),
        (lambda p: p["features"][0].update(index=5), "not 0, 1, 2"),
        (lambda p: p["features"][0].update(tensor="strings", index=2), "of another type"),
        (lambda p: p["features"][4].update(tensor="floats", index=3), "of another type"),
        (lambda p: p["graph"]["inputs"]["floats"].update(width=9), "wide"),
        (lambda p: p["graph"]["inputs"].pop("floats"), "wide"),
        (lambda p: p["graph"].update(file="../evil.onnx"), "file"),
        (lambda p: p["graph"].update(output="prediction"), "probabilities"),
        (lambda p: p.pop("classes"), "different classes"),
        (lambda p: p.update(classes=["Yes", "Yes"]), "different classes"),
        (lambda p: p.update(classes=["No", "Yes", "Maybe"]), "two classes"),
        (lambda p: p.update(positive="Perhaps"), "positive"),
        (lambda p: p.update(task="multiclass", classes=["a"]), "at least two"),
        (lambda p: p.update(task="regression"), "regression"),
        (lambda p: (p.update(task="regression"), p.pop("classes")), "regression"),
    ],
)
def test_contradictions_are_refused(change: Any, why: str) -> None:
    with pytest.raises(UserError, match=why) as caught:
        s.decode(broken(change))
    assert caught.value.reason == "release-invalid"


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@settings(max_examples=100, deadline=None)
def test_no_bytes_cause_anything_but_a_clear_refusal(junk: bytes) -> None:
    with pytest.raises(UserError):
        s.decode(junk)
