from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.artifacts.signature import FLOAT_MAX, Feature
from ordain.runtime import admission
from ordain.runtime.admission import Admission, Admitted, InvalidInput, Packed, Rows
from ordain.runtime.bulk import BulkDecoder
from ordain.runtime.contract import ABSENT, Kind, judge_column
from ordain.runtime.decoders import InferDecoder, RowDecoder
from ordain.runtime.protocol import read_request
from tests.runtime.toy import DATATYPES, DAYS, FEATURES, ROW, feature, signature, tensors

BY_NAME = {each.name: each for each in FEATURES}
SIGNATURE = signature()
ROWS, INFER = RowDecoder(SIGNATURE), InferDecoder(SIGNATURE)
REJECT, ACCEPT = Admission(SIGNATURE, "reject"), Admission(SIGNATURE, "accept")

CASES: list[tuple[str, Any, Kind | None, Any]] = [
    ("plan", "x", None, "x"),
    ("plan", "w", Kind.UNKNOWN_CATEGORY, "w"),
    ("plan", "", Kind.MISSING_VALUE, ""),
    ("plan", None, Kind.MISSING_VALUE, ""),
    ("plan", ABSENT, Kind.MISSING_COLUMN, ""),
    ("plan", 1, Kind.TYPE, None),
    ("plan", ["x"], Kind.TYPE, None),
    ("town", "\ud800", Kind.TYPE, None),
    ("town", None, None, ""),
    ("town", "a\0b", None, "a\0b"),
    ("amount", 1, None, 1.0),
    ("amount", math.nan, None, None),
    ("amount", None, None, None),
    ("amount", math.inf, Kind.INFINITE, None),
    ("amount", -1e39, Kind.INFINITE, None),
    ("amount", 10**400, Kind.INFINITE, None),
    ("amount", 9000.5, Kind.OUT_OF_RANGE, 9000.5),
    ("amount", 9000.0000001, None, 9000.0000001),  # what 32 bits see is within the range
    ("amount", "1", Kind.TYPE, None),
    ("amount", True, Kind.TYPE, None),
    ("visits", 3, None, 3),
    ("visits", 3.0, None, 3),
    ("visits", 3.5, Kind.TYPE, None),
    ("visits", 61, Kind.OUT_OF_RANGE, 61),
    ("visits", -1, Kind.OUT_OF_RANGE, -1),
    ("visits", math.nan, Kind.MISSING_VALUE, None),
    ("vip", True, None, True),
    ("vip", 0, None, False),
    ("vip", 1.0, None, True),
    ("vip", 2, Kind.TYPE, None),
    ("vip", "true", Kind.TYPE, None),
    ("since", "2020-02-29", None, float(DAYS)),
    ("since", dt.date(2020, 2, 29), None, float(DAYS)),
    ("since", DAYS, Kind.TYPE, None),
    ("since", 20200229, Kind.TYPE, None),
    ("since", 1e30, Kind.TYPE, None),
    ("since", "2021-02-29", Kind.TYPE, None),
    ("since", "2020-2-29", Kind.TYPE, None),
    ("since", "２０２０-02-29", Kind.TYPE, None),
    ("since", 1.5, Kind.TYPE, None),
    ("since", math.inf, Kind.TYPE, None),
]


@pytest.mark.parametrize(("column", "value", "kind", "packed"), CASES)
def test_each_value_is_judged(column: str, value: Any, kind: Kind | None, packed: Any) -> None:
    judged = judge_column(BY_NAME[column], [value], "")
    assert [each.kind for each in judged.violations] == ([] if kind is None else [kind])
    assert judged.values == [packed]
    assert type(judged.values[0]) is type(packed)


def test_sentences_name_row_and_column_and_no_value() -> None:
    secret = "hunter2-secret"
    bad = {"plan": secret, "town": 12345, "amount": 98765.4, "visits": None, "vip": 77, "sinse": "1999"}
    with pytest.raises(InvalidInput) as caught:
        REJECT.rows([ROW, bad])
    message = caught.value.message
    for place in (
        "row 1, column `plan`",
        "column `town`: not text",
        "`amount`: outside the range -9000 to 9000",
    ):
        assert place in message
    assert "column `sinse`: unknown column; did you mean `since`?" in message
    assert "column `since`: the column is missing; send null for a missing value" in message
    assert not any(each in message for each in (secret, "12345", "98765", "77", "1999"))


