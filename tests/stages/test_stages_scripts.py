"""The stage scripts as DVC runs them: separate processes, real files, real data (a sample of it)."""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pandas as pd
import pytest
import yaml

from ordain.adapters.stage import run
from ordain.core.specs.identity import plain
from ordain.core.specs.spec import Candidate, Spec

ROOT = Path(__file__).parents[2]
ROWS = 1500
CANDIDATES = {
    "logistic": {"estimator": "sklearn.linear_model.LogisticRegression", "parameters": {"max_iter": 500}},
    "boosted": {"estimator": "xgboost.XGBClassifier", "parameters": {"n_estimators": 15, "max_depth": 3}},
}
FIRST = (["ingest"], ["contract"], ["split"])
LAST = (["select"], ["export"], ["package"], ["gate"])


def declared(change: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
    """The generated params.yaml of churn, with a change of the spec or the candidates."""
    spec = yaml.safe_load((ROOT / "models.yaml").read_text("utf-8"))["models"]["churn"]
    content = {"spec": spec, "candidates": json.loads(json.dumps(CANDIDATES))}
    if change:
        change(content)
    typed = msgspec.convert(content["spec"], Spec)
    sections = {name: plain(getattr(typed, name)) for name in ("data", "split", "selection", "gates")}
    candidates = {
        name: plain(msgspec.convert(each, Candidate)) for name, each in content["candidates"].items()
    }
    return {
        "model": "churn",
        "task": typed.task,
        "seed": 7,
        "threshold": typed.threshold,
        "candidates": candidates,
        **sections,
    }


@functools.cache
def script(name: str) -> ModuleType:
    found = importlib.util.spec_from_file_location(f"stage_{name}", ROOT / f"stages/{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # msgspec looks types up by module name
    found.loader.exec_module(module)
    return module


class Bench:
    """A repository with one pipeline folder."""

    def __init__(self, root: Path, params: dict[str, Any] | None = None) -> None:
        self.root, self.folder = root, root / "pipelines/churn"
        self.folder.mkdir(parents=True)
        (root / "data").mkdir()
        lines = (ROOT / "data/telco_churn.csv").read_text("utf-8").splitlines(keepends=True)
        self.data.write_text("".join(lines[: ROWS + 1]), "utf-8")
        (self.folder / "params.yaml").write_text(yaml.safe_dump(params or declared()), "utf-8")

    @property
    def data(self) -> Path:
        return self.root / "data/telco_churn.csv"

    def stage(self, name: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", str(ROOT / f"stages/{name}.py"), "--root", "../..", *arguments],
            cwd=self.folder,
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, *stages: list[str], **env: str) -> None:
        for each in stages:
            done = self.stage(*each, **env)
            assert done.returncode == 0, f"{each}: {done.stderr}"

    def every(self, **env: str) -> None:
        trained = [[stage, "--candidate", name] for name in CANDIDATES for stage in ("train", "evaluate")]
        self.run(*FIRST, *trained, *LAST, **env)

    def inside(self, name: str, *arguments: str) -> tuple[int, str]:
        """A stage in this process: the same script without the start of an interpreter."""
        work, said = script(name).main, io.StringIO()
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stderr(said),
            pytest.raises(SystemExit) as left,
        ):
            run(name, work, ["--root", "../..", *arguments])
        return int(str(left.value.code)), said.getvalue()

    def failure(self, *stage: str) -> str:
        code, said = self.inside(*stage)
        assert code == 1, said
        assert "fix:" in said
        assert said.startswith(f"error: churn / {stage[0]}"), said
        return said

    def json(self, relative: str) -> Any:
        return json.loads((self.folder / relative).read_text("utf-8"))

    def digests(self) -> dict[str, str]:
        paths = [path for path in self.folder.rglob("*") if path.is_file()]
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in paths
        }


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """One whole run; tests only read it."""
    made = Bench(tmp_path_factory.mktemp("bench"))
    made.every(PYTHONHASHSEED="1", OMP_NUM_THREADS="1")
    return made


def copy_of(bench: Bench, to: Path) -> Bench:
    made = Bench.__new__(Bench)
    shutil.copytree(bench.root, to)
    made.root, made.folder = to, to / "pipelines/churn"
    return made


OUTPUTS = {
    "artifact",
    "champion.json",
    "data/contract.json",
    "data/holdout.parquet",
    "data/rows.parquet",
    "data/train.parquet",
    "export/model.onnx",
    "export/profile.json",
    "export/reference.parquet",
    "export/signature.json",
    "gates.json",
    "holdout/calibration.csv",
    "holdout/roc.csv",
    "package.json",
    "params.yaml",
    *(
        f"candidates/{name}/{file}"
        for name in CANDIDATES
        for file in ("oof.parquet", "training.json", "metrics.json", "roc.csv", "calibration.csv")
    ),
}


def test_every_output_and_no_other_is_written(bench: Bench) -> None:
    found = {"artifact" if path.startswith("artifact/") else path for path in bench.digests()}
    assert found == OUTPUTS


