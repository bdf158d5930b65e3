"""Whatever form a release is run in, it answers as its graph; and no crooked forest is ever walked."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import ModelProto, helper, load_from_string

from ordain.core.artifacts.signature import Signature, Task
from ordain.errors import UserError
from ordain.learn.reference import largest_difference, reference_answers
from ordain.runtime.agreement import MOST
from ordain.runtime.artifact import Verified
from ordain.runtime.batch.admitting import Admission, Admitted, Chunk
from ordain.runtime.batch.executors import GRAPH, MASKS, PREPARED, TREES, Executors
from ordain.runtime.batch.forest import Forest, Walker, compiled, forest_of
from ordain.runtime.batch.forms import forms_of
from ordain.runtime.batch.preparation import cut
from ordain.runtime.graphcheck import check_graph
from ordain.runtime.graphread import read_graph
from ordain.runtime.model import Identity, Model
from tests.learn.conftest import build_case
from tests.learn.test_parity import EVERY, exported
from tests.runtime.toy import files

if TYPE_CHECKING:
    from tests.learn.conftest import Case

PARAMETERS: dict[str, Any] = {
    "SGDClassifier": {"loss": "log_loss"}, "MLPClassifier": {"hidden_layer_sizes": [8], "max_iter": 2000},
    "MLPRegressor": {"hidden_layer_sizes": [4], "max_iter": 3000, "solver": "lbfgs", "alpha": 10.0},
}  # fmt: skip
# A graph with a subgraph, which these convert to, is refused before it is loaded.
SERVED = [(task, path) for task, path in EVERY if "KNeighbors" not in path]
FORESTS = ("RandomForest", "ExtraTrees", "HistGradientBoosting", "DecisionTree", "XGB")
SMALL_TREES = ("HistGradientBoosting", "XGB")


def admitted(frame: pd.DataFrame, signature: Signature) -> Admitted:
    names = [each.name for each in signature.features]
    table = pa.Table.from_pandas(frame[names], preserve_index=False).combine_chunks()
    columns = {name: table.column(name).chunk(0) for name in names}
    return Admission(signature, "accept")(Chunk(0, len(frame), columns, {}, {}, textual=False))


def executors(data: bytes, signature: Signature) -> Executors:
    check_graph(data)
    verified = Verified(digest="sha256:" + "0" * 64, signature=signature, model=data)
    return Executors(Model(Identity(name="x", version="1", artifact=verified.digest), verified), verified)


@pytest.mark.parametrize(("task", "path"), SERVED)
def test_every_form_of_every_estimator_keeps_parity(task: Task, path: str) -> None:
    case: Case = build_case(task)
    name = path.rpartition(".")[2]
    small = {"n_estimators": 12} if name.startswith(("Random", "Extra", "Gradient", "XGB")) else {}
    made = exported(case, path, PARAMETERS.get(name, {"max_iter": 12} if name.startswith("Hist") else small))
    rows = admitted(made.reference, case.signature)
    wanted = reference_answers(made.reference, case.signature)
    offered = executors(made.model, case.signature)
    forms = [GRAPH, PREPARED, *([TREES] if name.startswith(FORESTS) else [])]
    forms += [MASKS] if MASKS in offered.every() else []
    assert MASKS in forms or not name.startswith(SMALL_TREES)
    for form in forms:
        execute = offered.choose(form, rows, None, 1).execute
        found = execute(rows)
        assert largest_difference(found, wanted, task) <= MOST, form
        few = execute(admitted(made.reference.head(13), case.signature))
        np.testing.assert_allclose(few, found[:13], rtol=1e-6, atol=1e-6)


def test_compiling_has_to_pay() -> None:
    case = build_case("binary")
    made = exported(case, "sklearn.ensemble.RandomForestClassifier", {"n_estimators": 120})
    rows = admitted(pd.concat([case.holdout] * 40, ignore_index=True), case.signature)
    offered = executors(made.model, case.signature)
    # Which of the two is faster is measured where it runs; both are worth it for so many rows.
    assert offered.choose("auto", rows, 10_000_000, 1).name in {PREPARED, TREES, MASKS}
    assert offered.choose("auto", rows, 1000, 1).name in {GRAPH, PREPARED, MASKS}
    assert offered.choose("auto", None, 0, 1).name == GRAPH


def test_what_is_fast_enough_without_a_compiler_loads_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler takes 120 MB; ten seconds by the graph and one by masks are no reason for it."""
    case = build_case("binary")
    made = exported(case, "sklearn.ensemble.RandomForestClassifier", {"n_estimators": 5, "max_depth": 4})
    rows = admitted(made.reference, case.signature)
    offered = executors(made.model, case.signature)
    seconds = iter((10.0, 9.0, 1.0))
    monkeypatch.setattr("ordain.runtime.batch.executors.measured", lambda *_: next(seconds))
    monkeypatch.setattr("ordain.runtime.batch.executors.compiled", lambda: pytest.fail("it is compiled"))
    assert offered.choose("auto", rows, rows.rows, 1).name == MASKS


def test_a_graph_of_another_making_runs_as_itself(folder: Path) -> None:
    """The toy graph imputes by hand, with operators that no converter writes."""
    content = files()
    signature = msgspec.json.decode(content["signature.json"], type=Signature)
    offered = executors(content["model.onnx"], signature)
    frame = pd.DataFrame(
        {"plan": ["x"], "town": ["Uster"], "amount": [1.0], "visits": [1], "vip": [1.0], "since": [1]}
    )
    rows = admitted(frame, signature)
    assert offered.choose("auto", rows, 10**9, 1).name == GRAPH
    for name in (PREPARED, TREES, MASKS):
        with pytest.raises(UserError, match=f"cannot be run as `{name}`"):
            offered.choose(name, rows, None, 1)


