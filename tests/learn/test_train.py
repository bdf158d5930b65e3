"""Candidates are built as declared, trained out of fold, and stopped clearly when they cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ordain.core.specs.spec import Candidate, Selection
from ordain.errors import UserError
from ordain.learn.estimators import build, needs_scaling
from ordain.learn.ingest import ID
from ordain.learn.pipeline import Recipe, categories
from ordain.learn.select import select
from ordain.learn.train import check_finite, cross_validate

if TYPE_CHECKING:
    from tests.learn.conftest import Case, CaseMaker

LOGISTIC = "sklearn.linear_model.LogisticRegression"
FOREST = "sklearn.ensemble.RandomForestClassifier"


def candidate(path: str, **parameters: Any) -> Candidate:
    return Candidate(estimator=path, parameters=parameters)


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("os.system", "not a public class of sklearn or xgboost"),
        ("subprocess.Popen", "not a public class"),
        ("sklearn", "not a public class"),
        ("sklearn_evil.Model", "not a public class"),
        ("sklearn.utils._testing.SkipTest", "not a public class"),
        ("sklearn.linear_model._logistic.LogisticRegression", "not a public class"),
        ("sklearn.linear_models.LogisticRegression", "cannot import"),
        ("sklearn.linear_model.LogisticRegresion", "has no class"),
        ("sklearn.linear_model.LinearRegression", "not a classifier"),
        ("sklearn.preprocessing.StandardScaler", "not a classifier"),
        ("sklearn.metrics.roc_auc_score", "has no class"),
        ("sklearn.base.ClassifierMixin", "not a classifier"),
        ("sklearn.ensemble.VotingClassifier", "needs `estimators`"),
    ],
)
def test_only_public_estimators_of_the_task_are_built(path: str, what: str) -> None:
    with pytest.raises(UserError, match=what):
        build(candidate(path), "binary", 0)


def test_a_misspelt_class_or_parameter_is_suggested() -> None:
    with pytest.raises(UserError) as caught:
        build(candidate("sklearn.linear_model.LogisticRegresion"), "binary", 0)
    assert "LogisticRegression" in caught.value.fix
    with pytest.raises(UserError, match="did you mean `max_iter`") as caught:
        build(candidate(LOGISTIC, max_itr=5, zzz=1), "binary", 0)
    assert "`zzz`" in caught.value.what


def test_a_classifier_without_probabilities_is_refused() -> None:
    with pytest.raises(UserError, match="no probabilities"):
        build(candidate("sklearn.linear_model.RidgeClassifier"), "binary", 0)


def test_chance_is_fixed_and_threads_too_unless_declared() -> None:
    forest = build(candidate(FOREST), "binary", 7)
    assert (forest.random_state, forest.n_jobs) == (7, 1)
    assert build(candidate(FOREST, random_state=3), "binary", 7).random_state == 3
    assert not hasattr(build(candidate("sklearn.neighbors.KNeighborsRegressor"), "regression", 7), "seed")


def test_scaling_follows_the_kind_or_the_candidate() -> None:
    assert needs_scaling(candidate(LOGISTIC))
    assert not needs_scaling(candidate(FOREST))
    assert not needs_scaling(candidate("xgboost.XGBClassifier"))
    assert needs_scaling(Candidate(estimator=FOREST, scale=True))
    assert not needs_scaling(Candidate(estimator=LOGISTIC, scale=False))


def recipe(case: Case, path: str = LOGISTIC, **parameters: Any) -> Recipe:
    return Recipe(signature=case.signature, candidate=candidate(path, **parameters), seed=1)


def test_undeclared_categories_are_capped_by_frequency(binary: Case) -> None:
    plan, town = categories(binary.signature, binary.rows.tensors)
    assert plan.tolist() == ["x", "y", "z"]
    assert len(town) == 50
    counts = binary.frame["town"].fillna("").value_counts()
    assert set(counts[counts > counts.iloc[50]].index) <= set(town)


def test_out_of_fold_predictions_cover_every_row_once(binary: Case) -> None:
    oof, report = cross_validate(recipe(binary), binary.rows, Selection(metric="roc_auc", folds=4))
    assert list(oof.columns) == [ID, "target", "fold", "p_No", "p_Yes"]
    assert oof[ID].tolist() == binary.frame[ID].tolist()
    assert oof["target"].tolist() == binary.frame["y"].tolist()
    assert set(oof["fold"]) == {0, 1, 2, 3}
    assert np.allclose(oof["p_No"] + oof["p_Yes"], 1)
    assert report["converged"]
    assert (report["folds"], report["rows"]) == (4, len(oof))


def test_a_model_never_sees_the_rows_that_it_predicts(binary: Case) -> None:
    """A one-neighbour model knows every row that it was fitted on; out of fold it must not."""
    path = "sklearn.neighbors.KNeighborsClassifier"
    oof, _ = cross_validate(
        recipe(binary, path, n_neighbors=1), binary.rows, Selection(metric="roc_auc", folds=4)
    )
    assert ((oof["p_Yes"] > 0.5) == (oof["target"] == "Yes")).mean() < 0.95


def test_regressions_are_predicted_as_numbers(make_case: CaseMaker) -> None:
    case = make_case("regression")
    oof, _ = cross_validate(
        recipe(case, "sklearn.linear_model.Ridge"), case.rows, Selection(metric="rmse", folds=3)
    )
    assert np.corrcoef(oof["prediction"], oof["target"])[0, 1] > 0.5


def test_no_convergence_names_the_parameter_to_change(binary: Case) -> None:
    selection = Selection(metric="roc_auc", folds=3)
    with pytest.raises(UserError, match="LogisticRegression did not converge on fold 1 of 3") as caught:
        cross_validate(recipe(binary, max_iter=2), binary.rows, selection)
    assert caught.value.fix == "raise `max_iter` (now 2) of the candidate in params.yaml"
    path = "sklearn.neural_network.MLPClassifier"
    with pytest.raises(UserError, match="did not converge") as caught:
        cross_validate(recipe(binary, path), binary.rows, selection)
    assert "raise `max_iter` of the candidate" in caught.value.fix


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        (LOGISTIC, {"C": -1}),
        (LOGISTIC, {"C": "big"}),
        (FOREST, {"n_estimators": 0}),
        ("xgboost.XGBClassifier", {"objective": "nonsense"}),
        ("xgboost.XGBClassifier", {"max_depth": "deep"}),
    ],
)
def test_a_crash_is_a_clear_error(path: str, parameters: dict[str, Any], binary: Case) -> None:
    with pytest.raises(UserError, match="failed on fold 1 of 3") as caught:
        cross_validate(recipe(binary, path, **parameters), binary.rows, Selection(metric="f1", folds=3))
    assert "params.yaml" in caught.value.fix


def test_warnings_are_kept(binary: Case) -> None:
    _, report = cross_validate(
        recipe(binary, FOREST, n_estimators=3, oob_score=True), binary.rows, Selection(metric="f1", folds=3)
    )
    assert any("OOB" in each for each in report["warnings"])


def test_a_fold_without_a_class_is_named(binary: Case) -> None:
    few = binary.rows.take(np.arange(12))
    with pytest.raises(UserError, match=r"fold \d+ of 10 has"):
        cross_validate(recipe(binary), few, Selection(metric="f1", folds=10))


def test_an_empty_fold_of_a_regression_is_named(make_case: CaseMaker) -> None:
    case = make_case("regression")
    with pytest.raises(UserError, match=r"fold \d+ of 20 has no rows"):
        cross_validate(
            recipe(case, "sklearn.linear_model.Ridge"),
            case.rows.take(np.arange(8)),
            Selection(metric="rmse", folds=20),
        )


def test_nan_answers_are_refused(binary: Case) -> None:
    with pytest.raises(UserError, match="1 rows of fold 1 with NaN"):
        check_finite(np.array([[0.5, np.nan], [0.5, 0.5]]), recipe(binary), "fold 1")


def report(**scores: float | None) -> dict[str, dict[str, Any]]:
    return {
        name.replace("_", "-"): {
            "metrics": {"roc_auc": score, "rmse": score},
            "intervals": {"roc_auc": None, "rmse": {"low": 0.1, "high": 0.2}},
        }
        for name, score in scores.items()
    }


def test_the_best_wins_and_equal_scores_go_by_name() -> None:
    reports = report(b=0.9, a=0.9, c=0.95)
    assert [each["candidate"] for each in select(reports, "roc_auc")] == ["c", "a", "b"]
    ranking = select(reports, "rmse")
    assert [each["candidate"] for each in ranking] == ["a", "b", "c"]
    assert ranking[0] == {"candidate": "a", "score": 0.9, "interval": [0.1, 0.2]}


def test_what_cannot_be_ranked_is_said() -> None:
    with pytest.raises(UserError, match="undefined"):
        select(report(a=0.9, b=None), "roc_auc")
    with pytest.raises(UserError, match="not a metric") as caught:
        select(report(a=0.9), "f1")
    assert "rmse, roc_auc" in caught.value.fix
    with pytest.raises(UserError, match="no candidate"):
        select({}, "f1")
