"""Measurements are taken where the release's lock and the lock's digests prove them, and nowhere else."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.canonical import bytes_digest
from ordain.core.gating.release import Release
from ordain.core.plans.plan import CurveLine, GroupLine, RateDelta
from ordain.core.plans.plan_measures import curve_lines, group_lines, input_changes, metric_deltas
from ordain.core.releasing.measured import Ends, Group, Measured, Rate, measured, points
from tests.core.test_planning import instance, release

RATE = {"hits": 1, "of": 4, "rate": 0.25, "low": 0.1, "high": 0.5}
GATES = {
    "groups": {"female": {"true": {"rows": 4, "selected": RATE, "true_positive": None}}},
    "intervals": {"roc_auc": {"low": 0.8, "high": 0.9}, "f1": None},
    "metrics": {"roc_auc": 0.85},
}
ROC = b"label,false_positive_rate,true_positive_rate\nYes,0.0,0.0\nYes,1.0,1.0\nYes,0.5,0.8\n"
CALIBRATION = b"predicted,observed,rows\n0.1,0.2,3\n0.8,,0\n"


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def left(gates: Any = None, roc: bytes = ROC) -> dict[str, bytes]:
    """The files of a pipeline, its lock included."""
    files = {
        "gates.json": json.dumps(GATES if gates is None else gates).encode(),
        "holdout/roc.csv": roc,
        "holdout/calibration.csv": CALIBRATION,
    }
    deps = [{"path": "../../data/x.csv", "md5": "1"}, {"path": "../../stages/gate.py", "md5": "2"}]
    outs = [{"path": path, "md5": md5(data)} for path, data in files.items()]
    stages = {"gate": {"deps": [*deps, {"path": "data/holdout.parquet", "md5": "3"}], "outs": outs}, "x": {}}
    return {**files, "dvc.lock": yaml.safe_dump({"stages": stages}).encode()}


def of(files: dict[str, bytes]) -> Release:
    return replace(release(1, instance()), lock=bytes_digest(files["dvc.lock"]))


def taken(files: dict[str, bytes]) -> Measured:
    found = measured(of(files), files)
    assert found is not None
    return found


def test_what_is_proven_is_taken() -> None:
    found = taken(left())
    rate = Rate(rate=0.25, low=0.1, high=0.5)
    assert found.groups == {"female": {"true": Group(rows=4, selected=rate)}}
    assert found.intervals == {"roc_auc": Ends(low=0.8, high=0.9)}
    assert found.curves == {"calibration": ((0.1, 0.2),), "roc": ((0.0, 0.0), (0.5, 0.8), (1.0, 1.0))}
    assert found.inputs == {"data/x.csv": "1", "stages/gate.py": "2"}


def test_another_lock_speaks_of_another_model() -> None:
    files = left()
    assert measured(release(1, instance()), files) is None
    assert measured(of(files), {}) is None


@pytest.mark.parametrize("name", ["gates.json", "holdout/roc.csv"])
def test_an_edited_file_is_not_used(name: str) -> None:
    files = left()
    record = of(files)
    found = measured(record, {**files, name: files[name] + b" "})
    assert found is not None
    assert not (found.groups if name == "gates.json" else found.curves.get("roc"))


@pytest.mark.parametrize(
    "files",
    [
        left(gates=[]),
        left(gates={"groups": {"a": {"b": {"rows": "x"}}}}),
        left(roc=b"x,y\n1,2\n"),
        left(roc=b"false_positive_rate,true_positive_rate\n0.1,7\n"),
        left(roc=b"false_positive_rate,true_positive_rate\n0.1,nan\n"),
        left(roc=b"false_positive_rate,true_positive_rate\n0.1,x\n"),
        left(roc=b"false_positive_rate,true_positive_rate\n" + b"0.1,0.2\n" * 501),
        {"dvc.lock": b"stages: [1]"},
        {"dvc.lock": b"{"},
        {"dvc.lock": b"stages: {a: {outs: [3]}}"},
    ],
)
def test_a_damaged_record_is_no_evidence(files: dict[str, bytes]) -> None:
    assert measured(of(files), files) is None


@given(st.binary(max_size=80))
def test_points_are_shares_or_an_error(data: bytes) -> None:
    try:
        found = points(b"predicted,observed\n" + data, "calibration")
    except (ValueError, KeyError, TypeError):
        return
    assert all(0 <= value <= 1 for point in found for value in point)


@given(st.binary(max_size=80))
def test_any_lock_is_survived(data: bytes) -> None:
    measured(of({"dvc.lock": data}), {"dvc.lock": data, "gates.json": data, "holdout/roc.csv": data})


def test_groups_and_curves_are_put_beside_the_running_ones() -> None:
    new, rate = taken(left()), RateDelta(proposed=0.25, interval=(0.1, 0.5), deployed=0.25)
    assert group_lines(new, new) == (GroupLine(column="female", group="true", rows=4, selected=rate),)
    assert group_lines(None, new)[0].selected == replace(rate, deployed=None)
    assert group_lines(replace(new, groups={}), new)[0].selected == replace(rate, deployed=None)
    assert group_lines(new, None) == ()
    assert curve_lines(None, new)[0] == CurveLine(curve="calibration", deployed=(), proposed=((0.1, 0.2),))
    assert curve_lines(new, new)[1].deployed == curve_lines(new, new)[1].proposed
    assert curve_lines(new, None) == ()


def test_files_that_differ_are_named() -> None:
    old = taken(left())
    new = replace(old, inputs={"data/x.csv": "9", "stages/new.py": "3"})
    found = [(each.slice, each.key, each.before, each.after) for each in input_changes(old, new)]
    assert found == [
        ("data", "data/x.csv", "md5:1", "md5:9"),
        ("code", "stages/gate.py", "md5:2", None),
        ("code", "stages/new.py", None, "md5:3"),
    ]
    assert input_changes(None, new) == input_changes(old, None) == ()


def test_a_metric_has_the_interval_that_was_measured() -> None:
    now = instance()
    (found,) = metric_deltas(release(1, now), release(2, now), taken(left()))
    assert found.proposed_interval == (0.8, 0.9)