def test_accepting_lets_through_only_what_the_graph_has_an_answer_for() -> None:
    odd = {**ROW, "plan": "w", "visits": 99, "vip": None, "more": 1}
    del odd["since"]
    admitted = ACCEPT.rows([odd])
    assert same(admitted.packed, Packed(1, ["w", "Uster"], [12.5, 99, None, None]))
    assert {each.kind for each in admitted.violations} == {
        Kind.UNKNOWN_CATEGORY, Kind.OUT_OF_RANGE, Kind.MISSING_VALUE, Kind.MISSING_COLUMN, Kind.EXTRA_COLUMN,
    }  # fmt: skip
    for column, value in (("amount", math.inf), ("amount", "1"), ("plan", 1)):
        with pytest.raises(InvalidInput):
            ACCEPT.rows([{**ROW, column: value}])


def test_columns_may_be_missing_or_extra_as_a_whole() -> None:
    columns = {name: [ROW[name]] for name in ROW}
    assert same(REJECT.columns(columns, 1).packed, Packed(1, ["x", "Uster"], [12.5, 3, True, float(DAYS)]))
    with pytest.raises(InvalidInput, match="column `plan`: the column is missing"):
        REJECT.columns({name: columns[name] for name in columns if name != "plan"}, 1)
    with pytest.raises(InvalidInput, match="column `other`: unknown column"):
        REJECT.columns({**columns, "other": [1]}, 1)
    admitted = ACCEPT.columns({"amount": [1.5, 2]}, 2)
    wanted = Packed(2, ["", "", "", ""], [1.5, None, None, None, 2.0, None, None, None])
    assert same(admitted.packed, wanted)


def test_hostile_rows_are_not_looked_at_forever() -> None:
    rows = [{f"column{number}": 1 for number in range(1000)} for _ in range(50)]
    with pytest.raises(InvalidInput) as caught:
        REJECT.rows(rows)
    assert len(caught.value.violations) < 1000
    assert len(caught.value.message) < 4000


@pytest.mark.parametrize("as_columns", [True, False])
def test_who_accepts_does_not_look_for_what_was_meant(
    monkeypatch: pytest.MonkeyPatch, as_columns: bool
) -> None:
    """Looking for a similar name takes longer than scoring; only a refusal shows one, and for ten at most."""
    asked: list[str] = []

    def hint(word: str, known: Any) -> str:
        asked.append(word)
        return "did you mean `since`?"

    monkeypatch.setattr(admission, "did_you_mean", hint)
    odd = {**ROW, **{f"sinse{number}": 1 for number in range(30)}}

    def ask(contract: Admission) -> Admitted:
        if as_columns:
            return contract.columns({name: [odd[name]] for name in odd}, 1)
        return contract.rows([odd] * 4)

    admitted = ask(ACCEPT)
    assert [each.kind for each in admitted.violations] == [Kind.EXTRA_COLUMN] * (30 if as_columns else 120)
    assert asked == []
    with pytest.raises(InvalidInput, match="unknown column; did you mean `since`"):
        ask(REJECT)
    assert len(asked) == 10


def test_an_extra_column_is_seen_behind_any_number_of_known_ones() -> None:
    features = tuple(feature(f"f{place}", "number", "floats", place) for place in range(150))
    wide = msgspec.structs.replace(SIGNATURE, features=features)
    row = {each.name: 1.0 for each in features} | {"extra": 1.0}
    contract = Admission(wide, "reject")
    with pytest.raises(InvalidInput, match="column `extra`: unknown column"):
        contract.rows([row])
    with pytest.raises(InvalidInput, match="column `extra`: unknown column"):
        contract.columns({name: [value] for name, value in row.items()}, 1)


