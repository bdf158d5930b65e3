"""Which side, and which fold, a row belongs to: decided by its id alone.

A hash of salt and id is compared with the declared share, so a row never changes side when rows are
added, removed or reordered, and rows with one id are never on both sides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ordain.core.specs.spec import Data, Split
from ordain.errors import UserError
from ordain.learn.ingest import ID
from ordain.learn.labels import labels_of


def fraction(salt: str, identity: str) -> float:
    """A number in [0, 1), uniform over ids: the first 53 bits of SHA-256 of salt, a zero byte, and id."""
    digest = hashlib.sha256(f"{salt}\0{identity}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2.0**53


def fractions(salt: str, ids: Iterable[str]) -> NDArray[np.float64]:
    """`fraction` of every id."""
    return np.fromiter((fraction(salt, each) for each in ids), dtype=np.float64)


def holdout_mask(ids: Iterable[str], share: float, salt: str) -> NDArray[np.bool_]:
    """Which rows are held out.

    Args:
        ids: one a row.
        share: expected share of *ids* held out, in 0 to 1.
        salt: draws another holdout when it changes.
    """
    mask: NDArray[np.bool_] = fractions(salt, ids) < share
    return mask


def fold_numbers(ids: Iterable[str], folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each row, 0 to `folds - 1`; independent of the side of the split."""
    return (fractions(f"fold {seed}", ids) * folds).astype(np.int64)


def check_labels(labels: Sequence[str], classes: Sequence[str], part: str) -> None:
    """Every class must occur in a part of the data that models learn from or are judged on.

    Args:
        labels: the labels of that part.
        classes: every class.
        part: such as `the holdout`.

    Raises:
        UserError: when the part is empty or lacks a class.
    """
    fix = "gather more rows, or change `split.holdout` or `selection.folds` in models.yaml"
    if not len(labels):
        raise UserError(f"{part} has no rows", fix=fix)
    absent = sorted(set(classes) - set(labels))
    if absent:
        named = ", ".join(f"`{each}`" for each in absent)
        raise UserError(f"{part} has {len(labels)} rows and none is labelled {named}", fix=fix)


class Splitting(msgspec.Struct, frozen=True):
    """What decides the sides."""

    data: Data
    split: Split


def split(
    rows: pd.DataFrame, how: Splitting, classes: Iterable[str] | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both sides, each ordered by id and then as the rows came.

    Args:
        rows: with `_id` and the target.
        how: share and salt.
        classes: every class that either side must have; None for a regression.

    Raises:
        UserError: when a side is empty or lacks a class.
    """
    ordered = rows.sort_values(ID, kind="stable", ignore_index=True)
    held = holdout_mask(ordered[ID], how.split.holdout, how.split.salt)
    sides = []
    for mask, part in ((~held, "the training side"), (held, "the holdout")):
        side = ordered[mask].reset_index(drop=True)
        labels = [] if classes is None else labels_of(side[how.data.target])
        check_labels(labels if classes is not None else side[ID].tolist(), list(classes or ()), part)
        sides.append(side)
    return sides[0], sides[1]