@pytest.mark.slow
def test_two_runs_in_other_processes_give_the_same_bytes(bench: Bench, tmp_path: Path) -> None:
    again = Bench(tmp_path / "again")
    again.every(PYTHONHASHSEED="2", OMP_NUM_THREADS="2", TZ="Asia/Tokyo", LC_ALL="C")
    assert again.digests() == bench.digests()


def test_times_are_kept_outside_the_pipeline(bench: Bench) -> None:
    lines = (bench.root / ".ordain/local/timings.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == len(FIRST) + 2 * len(CANDIDATES) + len(LAST)
    assert json.loads(lines[3]).keys() == {"model", "stage", "candidate", "seconds"}
    assert not [path for path in OUTPUTS if "timing" in path]


def test_records_say_what_was_measured(bench: Bench) -> None:
    champion, gates = bench.json("champion.json"), bench.json("gates.json")
    ranking = champion["ranking"]
    assert [each["score"] for each in ranking] == sorted((each["score"] for each in ranking), reverse=True)
    assert champion["recipe"]["estimator"] == champion["estimator"]
    verdicts = {each["gate"]: each["outcome"] for each in gates["verdicts"]}
    assert verdicts["parity"] == verdicts["size"] == "pass"
    assert verdicts["fairness.female"] == "insufficient"  # fewer than 100 women who leave in the sample
    assert verdicts.keys() == {
        *("quality.roc_auc", "calibration", "parity", "latency", "size"),
        *("fairness.female", "fairness.senior_citizen"),
    }
    assert next(each for each in gates["verdicts"] if each["gate"] == "latency")["value"] is None
    holdout = (bench.folder / "data/holdout.parquet").read_bytes()
    assert gates["holdout"]["digest"] == "sha256:" + hashlib.sha256(holdout).hexdigest()


def test_the_contract_reports_on_sensitive_groups(bench: Bench) -> None:
    report = bench.json("data/contract.json")
    assert report["rows"] == ROWS
    groups = report["sensitive"]["senior_citizen"]
    assert groups["true"]["rate_Yes"] > groups["false"]["rate_Yes"]
    assert sum(each["rows"] for each in groups.values()) == ROWS


def test_only_the_gate_sees_holdout_labels(bench: Bench, tmp_path: Path) -> None:
    """Turning every holdout label changes nothing before the gate, and everything there."""
    other = copy_of(bench, tmp_path / "other")
    path = other.folder / "data/holdout.parquet"
    frame = pd.read_parquet(path)
    frame["churn"] = frame["churn"].map({"No": "Yes", "Yes": "No"})
    frame.to_parquet(path)
    before = other.digests()
    other.run(["select"], ["export"], ["package"])
    assert other.digests() == before
    other.run(["gate"])
    assert other.json("gates.json")["metrics"]["roc_auc"] < 0.3


def test_what_was_packaged_is_what_is_judged(bench: Bench, tmp_path: Path) -> None:
    other = copy_of(bench, tmp_path / "other")
    graph = other.folder / "export/model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"\0")
    assert "not the file that was packaged" in other.failure("gate")


def edited(old: str, new: str, count: int = -1) -> Callable[[Bench], None]:
    def change(bench: Bench) -> None:
        text = bench.data.read_text("utf-8")
        assert old in text
        bench.data.write_text(text.replace(old, new, count), "utf-8")

    return change


def replaced(content: bytes) -> Callable[[Bench], None]:
    def change(bench: Bench) -> None:
        bench.data.write_bytes(content)

    return change


def cut(bench: Bench) -> None:
    bench.data.write_bytes(bench.data.read_bytes()[:5010])


def linked(bench: Bench) -> None:
    bench.data.unlink()
    bench.data.symlink_to(ROOT / "data/telco_churn.csv")


def one_class(bench: Bench) -> None:
    lines = bench.data.read_text("utf-8").splitlines(keepends=True)
    bench.data.write_text(lines[0] + "".join(each for each in lines if each.startswith("No,")), "utf-8")


BAD_DATA: list[tuple[str, Callable[[Bench], object], str, str]] = [
    ("empty", replaced(b""), "ingest", "the data is empty"),
    ("header only", replaced(b"a,b\n"), "ingest", "`churn` is missing"),
    ("cut in a row", cut, "ingest", "cut off"),
    ("cut in quotes", edited("No,1,0", 'No,"1,0', 1), "ingest", "cut off"),
    ("cut in the last cell", replaced(b"churn,tenure\nNo,3\nYes,4"), "ingest", "last line has no end"),
    ("gone", lambda bench: bench.data.unlink(), "ingest", "does not exist"),
    ("a symlink", linked, "ingest", "symlink"),
    ("renamed column", edited("tenure", "tenur", 1), "ingest", "did you mean `tenur`?"),
    ("column twice", edited("partner", "tenure", 1), "ingest", "more than once"),
    ("not a number", edited(",29.85,29.85", ",many,29.85", 1), "ingest", "`monthly_charges`: 1 values"),
    ("new category", edited("Mailed check", "Carrier pigeon", 2), "contract", "'Carrier pigeon'"),
    ("out of range", edited(",29.85,29.85", ",29.85,-5", 1), "contract", "below 0: row 1"),
    ("missing value", edited("Electronic check", "", 1), "contract", "`nullable` is false: row 1"),
    ("one class", one_class, "contract", "`No` in every row"),
    ("no label", edited("\nNo,1,0", "\n,1,0", 1), "contract", "`churn`: 1 values are missing"),
]


@pytest.mark.parametrize(
    ("spoil", "stage", "what"), [each[1:] for each in BAD_DATA], ids=[each[0] for each in BAD_DATA]
)
def test_bad_data_is_named_and_nothing_is_written(
    spoil: Callable[[Bench], object], stage: str, what: str, tmp_path: Path
) -> None:
    bench = Bench(tmp_path / "bad")
    spoil(bench)
    if stage != "ingest":
        assert bench.inside("ingest") == (0, "")
    before = bench.digests()
    assert what in bench.failure(stage)
    assert bench.digests() == before


def candidate(**spec: Any) -> dict[str, Any]:
    def change(content: dict[str, Any]) -> None:
        content["candidates"]["logistic"] = spec

    return declared(change)


LOGISTIC = "sklearn.linear_model.LogisticRegression"


@pytest.mark.parametrize(
    ("params", "what"),
    [
        (candidate(estimator=LOGISTIC, parameters={"max_iter": 1}), "raise `max_iter` (now 1)"),
        (candidate(estimator=LOGISTIC, parameters={"C": -1.0}), "failed on fold 1 of 5"),
        (candidate(estimator=LOGISTIC, parameters={"max_itre": 1}), "did you mean `max_iter`?"),
        (candidate(estimator="os.path.join"), "not a public class of sklearn or xgboost"),
    ],
)
def test_a_bad_candidate_is_named_and_nothing_is_written(
    params: dict[str, Any], what: str, bench: Bench, tmp_path: Path
) -> None:
    other = copy_of(bench, tmp_path / "other")
    (other.folder / "params.yaml").write_text(yaml.safe_dump(params), "utf-8")
    before = other.digests()
    error = other.failure("train", "--candidate", "logistic")
    assert what in error
    assert "churn / train / logistic" in error
    assert other.digests() == before


def test_a_full_disk_leaves_nothing_half_written(bench: Bench, tmp_path: Path) -> None:
    """A limit on file size stands for the full disk: the write fails in the middle of the file."""
    other = copy_of(bench, tmp_path / "other")
    before = other.digests()
    limited = f"ulimit -f 8; exec {sys.executable} -P {ROOT}/stages/ingest.py --root ../.."
    done = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; {limited}"],
        cwd=other.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    assert other.digests() == before


def test_damaged_files_between_stages_are_named(bench: Bench, tmp_path: Path) -> None:
    other = copy_of(bench, tmp_path / "other")
    path = other.folder / "data/train.parquet"
    path.write_bytes(path.read_bytes()[:1000])
    assert "not a whole Parquet file" in other.failure("train", "--candidate", "logistic")
    (other.folder / "package.json").write_text("{", "utf-8")
    assert "not whole JSON" in other.failure("gate")
    (other.folder / "params.yaml").write_text("task: 5\n", "utf-8")
    assert "not the parameters" in other.failure("contract")


BANNED = {"pickle", "cPickle", "joblib", "cloudpickle", "dill", "marshal", "shelve"}


def test_nothing_imports_what_unpickles() -> None:
    for path in sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "stages").glob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [each.name for each in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(each.name for each in node.names)]
            elif isinstance(node, ast.Call):  # importlib.import_module("pickle"), pd.read_pickle
                names = [
                    each.value
                    for each in node.args
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                ]
            elif isinstance(node, ast.Attribute):
                assert node.attr not in {"read_pickle", "to_pickle"}, path
            assert not {name.split(".")[0] for name in names} & BANNED, path


def test_scripts_stay_thin_and_apart() -> None:
    names = {path.stem for path in (ROOT / "stages").glob("*.py")}
    for path in (ROOT / "stages").glob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        functions = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        assert functions == ["main"], path
        imported = {
            (node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
        }
        assert not imported & names, path


@pytest.mark.parametrize(
    ("stage", "absent"),
    [
        ("ingest", {"sklearn", "xgboost", "onnx", "onnxruntime", "skl2onnx", "dvc"}),
        ("evaluate", {"sklearn", "xgboost", "onnx", "onnxruntime", "skl2onnx"}),
        ("select", {"pandas", "sklearn", "onnx", "pyarrow"}),
        ("train", {"xgboost", "onnx", "onnxruntime", "skl2onnx"}),
        ("gate", {"sklearn", "xgboost", "skl2onnx"}),
    ],
)
def test_scripts_import_only_what_they_need(stage: str, absent: set[str]) -> None:
    program = f"import runpy, sys; runpy.run_path({str(ROOT / f'stages/{stage}.py')!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert not absent & set(done.stdout.split())
