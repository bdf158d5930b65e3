"""A fitted pipeline as one ONNX graph: packed raw columns in, probabilities (or a prediction) out.

The bytes depend on the pipeline alone: the graph is named, operator sets are sorted, and nothing in the
file tells when, where or under which hash seed it was made.
"""

from __future__ import annotations

import warnings
from typing import Any

from onnx import ModelProto, TensorProto, helper
from skl2onnx import convert_sklearn, update_registered_converter
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.pipeline import Pipeline

from ordain.core.artifacts.signature import Signature
from ordain.errors import UserError
from ordain.learn.pipeline import MissingFlags

# Above this, onnxmltools' XGBoost converter refuses.
TARGET_OPSET = {"": 21, "ai.onnx.ml": 3}


def convert(pipeline: Pipeline, signature: Signature) -> bytes:
    """The graph of a fitted pipeline.

    Args:
        pipeline: `learn.pipeline.fit`'s.
        signature: names and widths of inputs, and the name of the only output.

    Raises:
        UserError: when the estimator has no ONNX counterpart.
    """
    _register(pipeline)
    kinds = {"strings": StringTensorType, "floats": FloatTensorType}
    inputs = [
        (name, kinds[name]([None, signature.graph.inputs[name].width]))
        for name in ("strings", "floats")
        if name in signature.graph.inputs
    ]
    estimator = pipeline.named_steps["estimator"]
    options = {} if signature.classes is None else {id(estimator): {"zipmap": False}}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the converters' own deprecations concern nobody here
            model = convert_sklearn(
                pipeline,
                name=signature.model,
                initial_types=inputs,
                target_opset=TARGET_OPSET,
                options=options,
            )
    except (RuntimeError, NameError, TypeError, ValueError, LookupError, NotImplementedError) as error:
        raise UserError(
            f"{type(estimator).__name__} cannot be converted to ONNX: {str(error).strip().splitlines()[0]}",
            where="params.yaml",
            fix="choose another estimator; docs/candidates.md lists estimators that are tested",
        ) from error
    return _normal(model, signature)


def _register(pipeline: Pipeline) -> None:
    """Make the converters known that skl2onnx does not bring: ours, and XGBoost's when it is used."""
    update_registered_converter(
        MissingFlags, "OrdainMissingFlags", _missing_flags_shape, _convert_missing_flags, overwrite=True
    )
    kind = type(pipeline.named_steps["estimator"])
    if not kind.__module__.startswith("xgboost."):
        return
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )

    if hasattr(kind, "predict_proba"):
        shapes, options = (
            calculate_linear_classifier_output_shapes,
            {"nocl": [True, False], "zipmap": [True, False, "columns"]},
        )
    else:
        shapes, options = calculate_linear_regressor_output_shapes, {}
    update_registered_converter(
        kind, f"XGBoost{kind.__name__}", shapes, convert_xgboost, overwrite=True, options=options
    )


def _missing_flags_shape(operator: Any) -> None:
    rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type = FloatTensorType([rows, operator.raw_operator.n_features_in_])


def _convert_missing_flags(scope: Any, operator: Any, container: Any) -> None:
    flags = scope.get_unique_variable_name("missing_flags")
    container.add_node(
        "IsNaN",
        operator.inputs[0].full_name,
        flags,
        op_version=9,
        name=scope.get_unique_operator_name("IsNaN"),
    )
    container.add_node(
        "Cast",
        flags,
        operator.outputs[0].full_name,
        op_version=9,
        to=TensorProto.FLOAT,
        name=scope.get_unique_operator_name("Cast"),
    )


def _normal(model: ModelProto, signature: Signature) -> bytes:
    """Keep one output under its own name, drop what it does not need, and sort what has no order."""
    graph, wanted = model.graph, signature.graph.output
    found = (
        [each for each in graph.output if "label" not in each.name]
        if signature.classes
        else list(graph.output)
    )
    if len(found) != 1:
        raise UserError(f"the graph has {len(found)} outputs where one was expected", where="model.onnx")
    _rename(graph, found[0].name, wanted)
    width = 1 if signature.classes is None else len(signature.classes)
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(wanted, TensorProto.FLOAT, [None, width]))
    _prune(graph, wanted)
    sets = sorted((each.domain, each.version) for each in model.opset_import)
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in sets)
    model.producer_name, model.producer_version, model.domain, model.doc_string = "ordain", "", "", ""
    model.model_version = 0
    graph.doc_string = ""
    for node in graph.node:
        node.doc_string = ""
        attributes = sorted(node.attribute, key=lambda each: each.name)
        del node.attribute[:]
        node.attribute.extend(attributes)
    del model.metadata_props[:]
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _rename(graph: Any, old: str, new: str) -> None:
    if old == new:
        return
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                names[place] = {old: new, new: f"{new}_inner"}.get(name, name)


def _prune(graph: Any, output: str) -> None:
    """Drop nodes and constants that the output does not depend on (those that made the label)."""
    needed, kept = {output}, []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    constants = [each for each in graph.initializer if each.name in needed]
    del graph.node[:]
    graph.node.extend(reversed(kept))
    del graph.initializer[:]
    graph.initializer.extend(constants)
