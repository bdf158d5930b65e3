"""Refit the champion on the whole training side and turn it into what ships, with evidence."""

from __future__ import annotations

import msgspec
import pandas as pd

from ordain.core.artifacts.profile import Profile
from ordain.learn.convert import convert
from ordain.learn.packing import pack
from ordain.learn.pipeline import Recipe, predict
from ordain.learn.profile import profile
from ordain.learn.reference import KIND, inputs, with_answers
from ordain.learn.rows import Rows
from ordain.learn.train import check_finite, fitted, watched


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What export makes.

    Attributes:
        model: bytes of the ONNX graph.
        profile: of `profile.json`.
        reference: the frame of `reference.parquet`.
    """

    model: bytes
    profile: Profile
    reference: pd.DataFrame


def export(recipe: Recipe, train: Rows, holdout: pd.DataFrame) -> Exported:
    """Fit on every training row, convert, and record what the fitted pipeline itself answers.

    Args:
        recipe: the champion's.
        train: the whole training side.
        holdout: the holdout's features, without labels.

    Raises:
        UserError: when the refit crashes or does not converge, or has no ONNX counterpart.
    """
    notes: set[str] = set()
    whole = "the whole training side"
    pipeline = fitted(recipe, train, whole, notes)
    rows = inputs(holdout, recipe.signature)
    with watched(recipe, whole, notes):
        answers = predict(pipeline, pack(rows, recipe.signature))
    check_finite(answers, recipe, whole)
    unseen = answers[(rows[KIND] == "holdout").to_numpy()]
    return Exported(
        model=convert(pipeline, recipe.signature),
        profile=profile(train.tensors, train.target, unseen, recipe.signature),
        reference=with_answers(rows, answers, recipe.signature),
    )
