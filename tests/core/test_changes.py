"""Differences are named by their key and by what they can cause."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.core.gating.release import Release
from ordain.core.pipelines import changes
from ordain.core.pipelines.changes import Change, Declaration
from ordain.core.specs.governance import Environment
from ordain.core.specs.spec import Candidate, Spec

DIGEST = "sha256:" + "0" * 64


def spec(**changed: Any) -> Spec:
    content: dict[str, Any] = {
        "owner": "team",
        "description": "A model.",
        "task": "binary",
        "risk": "low",
        "data": {
            "source": {"path": "data/x.csv"},
            "target": "y",
            "positive": "Yes",
            "columns": {"y": {"type": "string"}, "x": {"type": "number"}},
        },
        "selection": {"metric": "roc_auc"},
        "gates": {
            "quality": [{"metric": "roc_auc", "min": 0.8}],
            "fairness": [
                {"column": "x", "metric": "equalized_odds_difference", "max": 0.2, "rationale": "because"}
            ],
        },
    }
    return msgspec.convert({**content, **changed}, type=Spec)


def declared(of: Spec, **parameters: Any) -> Declaration:
    candidate = Candidate(estimator="sklearn.linear_model.Ridge", parameters=parameters)
    return Declaration(spec=of, candidates={"ridge": candidate}, seed=1)


def keys(found: tuple[Change, ...]) -> dict[str, tuple[str, Any, Any]]:
    return {each.key: (each.slice, each.before, each.after) for each in found}


def test_leaves_of_nested_data() -> None:
    assert changes.leaves({"a": {"b": [1, 2], "c": {}}, "d": [{"e": None}]}) == {
        "a.b": [1, 2],
        "a.c": {},
        "d[0].e": None,
    }
    assert changes.leaves(3, "x") == {"x": 3}


def test_one_and_true_and_one_point_nought_are_three_values() -> None:
    found = changes.differences({"a": 1, "b": 1, "c": None}, {"a": True, "b": 1.0}, "parameter")
    assert [each.key for each in found] == ["a", "b"]


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=2), each),
    max_leaves=8,
)


@given(values)
@settings(max_examples=60, deadline=None)
def test_nothing_differs_from_itself(value: Any) -> None:
    assert changes.differences(value, value, "data") == ()


def test_a_parameter_is_named() -> None:
    found = changes.training_changes(declared(spec(), alpha=1), declared(spec(), alpha=2, tol=3))
    assert keys(found) == {
        "candidates.ridge.parameters.alpha": ("parameter", 1, 2),
        "candidates.ridge.parameters.tol": ("parameter", None, 3),
    }


def test_each_part_of_the_training_slice_has_its_kind() -> None:
    after = spec(
        data={
            "source": {"path": "data/y.csv"},
            "target": "y",
            "positive": "Yes",
            "columns": {"y": {"type": "string"}, "x": {"type": "number"}},
        },
        gates={"quality": [{"metric": "roc_auc", "min": 0.9}]},
        threshold=0.4,
    )
    kinds = {each.slice for each in changes.training_changes(declared(spec()), declared(after))}
    assert kinds == {"data", "gate", "training"}


def test_the_deployment_slice() -> None:
    found = changes.deployment_changes(spec(), spec(deploy={"replicas": {"min": 3, "max": 4}}))
    assert keys(found) == {"deploy.replicas.min": ("deployment", 2, 3)}
    assert changes.deployment_changes(None, spec()) == ()
    assert changes.deployment_changes(spec(), None) == ()


def test_environment_settings_without_pins() -> None:
    content = {
        "version": 1,
        "namespace": "ml",
        "registry": "registry.example/x",
        "runtime": {"image": "registry.example/r@" + DIGEST},
        "models": {},
    }
    before = msgspec.convert(content, type=Environment)
    after = msgspec.convert(
        {**content, "namespace": "other", "models": {"m": {"release": 1}}}, type=Environment
    )
    assert keys(changes.environment_changes(before, after)) == {"namespace": ("environment", "ml", "other")}
    assert changes.environment_changes(None, after) == ()
    assert changes.environment_changes(before, None) == ()


def release(**changed: Any) -> Release:
    content: dict[str, Any] = {
        "model": "m",
        "number": 1,
        "training_slice": DIGEST,
        "parameters": DIGEST,
        "code": DIGEST,
        "lock": DIGEST,
        "data": {
            "source": DIGEST,
            "rows": DIGEST,
            "train": DIGEST,
            "holdout": DIGEST,
            "row_count": 10,
            "holdout_count": 2,
        },
        "champion": {"candidate": "ridge", "estimator": "e", "metric": "roc_auc", "score": 0.8},
        "artifact": DIGEST,
        "artifact_bytes": 5,
        "metrics": {},
        "verdicts": [],
        "looks": 1,
    }
    return msgspec.convert({**content, **changed}, type=Release)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, {}),
        ({"code": "sha256:" + "1" * 64}, {"code": ("code", DIGEST, "sha256:" + "1" * 64)}),
    ],
)
def test_what_two_records_say(changed: dict[str, Any], expected: dict[str, Any]) -> None:
    assert keys(changes.record_changes(release(), release(**changed))) == expected
