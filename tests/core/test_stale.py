"""A pipeline is behind when its declaration, its files or its commands are not what last ran."""

from __future__ import annotations

import copy
from typing import Any

from ordain.core.pipelines.stale import Cause, Stale, file_cause, ready, stale

STAGES: dict[str, dict[str, Any]] = {
    "ingest": {
        "cmd": "python ingest.py",
        "deps": ["../../data/x.csv"],
        "params": ["data.source"],
        "outs": ["rows"],
    },
    "train-a": {
        "cmd": "train a",
        "deps": ["rows"],
        "params": ["candidates.a"],
        "outs": [{"oof-a": {"cache": False}}],
    },
    "train-b": {"cmd": "train b", "deps": ["rows"], "params": ["candidates.b"], "outs": ["oof-b"]},
    "select": {"cmd": "select", "deps": ["oof-a", "oof-b"], "metrics": [{"champion.json": {"cache": False}}]},
    "export": {
        "cmd": "export",
        "deps": ["rows"],
        "params": [{"champion.json": ["candidate"]}, {"empty.yaml": None}],
    },
}
PARAMETERS: dict[str, dict[str, Any]] = {
    "params.yaml": {"data": {"source": {"path": "x"}}, "candidates": {"a": {"depth": 3}, "b": {"depth": 4}}}
}
LOCK: dict[str, dict[str, Any]] = {
    "ingest": {
        "cmd": "python ingest.py",
        "deps": [{"path": "../../data/x.csv", "md5": "1"}],
        "params": {"params.yaml": {"data.source": {"path": "x"}}},
    },
    "train-a": {
        "cmd": "train a",
        "deps": [{"path": "rows", "md5": "2"}],
        "params": {"params.yaml": {"candidates.a": {"depth": 3}}},
    },
    "train-b": {
        "cmd": "train b",
        "deps": [{"path": "rows", "md5": "2"}],
        "params": {"params.yaml": {"candidates.b": {"depth": 4}}},
    },
    "select": {"cmd": "select", "deps": [{"path": "oof-a"}, {"path": "oof-b"}]},
    "export": {"cmd": "export", "deps": [{"path": "rows"}], "params": {"champion.json": {"candidate": "a"}}},
}
HASHES = {"../../data/x.csv": "1"}


def now(
    stages: dict[str, Any] | None = None,
    lock: dict[str, Any] | None = None,
    parameters: dict[str, Any] | None = None,
    hashes: dict[str, str] | None = None,
) -> Stale | None:
    return stale(
        "m",
        STAGES if stages is None else stages,
        LOCK if lock is None else lock,
        PARAMETERS if parameters is None else parameters,
        HASHES if hashes is None else hashes,
    )


def test_what_ran_is_what_is_declared() -> None:
    assert now() is None


def test_a_pipeline_that_never_ran() -> None:
    never = Cause(kind="pipeline", name="m", sentence="the pipeline never ran")
    assert now(lock={}) == Stale(model="m", stages=tuple(STAGES), causes=(never,))


def test_a_parameter_and_all_that_follows_it() -> None:
    parameters = copy.deepcopy(PARAMETERS)
    parameters["params.yaml"]["candidates"]["b"]["depth"] = 5
    assert now(parameters=parameters) == Stale(
        model="m",
        stages=("train-b", "select", "export"),
        causes=(
            Cause(
                kind="parameter",
                name="candidates.b.depth",
                sentence="parameter candidates.b.depth: 4 -> 5",
            ),
        ),
    )


def test_a_file_changed() -> None:
    found = now(hashes={"../../data/x.csv": "9"})
    assert found is not None
    assert found.stages == tuple(STAGES)
    assert found.why == ("file data/x.csv changed",)
    assert [each.kind for each in found.causes] == ["data"]


def test_a_file_of_code_is_told_from_a_file_of_data() -> None:
    assert file_cause("stages/train.py").kind == "code"
    assert file_cause("src/ordain/learn/train.py").kind == "code"
    assert file_cause("data/train.py").kind == "data"


def test_a_new_stage_a_new_dependency_and_a_new_command() -> None:
    stages = copy.deepcopy(STAGES)
    stages["train-a"]["cmd"] = "train a --fast"
    stages["train-b"]["deps"].append("extra")
    stages["report"] = {"cmd": "report"}
    found = now(stages=stages)
    assert found is not None
    assert found.stages == ("train-a", "train-b", "select", "export", "report")
    assert found.why == (
        "the command of stage train-a changed",
        "stage train-b depends on other files",
        "stage report is new",
    )


def test_a_parameter_that_is_gone() -> None:
    candidates = PARAMETERS["params.yaml"]["candidates"]
    values: list[object] = [3, {}]
    for data in values:
        found = now(parameters={"params.yaml": {"data": data, "candidates": candidates}})
        assert found is not None
        assert found.why == ("parameter data.source.path: x -> none",)


def test_what_waits_for_nothing_else_is_where_it_stopped() -> None:
    assert ready(STAGES, tuple(STAGES)) == ("ingest",)
    assert ready(STAGES, ("train-b", "select", "export")) == ("train-b",)
    assert ready(STAGES, ("train-a", "train-b", "select")) == ("train-a", "train-b")
    assert ready(STAGES, ()) == ()