TEXT = st.sampled_from(["x", "y", "w", "", "Uster", "2020-02-29", "2020-02-30", "ü\0"])
NUMBER = st.one_of(
    st.integers(-5, 70),
    st.floats(-1e4, 1e4),
    st.sampled_from([0.0, -0.0, FLOAT_MAX, 1e39, 2**53, 2**53 + 1, 2**70, 9000.0000001]),
)
VALUE = st.one_of(st.none(), st.booleans(), TEXT, NUMBER)
LIKELY = {"plan": TEXT, "town": TEXT, "amount": NUMBER, "visits": st.integers(-1, 61), "vip": st.booleans()}
ROW_LIKE = st.fixed_dictionaries(
    {name: LIKELY.get(name, TEXT) | st.just(ROW[name]) for name in ROW}
) | st.dictionaries(st.sampled_from([*ROW, "other"]), VALUE)


def reference(rows: list[dict[str, Any]]) -> Rows | None:
    try:
        return REJECT.rows(rows).packed
    except InvalidInput:
        return None


def same(fast: Rows, slow: Rows | None) -> bool:
    """Equal values; and a number that is true, 1 or 1.0 is the same one of these, as the log shows it."""
    return (
        slow is not None
        and (fast.rows, [*fast.strings], [*fast.floats]) == (slow.rows, [*slow.strings], [*slow.floats])
        and [type(each) for each in fast.floats] == [type(each) for each in slow.floats]
    )


@settings(max_examples=400, deadline=None)
@given(st.lists(ROW_LIKE, min_size=1, max_size=3), st.booleans())
def test_what_the_compiled_row_decoder_accepts_the_reference_accepts(
    rows: list[dict[str, Any]], alone: bool
) -> None:
    body = json.dumps(rows[0] if alone else rows).encode()
    fast = ROWS(body)
    if fast is not None:
        assert same(fast, reference(rows[:1] if alone else rows))


@settings(max_examples=400, deadline=None)
@given(st.lists(ROW_LIKE, min_size=1, max_size=3), st.permutations(list(DATATYPES)))
def test_what_the_compiled_infer_decoder_accepts_the_reference_accepts(
    rows: list[dict[str, Any]], order: list[str]
) -> None:
    inputs = [
        {
            "name": name,
            "shape": [len(rows)],
            "datatype": DATATYPES[name],
            "data": [row.get(name) for row in rows],
        }
        for name in order
    ]
    fast = INFER(json.dumps({"inputs": inputs}).encode())
    if fast is not None:
        assert same(fast.packed, reference(rows))


def matrices(packed: Packed) -> dict[str, Any]:
    """A request of the graph's own tensors."""
    kinds = (("strings", "BYTES", packed.strings, 2), ("floats", "FP32", packed.floats, 4))
    return {
        "inputs": [
            {"name": name, "shape": [packed.rows, width], "datatype": datatype, "data": [*data]}
            for name, datatype, data, width in kinds
        ]
    }


def by_reference(body: bytes) -> Rows | None:
    columns = read_request(body, None, SIGNATURE, 10_000)
    try:
        return REJECT.columns(columns.values, columns.rows).packed
    except InvalidInput:
        return None


FLOATS = st.one_of(st.none(), NUMBER, st.sampled_from([0, 1, 3.0, 0.5, DAYS, -719162, 2932896.0, 2932897]))
PACKED_ROW = st.tuples(TEXT, TEXT | st.none(), FLOATS, FLOATS, FLOATS, FLOATS) | st.tuples(
    st.just("x"), TEXT, st.floats(-100, 100), st.integers(0, 60), st.sampled_from([0, 1, 1.0]), st.just(DAYS)
)


@settings(max_examples=600, deadline=None)
@given(st.lists(PACKED_ROW, min_size=1, max_size=3))
def test_what_the_decoders_of_packed_rows_accept_the_reference_accepts(rows: list[Any]) -> None:
    text, numbers = ([value for row in rows for value in row[part]] for part in (slice(2), slice(2, 6)))
    body = json.dumps(matrices(Packed(len(rows), text, numbers))).encode()
    for decoder in (INFER, BulkDecoder(SIGNATURE)):
        fast = decoder(body)
        if fast is not None:
            assert same(fast.packed, by_reference(body))


@pytest.mark.parametrize("rows", [1, 2, 300])
def test_ordinary_packed_requests_take_a_compiled_path(rows: int) -> None:
    packed = Packed(rows, ["x", "Uster"] * rows, [12.5, 3, True, None] * rows)
    sent = Packed(rows, packed.strings, [12.5, 3.0, 1, None] * rows)
    body = json.dumps(matrices(sent)).encode()
    assert (INFER(body) is not None) == (rows == 1)
    for decoder in (INFER, BulkDecoder(SIGNATURE)) if rows == 1 else (BulkDecoder(SIGNATURE),):
        fast = decoder(body)
        assert fast is not None
        assert same(fast.packed, packed)
        assert same(fast.packed, by_reference(body))


