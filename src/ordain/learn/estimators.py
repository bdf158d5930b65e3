"""Estimators by import path, from packages that training allows, with every source of chance fixed."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from ordain.core.problems import did_you_mean
from ordain.core.specs.spec import Candidate
from ordain.errors import UserError

ALLOWED = ("sklearn", "xgboost")
# Distances and gradients depend on the units of the numbers; trees do not, and a scaler before them
# costs parity, because a 64-bit and a 32-bit scaler put rows on different sides of a split.
SCALED_MODULES = (
    "sklearn.linear_model",
    "sklearn.neural_network",
    "sklearn.svm",
    "sklearn.neighbors",
    "sklearn.discriminant_analysis",
    "sklearn.gaussian_process",
)


def estimator_class(path: str, task: str) -> type[Any]:
    """The class that an import path names.

    Args:
        path: such as `sklearn.linear_model.LogisticRegression`.
        task: decides whether it must be a classifier or a regressor.

    Raises:
        UserError: a package that is not allowed, a private segment, nothing there, no estimator of the
            task.
    """
    package, *rest = path.split(".")
    if package not in ALLOWED or not rest or any(each.startswith("_") for each in rest):
        raise UserError(
            f"the estimator `{path}` is not a public class of {' or '.join(ALLOWED)}",
            fix="choose one that is; docs/candidates.md lists estimators that are tested",
        )
    module_path, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_path)
    except ImportError as error:
        raise UserError(f"cannot import `{module_path}`: {error}", fix="correct `estimator`") from error
    found = getattr(module, name, None)
    if not inspect.isclass(found):
        public = [each for each in dir(module) if not each.startswith("_")]
        fix = did_you_mean(name, public) or "correct `estimator` in params.yaml"
        raise UserError(f"`{module_path}` has no class `{name}`", fix=fix)
    _check_kind(found, path, "RegressorMixin" if task == "regression" else "ClassifierMixin")
    return found


def _check_kind(found: type[Any], path: str, base: str) -> None:
    """Refuse what is no estimator of the task, or cannot be made from plain parameters."""
    bases = {each.__name__ for each in found.__mro__}
    if not {base, "BaseEstimator"} <= bases or inspect.isabstract(found):
        kind = base.removesuffix("Mixin").lower()
        raise UserError(f"`{path}` is not a {kind}, which the task asks for", fix="choose another estimator")
    needed = [
        each.name
        for each in inspect.signature(found).parameters.values()
        if each.default is inspect.Parameter.empty and each.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    if needed:
        raise UserError(
            f"`{path}` needs `{needed[0]}`, other estimators that params.yaml cannot hold",
            fix="choose another estimator",
        )


def build(candidate: Candidate, task: str, seed: int) -> Any:
    """The unfitted estimator of a candidate.

    `random_state` is the seed and `n_jobs` 1 unless the candidate says otherwise: with more threads,
    sums come in another order and the last bits of a model change.

    Raises:
        UserError: an unknown parameter (all of them, with suggestions) or values that it refuses.
    """
    kind = estimator_class(candidate.estimator, task)
    known = kind().get_params(deep=False)
    unknown = [each for each in candidate.parameters if each not in known]
    if unknown:
        named = "; ".join(
            f"unknown parameter `{each}` of {kind.__name__}, {did_you_mean(each, known)}".rstrip(", ")
            for each in unknown
        )
        raise UserError(named, fix="correct `parameters` in params.yaml")
    fixed = {"random_state": seed, "n_jobs": 1}
    parameters = {name: value for name, value in fixed.items() if name in known}
    estimator = kind(**parameters | dict(candidate.parameters))
    if task != "regression" and not hasattr(estimator, "predict_proba"):
        raise UserError(
            f"{kind.__name__} gives no probabilities with these parameters",
            fix="set what makes it give them (such as `probability: true`), or choose another estimator",
        )
    return estimator


def needs_scaling(candidate: Candidate) -> bool:
    """Whether numbers are standardised first: what the candidate says, else what its kind needs."""
    if isinstance(candidate.scale, bool):
        return candidate.scale
    return candidate.estimator.startswith(SCALED_MODULES)