def test_a_graph_that_serving_refuses_is_offered_as_itself_only() -> None:
    case = build_case("binary")
    made = exported(case, "sklearn.neighbors.KNeighborsClassifier", {})
    with pytest.raises(UserError, match="subgraph"):
        check_graph(made.model)
    assert list(forms_of(made.model, case.signature)) == [GRAPH]


def test_the_gate_asks_every_form() -> None:
    case = build_case("binary")
    made = exported(case, "sklearn.ensemble.RandomForestClassifier", {"n_estimators": 5, "max_depth": 4})
    forms = forms_of(made.model, case.signature)
    assert list(forms) == [GRAPH, PREPARED, MASKS, TREES]
    wanted = reference_answers(made.reference, case.signature)
    for ask in forms.values():
        assert largest_difference(ask(made.reference), wanted, "binary") <= MOST


# --- forests that are none --------------------------------------------------------------------------


@cache
def grown_forest() -> tuple[ModelProto, Signature]:
    """A small forest, trained once a process."""
    case = build_case("binary")
    made = exported(case, "sklearn.ensemble.RandomForestClassifier", {"n_estimators": 5, "max_depth": 4})
    return load_from_string(made.model), case.signature


@pytest.fixture
def grown() -> tuple[ModelProto, Signature]:
    return grown_forest()


def forest(model: ModelProto, signature: Signature) -> Forest | None:
    data = model.SerializeToString()
    check_graph(data)
    widths = {name: each.width for name, each in signature.graph.inputs.items()}
    found = cut(read_graph(data), widths["strings"], widths["floats"])
    assert found is not None
    return forest_of(found.nodes, len(found.columns), signature.graph.output)


def changed(model: ModelProto, name: str, place: int, value: Any) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    (attribute,) = [each for each in copy.graph.node[-1].attribute if each.name == name]
    kept = list(helper.get_attribute_value(attribute))
    kept[place % len(kept)] = value
    attribute.CopyFrom(helper.make_attribute(name, kept))
    return copy


def test_a_forest_is_laid_out_with_siblings_side_by_side(grown: tuple[ModelProto, Signature]) -> None:
    found = forest(*grown)
    assert found is not None
    sizes = np.diff(found.starts)
    assert (found.child >= 0).all()
    assert (found.child < np.repeat(sizes, sizes)).all()
    leaves = np.isinf(found.threshold)
    places = np.arange(len(found.child)) - np.repeat(found.starts[:-1], sizes)
    assert np.array_equal(found.child[leaves], places[leaves])
    assert (found.child[~leaves] > places[~leaves]).all()


@settings(deadline=None, max_examples=80)
@given(
    st.sampled_from(
        ["nodes_truenodeids", "nodes_falsenodeids", "nodes_featureids", "nodes_nodeids", "nodes_treeids",
         "class_treeids", "class_nodeids", "class_ids"]
    ),
    st.integers(0, 500),
    st.sampled_from([-(2**63), -1, 0, 1, 3, 10**4, 2**62]),
)  # fmt: skip
def test_no_crooked_forest_is_walked_out_of_bounds(name: str, place: int, value: int) -> None:
    """Either it is refused, or every step of the walk stays within the arrays."""
    model, signature = grown_forest()
    found = forest(changed(model, name, place, value), signature)
    if found is None:
        return
    sizes = np.repeat(np.diff(found.starts), np.diff(found.starts))
    inner = ~np.isinf(found.threshold)
    assert ((found.child >= 0) & (found.child + inner < sizes)).all()
    assert ((found.feature >= 0) & (found.feature < 100)).all()
    assert len(found.value) == len(found.child) == found.starts[-1]


def test_a_cycle_is_no_tree(grown: tuple[ModelProto, Signature]) -> None:
    model, signature = grown
    assert forest(changed(model, "nodes_truenodeids", 0, 2), signature) is None
    assert forest(changed(model, "nodes_values", 0, float("nan")), signature) is None


def test_long_lists_of_numbers_are_read_as_onnx_reads_them(grown: tuple[ModelProto, Signature]) -> None:
    model, _ = grown
    graph = read_graph(model.SerializeToString())
    assert [each.op for each in graph.nodes] == [each.op_type for each in model.graph.node]
    for ours, theirs in zip(graph.nodes, model.graph.node, strict=True):
        assert (list(ours.inputs), list(ours.outputs)) == (list(theirs.input), list(theirs.output))
        for each in theirs.attribute:
            value, found = helper.get_attribute_value(each), ours.attributes[each.name]
            read: dict[int, Any] = {
                1: found.f,
                2: found.i,
                3: found.s,
                6: found.floats,
                7: found.ints,
                8: found.strings,
            }
            np.testing.assert_array_equal(read[each.type], value)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
def test_whole_numbers_of_any_size(values: list[int]) -> None:
    node = helper.make_node("Op", ["x"], ["y"], numbers=values)
    model = helper.make_model(helper.make_graph([node], "g", [], []))
    (found,) = read_graph(model.SerializeToString()).nodes
    assert found.attributes["numbers"].ints.tolist() == values


def test_rows_that_fill_no_lane_are_answered_alone() -> None:
    one = np.array([0], dtype=np.int64)
    leaf: NDArray[np.float32] = np.array([np.inf], dtype=np.float32)
    tree = Forest(
        np.array([0, 1]), one, one, one, leaf, np.array([[2.5]]), np.array([1.0]), lambda sums: sums
    )
    answers = Walker(tree, compiled())(np.zeros((3, 1), dtype=np.float32))
    assert answers.tolist() == [[3.5]] * 3