def test_odd_packed_requests_are_left_to_the_reference() -> None:
    whole = matrices(Packed(1, ["x", "Uster"], [12.5, 3, 1.0, None]))["inputs"]
    text, numbers = whole
    for inputs in (
        [],
        [text],
        [text, text],
        [text, numbers, numbers],
        [text, tensors(ROW)[0]],
        [text, {**numbers, "shape": [4]}],
        [text, {**numbers, "shape": [4, 1]}],
        [text, {**numbers, "shape": [0, 4], "data": []}],
        [text, {**numbers, "shape": [2, 4], "data": numbers["data"] * 2}],
        [text, {**numbers, "datatype": "INT64"}],
        [text, {**numbers, "data": [True, 3, 1, None]}],
    ):
        body = json.dumps({"inputs": inputs}).encode()
        assert INFER(body) is None
        assert BulkDecoder(SIGNATURE)(body) is None


def test_ordinary_requests_take_the_compiled_path() -> None:
    missing = {**ROW, "town": None, "amount": None, "since": None}
    wanted = Packed(2, ["x", "Uster", "x", ""], [12.5, 3, True, float(DAYS), None, 3, True, None])
    fast = ROWS(json.dumps([ROW, missing]).encode())
    assert fast is not None
    assert same(fast, wanted)
    inferred = INFER(json.dumps({"id": "a", "inputs": tensors(ROW, missing)}).encode())
    assert inferred is not None
    assert same(inferred.packed, wanted)
    assert inferred.envelope.id == "a"


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": []},
        {"inputs": tensors(ROW)[:5]},
        {"inputs": [*tensors(ROW), tensors(ROW)[0]]},
        {"inputs": [*tensors(ROW)[:5], tensors(ROW)[0]]},
        {"inputs": [{**each, "shape": [2]} for each in tensors(ROW)]},
        {"inputs": [{**each, "shape": [0], "data": []} for each in tensors(ROW)]},
        {"inputs": [*tensors(ROW)[:5], {**tensors(ROW)[5], "shape": [2], "data": [None, None]}]},
    ],
)
def test_odd_inference_requests_are_left_to_the_reference(change: dict[str, Any]) -> None:
    assert INFER(json.dumps(change).encode()) is None


def test_contracts_that_no_type_can_express_are_left_to_the_reference() -> None:
    for changed in (
        msgspec.structs.replace(BY_NAME["vip"], min=0.0),
        msgspec.structs.replace(BY_NAME["since"], max=20000.0),
        msgspec.structs.replace(BY_NAME["plan"], categories=("",)),
    ):
        features = tuple(changed if each.name == changed.name else each for each in FEATURES)
        odd = msgspec.structs.replace(SIGNATURE, features=features)
        assert RowDecoder(odd)(json.dumps(ROW).encode()) is None
        assert InferDecoder(odd)(json.dumps({"inputs": tensors(ROW)}).encode()) is None
        packed_row = json.dumps(matrices(Packed(1, ["x", ""], [12.5, 3, 1.0, None]))).encode()
        assert InferDecoder(odd)(packed_row) is None
        assert BulkDecoder(odd)(packed_row) is None
    token = msgspec.structs.replace(SIGNATURE, missing_string="<none>")
    assert RowDecoder(token)(json.dumps(ROW).encode()) is None
    packed = Admission(token, "reject").rows([{**ROW, "town": "<none>"}]).packed
    assert packed.strings == ["x", "<none>"]


def test_bounds_in_sentences_are_readable() -> None:
    def sentence(feature: Feature, value: Any) -> str:
        return judge_column(feature, [value], "").violations[0].text

    many = msgspec.structs.replace(BY_NAME["plan"], categories=tuple(map(str, range(40))))
    assert sentence(many, "w") == "none of the known categories"
    half = msgspec.structs.replace(BY_NAME["amount"], max=None)
    assert sentence(half, -9e9) == "outside the range -9000 to ∞"
