"""Train one candidate by cross-validation, and say clearly when it cannot be trained."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from ordain.core.artifacts.signature import Signature
from ordain.core.specs.spec import Selection
from ordain.errors import UserError
from ordain.learn.ingest import ID
from ordain.learn.pipeline import Recipe, fit, predict
from ordain.learn.rows import Rows
from ordain.learn.split import check_labels, fold_numbers

# What libraries raise when a recipe is wrong. Anything else is a bug of ours and shows as one.
CRASHES = (ValueError, TypeError, ArithmeticError, RuntimeError, MemoryError, AttributeError, LookupError)
ITERATIONS = ("max_iter", "n_estimators", "max_fun")


def split_rows(rows: Rows, signature: Signature, selection: Selection) -> NDArray[np.int64]:
    """The fold of each row, after a look that every class can be learned and judged in every fold.

    Raises:
        UserError: when a fold, or what is left without it, lacks a class.
    """
    folds = fold_numbers(rows.ids, selection.folds, selection.seed)
    for fold in range(selection.folds):
        for part, mask in (("fold", folds == fold), ("what is left without fold", folds != fold)):
            title = f"{part} {fold + 1} of {selection.folds}"
            if signature.classes is not None:
                labels = [signature.classes[each] for each in np.unique(rows.target[mask])]
                check_labels(labels, signature.classes, title)
            elif not mask.any():
                check_labels([], [], title)
    return folds


@contextmanager
def watched(recipe: Recipe, part: str, notes: set[str]) -> Iterator[None]:
    """Collect the warnings of a fit, and turn a crash or a missing convergence into a clear error.

    Raises:
        UserError: naming the estimator, the part of the data and the parameter to change.
    """
    kind = recipe.candidate.estimator.rpartition(".")[2]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except CRASHES as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else "no message"
            raise UserError(
                f"{kind} failed on {part}: {type(error).__name__}: {first}",
                where="params.yaml",
                fix="correct the candidate's `parameters` in params.yaml, or choose another estimator",
            ) from error
    for each in caught:
        message = str(each.message).strip().splitlines()[0]
        if issubclass(each.category, ConvergenceWarning):
            raise UserError(
                f"{kind} did not converge on {part}: {message}", where="params.yaml", fix=_raise_limit(recipe)
            )
        notes.add(f"{each.category.__name__}: {message}")


def _raise_limit(recipe: Recipe) -> str:
    given = recipe.candidate.parameters
    for name in ITERATIONS:
        if name in given:
            return f"raise `{name}` (now {given[name]}) of the candidate in params.yaml"
    return "raise `max_iter` of the candidate in params.yaml, or set `scale: true`"


def fitted(recipe: Recipe, rows: Rows, part: str, notes: set[str]) -> Any:
    """The pipeline fitted on rows, watched."""
    with watched(recipe, part, notes):
        return fit(recipe, rows.tensors, rows.target)


def cross_validate(recipe: Recipe, rows: Rows, selection: Selection) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Predictions for every training row by a model that did not see it.

    Args:
        recipe: what to fit; rows: the training side; selection: number and seed of the folds.

    Returns:
        the frame of `oof.parquet` (`_id`, `target` as text or number, `fold`, then the answer), and the
        report `training.json`.

    Raises:
        UserError: a fold without a class; a candidate that crashes, does not converge or answers NaN.
    """
    folds = split_rows(rows, recipe.signature, selection)
    names = list(recipe.signature.answer_columns)
    answers = np.full((len(rows.ids), len(names)), np.nan)
    notes: set[str] = set()
    for fold in range(selection.folds):
        part = f"fold {fold + 1} of {selection.folds}"
        held = folds == fold
        pipeline = fitted(recipe, rows.take(~held), part, notes)
        with watched(recipe, part, notes):
            answers[held] = predict(pipeline, rows.take(held).tensors)
        check_finite(answers[held], recipe, part)
    classes = recipe.signature.classes
    target = rows.target if classes is None else [classes[each] for each in rows.target]
    frame = pd.DataFrame({ID: rows.ids, "target": target, "fold": folds})
    report = {
        "estimator": recipe.candidate.estimator,
        "converged": True,
        "folds": selection.folds,
        "rows": len(rows.ids),
        "warnings": sorted(notes),
    }
    return pd.concat([frame, pd.DataFrame(answers, columns=names)], axis=1), report


def check_finite(answers: NDArray[np.float64], recipe: Recipe, part: str) -> None:
    """Refuse a model that answers NaN or infinity.

    Raises:
        UserError: naming the estimator and the part of the data.
    """
    wrong = int((~np.isfinite(answers)).any(axis=1).sum())
    if wrong:
        raise UserError(
            f"{recipe.candidate.estimator} answered {wrong} rows of {part} with NaN or infinity",
            where="params.yaml",
            fix="make it more regular: a smaller learning rate, stronger regularisation, `scale: true`",
        )
