"""What a pipeline measured of a release: its groups, intervals and curves, taken only where they are proven.

A release record states the digest of the `dvc.lock` that it came from, and the lock states the digest of
every file that its stages wrote. Files beside any other lock speak of another model and are not used.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import yaml

from ordain.core.canonical import bytes_digest
from ordain.core.gating.release import Release
from ordain.core.pipelines.pipeline import UP
from ordain.core.value import Value
from ordain.core.yaml import yamlplain

Curve = Literal["calibration", "roc"]
Points = tuple[tuple[float, float], ...]
LOCK, GATES = "dvc.lock", "gates.json"
CURVE_FILES: Mapping[Curve, str] = {"calibration": "holdout/calibration.csv", "roc": "holdout/roc.csv"}
FILES = (LOCK, GATES, *CURVE_FILES.values())
AXES: Mapping[Curve, tuple[str, str]] = {
    "calibration": ("predicted", "observed"),
    "roc": ("false_positive_rate", "true_positive_rate"),
}
MOST_POINTS = 500
# What reading a file that somebody or something broke can raise.
DAMAGED = (
    yaml.YAMLError, csv.Error, msgspec.DecodeError,
    ValueError, KeyError, TypeError, AttributeError, RecursionError,
)  # fmt: skip


class Rate(Value, frozen=True, kw_only=True):
    """A share of rows with its 95 % interval."""

    rate: float
    low: float
    high: float


class Ends(Value, frozen=True, kw_only=True):
    """A 95 % interval."""

    low: float
    high: float


class Group(Value, frozen=True, kw_only=True):
    """How decisions fall on one group of the holdout; a rate is None where no row is."""

    rows: int
    selected: Rate | None = None
    true_positive: Rate | None = None
    false_positive: Rate | None = None


class _Gates(msgspec.Struct, frozen=True):
    """The parts of `gates.json` that are read here."""

    intervals: dict[str, Ends | None] = {}
    groups: dict[str, dict[str, Group]] = {}


class Measured(Value, frozen=True, kw_only=True):
    """What was measured of one release, on its holdout.

    Attributes:
        intervals: 95 % intervals by metric.
        groups: by sensitive column and group.
        curves: points from left to right.
        inputs: MD5 of every file of the repository that a stage read, by path.
    """

    intervals: dict[str, Ends] = {}
    groups: dict[str, dict[str, Group]] = {}
    curves: dict[Curve, Points] = {}
    inputs: dict[str, str] = {}


def measured(release: Release, files: Mapping[str, bytes]) -> Measured | None:
    """What some files say about a release; None when they are not proven to be of it.

    Args:
        release: its record. files: those of `FILES` that are there, by path in the pipeline's folder.
    """
    lock = files.get(LOCK)
    if lock is None or bytes_digest(lock) != release.lock:
        return None
    try:
        stages = [dict(stage) for stage in yamlplain.load12(lock)["stages"].values()]
        made = {out["path"]: out.get("md5") for stage in stages for out in stage.get("outs") or ()}
        read = {dep["path"]: dep.get("md5") for stage in stages for dep in stage.get("deps") or ()}
        whole = {path: data for path, data in files.items() if made.get(path) == md5(data)}
        gates = msgspec.json.decode(whole.get(GATES, b"{}"), type=_Gates)
        curves = {name: points(whole[path], name) for name, path in CURVE_FILES.items() if path in whole}
    except DAMAGED:
        return None
    return Measured(
        intervals={name: ends for name, ends in gates.intervals.items() if ends is not None},
        groups=gates.groups,
        curves={name: found for name, found in curves.items() if found},
        inputs={path.removeprefix(UP): str(md5) for path, md5 in read.items() if path.startswith(UP)},
    )


def md5(data: bytes) -> str:
    """The hexadecimal MD5, by which DVC compares files."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def points(data: bytes, curve: Curve) -> Points:
    """The points of a curve's file.

    Raises:
        ValueError: when it is no such table, or a value is not a share.
    """
    across, up = AXES[curve]
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(data.decode("utf-8"))))
    if len(rows) > MOST_POINTS:
        raise ValueError(f"more than {MOST_POINTS} points")
    found = tuple((float(row[across]), float(row[up])) for row in rows if row[across] and row[up])
    if not all(0 <= value <= 1 for point in found for value in point):
        raise ValueError("a value that is no share")
    return tuple(sorted(found))
