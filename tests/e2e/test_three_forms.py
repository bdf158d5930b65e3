"""One approved release as a server, a batch and a device's bundle: one digest, and one answer to each row.

What runs is what is rendered: the command line, the variables and the mounted folder of the manifests. The
batch runs with the packages of the jobs image, the bundle with NumPy and ONNX Runtime only.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from ordain.adapters.resources import edge_programs, templates
from ordain.core.artifacts.artifact import digest_of_files
from ordain.core.artifacts.profile import encode as encode_profile
from ordain.core.artifacts.signature import Signature, Task, encode
from ordain.core.rendering.desired import desired
from ordain.core.rendering.templating import parse
from ordain.core.specs.deployment import Batch, Deploy
from ordain.core.specs.identity import Target
from ordain.core.specs.spec import Candidate
from ordain.learn.export import export
from ordain.learn.pipeline import Recipe
from ordain.learn.reference import largest_difference, reference_answers
from tests.core.fleet import SPEC, WATCHED, fleet, record
from tests.installed import installed, required
from tests.learn.conftest import build_case
from tests.runtime.batch.desk import read_table, write_table
from tests.runtime.devices import Device
from tests.runtime.toy import serving, write

MOST = 1e-5
ESTIMATORS: dict[Task, Candidate] = {
    "binary": Candidate(estimator="xgboost.XGBClassifier", parameters={"n_estimators": 20}),
    "multiclass": Candidate(
        estimator="sklearn.ensemble.RandomForestClassifier", parameters={"n_estimators": 20}
    ),
    "regression": Candidate(estimator="xgboost.XGBRegressor", parameters={"n_estimators": 20}),
}
Object = dict[str, Any]


class Golden(NamedTuple):
    """A trained release, and what its training pipeline answers to which rows."""

    files: dict[str, bytes]
    signature: Signature
    rows: list[Object]
    answers: NDArray[np.float64]


def golden(task: Task) -> Golden:
    case = build_case(task)
    recipe = Recipe(signature=case.signature, candidate=ESTIMATORS[task], seed=3)
    made = export(recipe, case.rows.take(np.arange(180)), case.holdout)
    files = {
        "model.onnx": made.model,
        "signature.json": encode(case.signature),
        "profile.json": encode_profile(made.profile),
    }
    names = [each.name for each in case.signature.features]
    cells = made.reference[names].itertuples(index=False)
    rows = [dict(zip(names, map(plain, row), strict=True)) for row in cells]
    return Golden(files, case.signature, rows, reference_answers(made.reference, case.signature))


def plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    if isinstance(value, dt.date | pd.Timestamp):
        return value.isoformat()[:10]
    return value.item() if isinstance(value, np.generic) else value


def manifests(digest: str, source: Path, target: Path) -> dict[str, Object]:
    """The pod of each form of a release, as rendered from one spec whose mode alone differs."""
    batch = Batch(schedule="30 4 * * *", input=f"file://{source}", output=f"file://{target}", claim="data")
    accept = Deploy(invalid_input="accept")
    modes = {
        "deployment": accept,
        "cronjob": replace(accept, mode="batch", batch=batch),
        "daemonset": replace(accept, mode="edge"),
    }
    found = {}
    for kind, deploy in modes.items():
        state = fleet(
            {"sample": replace(SPEC, deploy=deploy)}, {"staging": replace(WATCHED, prediction_log=None)}
        )
        release = record("sample", artifact=digest)
        files = desired(replace(state, releases={"sample": {1: release}}), templates())[
            Target(environment="staging", model="sample")
        ].files
        spec = parse(files[f"staging/sample/{kind}.yaml"])["spec"]
        template = spec["jobTemplate"]["spec"]["template"] if kind == "cronjob" else spec["template"]
        found[kind] = template
    return found


def told(template: Object) -> tuple[list[str], dict[str, str]]:
    """The words and variables of a pod's one container."""
    (container,) = template["spec"]["containers"]
    return container["command"][1:] + container["args"], {
        each["name"]: each["value"] for each in container["env"]
    }


def table(answers: list[Object], signature: Signature) -> NDArray[np.float64]:
    if signature.classes is None:
        return np.array([[each["prediction"]] for each in answers], dtype=float)
    return np.array([[each["probabilities"][name] for name in signature.classes] for each in answers])


def as_batch(place: Path, jobs: Path, template: Object, *more: str) -> None:
    words, variables = told(template)
    environment = {**variables, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        installed(jobs, required("jobs")).words(*words, *more),
        cwd=place, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def on_a_device(folder: Path, held: Golden, digest: str) -> list[Object]:
    """Answers of the bundle, in an interpreter that has its two packages and nothing else."""
    folder.mkdir()
    device = Device(folder, folder / "key", folder / "signers")
    device.trust()
    bundle = device.unpacked(device.packed({**held.files, **edge_programs()}, digest, policy="accept"))
    assert json.loads((bundle / "bundle.json").read_text())["artifact"] == digest
    (folder / "packages").mkdir()
    alone = installed(folder / "packages", ("numpy", "onnxruntime", "flatbuffers", "protobuf", "packaging"))
    (alone.folder / "ordain").unlink()
    program = f"import runpy; runpy.run_path({str(bundle / 'predict.py')!r}, run_name='__main__')"
    done = subprocess.run(
        alone.words("--signers", str(device.signers), program=program),
        input="".join(json.dumps(each) + "\n" for each in held.rows),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_one_release_answers_alike_as_a_server_a_batch_and_a_bundle(task: Task, tmp_path: Path) -> None:
    held = golden(task)
    digest = digest_of_files(held.files)
    write(tmp_path / "models/sample", held.files)
    source, target = tmp_path / "in.jsonl", tmp_path / "out.parquet"
    write_table(source, held.rows)
    pods = manifests(digest, source, target)
    for each in pods.values():
        assert each["metadata"]["annotations"]["ordain.dev/artifact"] == digest
        assert told(each)[1]["ORDAIN_ARTIFACT"] == digest
        (image,) = [volume["image"] for volume in each["spec"]["volumes"] if "image" in volume]
        assert image["reference"].endswith(f"@{digest}")

    words, variables = told(pods["deployment"])
    assert told(pods["daemonset"])[0] == words
    words = [str(tmp_path / word) if word.startswith("models/") else word for word in words[1:]]
    variables["ORDAIN_PREDICTION_LOG"] = str(tmp_path / "log")
    with serving(*words, "--host", "127.0.0.1", **variables) as server:
        served = server.client.post("/predict", json=held.rows).json()["predictions"]

    (tmp_path / "jobs").mkdir()
    as_batch(tmp_path, tmp_path / "jobs", pods["cronjob"])
    scored = read_table(target)
    carried = on_a_device(tmp_path / "device", held, digest)

    classes = [f"p_{each}" for each in held.signature.classes or ()] or ["prediction"]
    batch = np.array([[row[name] for name in classes] for row in scored])
    forms = {"rest": table(served, held.signature), "batch": batch, "edge": table(carried, held.signature)}
    for name, answers in forms.items():
        assert largest_difference(answers, held.answers, task) <= MOST, name
        assert largest_difference(answers, forms["rest"], task) <= MOST, name
    if task != "regression":
        labels = [each["label"] for each in served]
        assert labels == [each["label"] for each in scored] == [each["label"] for each in carried]
    assert len(served) == len(scored) == len(carried) == len(held.rows) > 60
