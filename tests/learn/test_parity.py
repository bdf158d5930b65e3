"""Graph and training pipeline agree, for each estimator and task, unseen and missing values included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from ordain.core.artifacts.signature import Task
from ordain.core.specs.spec import Candidate
from ordain.errors import UserError
from ordain.learn.export import Exported, export
from ordain.learn.graph import score
from ordain.learn.pipeline import Recipe
from ordain.learn.reference import KIND, largest_difference, reference_answers

if TYPE_CHECKING:
    from tests.learn.conftest import Case, CaseMaker

MOST = 1e-5
CLASSIFIERS: dict[str, dict[str, Any]] = {
    "sklearn.linear_model.LogisticRegression": {},
    "sklearn.linear_model.SGDClassifier": {"loss": "log_loss"},
    "sklearn.ensemble.RandomForestClassifier": {"n_estimators": 20},
    "sklearn.ensemble.ExtraTreesClassifier": {"n_estimators": 20},
    "sklearn.ensemble.HistGradientBoostingClassifier": {"max_iter": 20},
    "sklearn.ensemble.GradientBoostingClassifier": {"n_estimators": 20},
    "sklearn.tree.DecisionTreeClassifier": {},
    "sklearn.neighbors.KNeighborsClassifier": {},
    "sklearn.naive_bayes.GaussianNB": {},
    "sklearn.neural_network.MLPClassifier": {"hidden_layer_sizes": [8], "max_iter": 2000},
    "xgboost.XGBClassifier": {"n_estimators": 20},
}
REGRESSORS: dict[str, dict[str, Any]] = {
    "sklearn.linear_model.Ridge": {},
    "sklearn.linear_model.ElasticNet": {},
    "sklearn.ensemble.RandomForestRegressor": {"n_estimators": 20},
    "sklearn.ensemble.HistGradientBoostingRegressor": {"max_iter": 20},
    "sklearn.ensemble.GradientBoostingRegressor": {"n_estimators": 20},
    "sklearn.tree.DecisionTreeRegressor": {},
    "sklearn.neighbors.KNeighborsRegressor": {},
    "sklearn.svm.SVR": {},
    "sklearn.neural_network.MLPRegressor": {
        "hidden_layer_sizes": [4],
        "max_iter": 3000,
        "solver": "lbfgs",
        "alpha": 10.0,
    },
    "xgboost.XGBRegressor": {"n_estimators": 20},
}
EVERY = [(task, path) for task in ("binary", "multiclass") for path in CLASSIFIERS]
EVERY += [("regression", path) for path in REGRESSORS]


def exported(case: Case, path: str, parameters: dict[str, Any]) -> Exported:
    candidate = Candidate(estimator=path, parameters=parameters)
    train = case.rows.take(np.arange(180))
    return export(Recipe(signature=case.signature, candidate=candidate, seed=3), train, case.holdout)


def gap(made: Exported, case: Case) -> float:
    ours = score(made.model, case.signature, made.reference)
    return largest_difference(ours, reference_answers(made.reference, case.signature), case.model.task)


@pytest.mark.parametrize(("task", "path"), EVERY)
def test_every_listed_estimator_keeps_parity(task: Task, path: str, make_case: CaseMaker) -> None:
    case = make_case(task)
    made = exported(case, path, {**CLASSIFIERS, **REGRESSORS}[path])
    assert gap(made, case) <= MOST
    assert set(made.reference[KIND]) == {"holdout", "probe"}


@pytest.mark.parametrize("columns", [("plan", "town"), ("amount", "vip"), ("amount",), ("plan",)])
@pytest.mark.parametrize("path", ["sklearn.linear_model.LogisticRegression", "xgboost.XGBClassifier"])
def test_one_kind_of_column_is_enough(path: str, columns: tuple[str, ...], make_case: CaseMaker) -> None:
    case = make_case("binary", columns)
    made = exported(case, path, {})
    assert gap(made, case) <= MOST
    graph = onnx.load_from_string(made.model).graph
    assert [each.name for each in graph.input] == list(case.signature.graph.inputs)


def test_the_graph_is_only_what_the_answer_needs(binary: Case) -> None:
    model = onnx.load_from_string(exported(binary, "xgboost.XGBClassifier", {"n_estimators": 3}).model)
    assert [each.name for each in model.graph.output] == ["probabilities"]
    assert [each.name for each in model.graph.input] == ["strings", "floats"]
    assert (model.graph.name, model.producer_name, model.producer_version) == ("sample", "ordain", "")
    sets = [(each.domain, each.version) for each in model.opset_import]
    assert sets == sorted(sets)
    made = {name for node in model.graph.node for name in node.output}
    used = {name for node in model.graph.node for name in node.input} | {"probabilities"}
    assert {each.name for each in model.graph.initializer} <= used
    assert "probabilities" in made


def test_probabilities_of_probes_are_probabilities(binary: Case) -> None:
    made = exported(binary, "sklearn.linear_model.LogisticRegression", {})
    answers = score(made.model, binary.signature, made.reference)
    assert answers.dtype == np.float32
    assert np.isfinite(answers).all()
    assert np.allclose(answers.sum(axis=1), 1, atol=1e-6)


def test_a_conversion_that_loses_parity_is_measured(binary: Case) -> None:
    """Discriminant analysis with collinear one-hot columns is one such estimator: the gate catches it."""
    path = "sklearn.discriminant_analysis.LinearDiscriminantAnalysis"
    made = exported(binary, path, {"solver": "svd"})
    shifted = made.reference.copy()
    shifted["reference_p_Yes"] += 0.001
    ours = score(made.model, binary.signature, shifted)
    assert largest_difference(ours, reference_answers(shifted, binary.signature), "binary") > MOST


def test_an_estimator_without_a_counterpart_is_named(binary: Case) -> None:
    with pytest.raises(UserError, match="DummyClassifier cannot be converted"):
        exported(binary, "sklearn.dummy.DummyClassifier", {})


def test_a_difference_is_never_hidden() -> None:
    one, nan = np.array([[0.5]]), np.array([[np.nan]])
    assert np.isnan(largest_difference(one, nan, "binary"))
    assert np.isnan(largest_difference(nan, one, "regression"))
    assert np.isnan(largest_difference(one[:0], one[:0], "binary"))
    assert np.isnan(largest_difference(one, np.array([[0.5, 0.5]]), "binary"))
    assert largest_difference(one, one, "regression") == 0
    ours, theirs = np.array([[1e6 + 1.0], [0.0]]), np.array([[1e6], [0.0]])
    assert largest_difference(ours, theirs, "regression") == pytest.approx(1e-6)
