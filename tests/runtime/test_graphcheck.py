from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import AttributeProto, ModelProto, StringStringEntryProto, TensorProto, helper

from ordain.errors import UserError
from ordain.runtime.graphcheck import RUN, check_graph
from tests.runtime.disguise import disguises, empty
from tests.runtime.toy import graph

Change = Callable[[ModelProto], object]


def test_our_graphs_pass() -> None:
    for task in ("binary", "multiclass", "regression"):
        check_graph(graph(task).SerializeToString())


def external(model: ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.append(StringStringEntryProto(key="location", value="../../etc/passwd"))


def hidden_external(model: ModelProto) -> None:
    tensor = TensorProto(data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))


def subgraph(model: ModelProto) -> None:
    branch = helper.make_graph([], "b", [], [])
    model.graph.node.append(helper.make_node("If", ["absent"], ["c"], then_branch=branch, else_branch=branch))


def sparse(model: ModelProto) -> None:
    values = helper.make_tensor("v", TensorProto.FLOAT, [1], [1.0])
    indices = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [2]))


def a_function(model: ModelProto) -> None:
    model.functions.append(helper.make_function("f", "g", [], [], [], []))


def configured(model: ModelProto) -> None:
    model.metadata_props.append(StringStringEntryProto(key="ort_config", value="{}"))


CHANGES: dict[str, tuple[Change, str]] = {
    "external data": (external, "external data"),
    "external data in a node": (hidden_external, "external data"),
    "a subgraph": (subgraph, "a subgraph"),
    "sparse": (sparse, "sparse tensors"),
    "function": (a_function, "functions of its own"),
    "runtime configuration": (configured, "configure the runtime"),
    "custom operator": (
        lambda model: model.graph.node.append(helper.make_node("Evil", [], ["e"], domain="com.evil")),
        "domain 'com.evil'",
    ),
    "contrib operator set": (
        lambda model: model.opset_import.append(helper.make_opsetid("com.microsoft", 1)),
        "domain 'com.microsoft'",
    ),
    "future operator set": (
        lambda model: model.opset_import.append(helper.make_opsetid("", 99)),
        "version 99 of operator set `ai.onnx`",
    ),
    "training": (
        lambda model: model.training_info.add().algorithm.CopyFrom(model.graph),
        "training information",
    ),
    "no nodes": (lambda model: model.graph.ClearField("node"), "0 nodes"),
    "no operator set": (lambda model: model.ClearField("opset_import"), "not an ONNX graph"),
    "no graph": (lambda model: model.ClearField("graph"), "not an ONNX graph"),
    "attribute of a function": (
        lambda model: model.graph.node[0].attribute.append(AttributeProto(name="a", ref_attr_name="b")),
        "a function's attribute",
    ),
    "overload": (lambda model: setattr(model.graph.node[0], "overload", "x"), "overloaded"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_could_reach_outside_the_graph_is_refused(name: str) -> None:
    change, sentence = CHANGES[name]
    model = graph()
    change(model)
    with pytest.raises(UserError, match=sentence):
        check_graph(model.SerializeToString())


DISGUISES = [*disguises("/nonexistent/canary"), *empty()]


@pytest.mark.parametrize("data", DISGUISES, ids=range(len(DISGUISES)))
def test_a_pickle_in_any_disguise_is_refused(data: bytes) -> None:
    with pytest.raises(UserError, match="refused before it is loaded"):
        check_graph(data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_it_crash(data: bytes) -> None:
    with pytest.raises(UserError):
        check_graph(data)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 3000), st.binary(min_size=1, max_size=4))
def test_no_damage_makes_it_crash(place: int, patch: bytes) -> None:
    data = bytearray(graph().SerializeToString())
    data[place : place + len(patch)] = patch
    try:
        check_graph(bytes(data))
    except UserError as error:
        assert error.reason == "release-invalid"  # noqa: PT017 - either outcome is right, a crash is not


@given(
    st.lists(st.floats(width=32, allow_nan=False), max_size=20),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20),
    st.lists(st.binary(max_size=63), max_size=20),
)
def test_skipping_a_run_ends_where_walking_it_would(
    floats: list[float], ints: list[int], texts: list[bytes]
) -> None:
    attribute = AttributeProto(floats=floats, ints=ints, strings=texts)
    data = attribute.SerializeToString()
    found = RUN.match(data)
    assert (found.end() if found else 0) == len(data)
