"""What labels must still show of a model that runs: the part of its gates that a monitor can judge.

In a clone the spec has them. A pod has no spec, so they are rendered into its command, and then belong to
what is approved for it.
"""

from __future__ import annotations

import msgspec

from ordain.core.specs.parts import Column, Part
from ordain.core.specs.spec import ColumnContract, FairnessGate, QualityGate, Spec
from ordain.errors import UserError

LIMIT = 64 * 2**10


class Bounds(Part, frozen=True, kw_only=True):
    """Gates for labels that come late.

    Attributes:
        columns: of the fairness gates, by name: which groups there must be.
    """

    quality: tuple[QualityGate, ...] = ()
    fairness: tuple[FairnessGate, ...] = ()
    columns: dict[Column, ColumnContract] = {}


def bounds_of(spec: Spec) -> Bounds:
    """Those of a spec."""
    return Bounds(
        quality=spec.gates.quality,
        fairness=spec.gates.fairness,
        columns={each.column: spec.data.columns[each.column] for each in spec.gates.fairness},
    )


def rendered_bounds(spec: Spec) -> Bounds | None:
    """Those that a pod is told: where the spec says where labels are; else there is nothing to judge."""
    watch = spec.monitoring.watch
    return bounds_of(spec) if watch and watch.labels else None


def encode(bounds: Bounds) -> str:
    """As one argument of a command: JSON, the same for the same bounds."""
    return msgspec.json.encode(bounds, order="sorted").decode()


def decode(text: str) -> Bounds:
    """Read what `encode` gave.

    Raises:
        UserError: when it isn't that.
    """
    try:
        if len(text) > LIMIT:
            raise msgspec.DecodeError(f"it is longer than {LIMIT} characters")
        return msgspec.json.decode(text, type=Bounds)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        what, fix = f"these are no gates: {error}", "take them from the rendered CronJob; a clone needs none"
        raise UserError(what, where="--gates", fix=fix) from error
