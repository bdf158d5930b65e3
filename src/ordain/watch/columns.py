"""From a batch of predictions to codes of the reference profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ordain.adapters.predictions import Batch, Shape, Text
from ordain.core.artifacts.profile import Categories, Column, Numbers, Profile
from ordain.core.artifacts.signature import Signature
from ordain.learn import coding


class Coded(Struct, frozen=True, kw_only=True):
    """Columns of one batch.

    Attributes:
        codes: of features and answers, by column; see `core.profile`. outside: of number columns, which
            rows are beyond the reference's extremes.
    """

    codes: Mapping[str, coding.Codes]
    outside: Mapping[str, NDArray[np.bool_]]


class Coder:
    """What to take from a log of one model, and how.

    Args:
        profile: the release's. signature: the release's.
        groups: columns by which performance is told too, as far as the log has them.
    """

    def __init__(self, profile: Profile, signature: Signature, groups: Sequence[str] = ()) -> None:
        watched = {each.name: each.tensor for each in signature.features if not each.personal}
        self.shape = Shape(
            text=tuple(name for name, tensor in watched.items() if tensor == "strings"),
            numbers=tuple(name for name, tensor in watched.items() if tensor == "floats"),
            answers=signature.answer_columns,
            known=frozenset(each.name for each in signature.features),
            groups=tuple(groups),
        )
        self.features: Mapping[str, Column] = {name: profile.features[name] for name in watched}
        # Of two classes one probability says everything.
        told = signature.answer_columns[-1:] if signature.task == "binary" else signature.answer_columns
        self.answers: Mapping[str, Numbers] = {name: profile.answers[name] for name in told}
        self.kinds: Mapping[str, str] = {each.name: each.type for each in signature.features}
        self.dimensions = profile.dimensions
        self.positive = signature.answer_columns[-1] if signature.task == "binary" else ""
        self._missing = signature.missing_string

    def code(self, batch: Batch) -> Coded:
        """Every column that the batch has."""
        codes: dict[str, coding.Codes] = {}
        outside: dict[str, NDArray[np.bool_]] = {}
        for name, column in self.features.items():
            values = batch.inputs.get(name)
            if isinstance(values, Text) and isinstance(column, Categories):
                codes[name] = self._text(values, column)
            elif isinstance(values, np.ndarray) and isinstance(column, Numbers):
                codes[name], outside[name] = coding.placed(values, column)
        for name, numbers in self.answers.items():
            codes[name], outside[name] = coding.placed(batch.outputs[name], numbers)
        return Coded(codes=codes, outside=outside)

    def _text(self, text: Text, column: Categories) -> coding.Codes:
        places = {name: place for place, name in enumerate(column.categories)}
        beyond, missing = len(places), len(places) + 1
        places[self._missing] = missing
        table = np.array([places.get(each, beyond) for each in text.values] + [missing], dtype=np.int64)
        return table[text.places]  # place -1 is the last one
