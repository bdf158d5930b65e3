"""A served model answers as the pipeline that was trained: real data, real estimators, a real process."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families as parse
from pyarrow import parquet

from ordain.adapters.datasource import read_source
from ordain.adapters.files import read_state
from ordain.adapters.resources import edge_programs
from ordain.adapters.tables import read_frame, write_table
from ordain.core.artifacts.artifact import build_layout, read_layout
from ordain.core.artifacts.profile import encode as encode_profile
from ordain.core.artifacts.signature import Signature, encode
from ordain.core.specs.spec import Candidate
from ordain.core.state.instance import is_state_path, read_instance
from ordain.learn.export import export
from ordain.learn.ingest import ingest
from ordain.learn.packing import pack
from ordain.learn.pipeline import Recipe
from ordain.learn.reference import KIND, reference_answers
from ordain.learn.rows import Model, rows_of, signature_of
from ordain.learn.split import Splitting, split
from ordain.runtime.protocol import INPUT_DATATYPES
from tests.runtime.batch.desk import command
from tests.runtime.devices import Device
from tests.runtime.toy import Running, serving, write

ROOT = Path(__file__).parents[2]
SAMPLE = 1500
MOST = 1e-5
CANDIDATES = {
    "logistic": Candidate(estimator="sklearn.linear_model.LogisticRegression", parameters={"max_iter": 1000}),
    "trees": Candidate(estimator="xgboost.XGBClassifier", parameters={"n_estimators": 60, "max_depth": 3}),
}


class Trained(NamedTuple):
    """One candidate as a layout on disk, its digest, and what its pipeline answered to which rows."""

    layout: Path
    digest: str
    signature: Signature
    reference: pd.DataFrame

    @property
    def answers(self) -> NDArray[np.float64]:
        return reference_answers(self.reference, self.signature)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trained]:
    """The repository's own churn model, fitted on a sample."""
    folder = tmp_path_factory.mktemp("trained")
    spec = read_instance(read_state(ROOT, is_state_path)).models.models["churn"]
    table = ingest(read_source(ROOT, spec.data.source).slice(0, SAMPLE), spec.data)
    splitting = Splitting(data=spec.data, split=spec.split)
    write_table(folder / "rows.parquet", table)
    train, holdout = split(read_frame(folder / "rows.parquet"), splitting, ["No", "Yes"])
    model = Model(name="churn", task=spec.task, data=spec.data, threshold=spec.threshold)
    signature = signature_of(train[spec.data.target], model)
    rows = rows_of(train, signature, spec.data.target)
    made = {}
    for name, candidate in CANDIDATES.items():
        exported = export(Recipe(signature=signature, candidate=candidate, seed=7), rows, holdout)
        layout = build_layout(
            {
                "model.onnx": exported.model,
                "signature.json": encode(signature),
                "profile.json": encode_profile(exported.profile),
            }
        )
        path = write(folder / name, layout.blobs)
        made[name] = Trained(path, layout.manifest_digest, signature, exported.reference)
    return made


@pytest.fixture(scope="module")
def both(trained: dict[str, Trained]) -> Iterator[Running]:
    words: list[str] = []
    for name, each in trained.items():
        words += [str(each.layout), "--name", name, "--digest", each.digest]
    with serving(*words, "--invalid-input", "accept") as running:
        yield running


def plain(value: Any) -> Any:
    """A cell as a client would send it in JSON."""
    if pd.isna(value):
        return None
    if isinstance(value, dt.date | pd.Timestamp):
        return value.isoformat()[:10]
    return value.item() if isinstance(value, np.generic) else value


def rows_of_json(frame: pd.DataFrame, signature: Signature) -> list[dict[str, Any]]:
    names = [each.name for each in signature.features]
    return [dict(zip(names, map(plain, row), strict=True)) for row in frame[names].itertuples(index=False)]


def infer(client: httpx.Client, name: str, inputs: list[dict[str, Any]]) -> NDArray[np.float64]:
    response = client.post(f"/v2/models/{name}/infer", json={"inputs": inputs})
    assert response.status_code == 200, response.text
    output = next(each for each in response.json()["outputs"] if each["name"] == "probabilities")
    return np.array(output["data"]).reshape(output["shape"])


def violations(client: httpx.Client) -> float:
    families = parse(client.get("/metrics").text)
    return sum(
        s.value for each in families for s in each.samples if s.name == "ordain_input_violations_total"
    )


@pytest.mark.parametrize("name", CANDIDATES)
class TestEveryRow:
    """Holdout rows, unseen categories, missing values and the contract's limits."""

    def test_as_named_rows(self, both: Running, trained: dict[str, Trained], name: str) -> None:
        ours = trained[name]
        rows = rows_of_json(ours.reference, ours.signature)
        response = both.client.post(f"/predict/{name}", json=rows)
        assert response.status_code == 200, response.text
        found = [list(each["probabilities"].values()) for each in response.json()["predictions"]]
        assert len(found) == len(ours.reference) > 300
        np.testing.assert_allclose(found, ours.answers, rtol=0, atol=MOST)
        labels = [each["label"] for each in response.json()["predictions"]]
        clear = np.abs(ours.answers[:, 1] - ours.signature.threshold) > MOST
        wanted = np.where(ours.answers[:, 1] >= ours.signature.threshold, "Yes", "No")
        assert np.array_equal(np.array(labels)[clear], wanted[clear])

    def test_one_row_at_a_time(self, both: Running, trained: dict[str, Trained], name: str) -> None:
        ours = trained[name]
        some = slice(None, None, 7)
        rows = rows_of_json(ours.reference.iloc[some], ours.signature)
        answers = [both.client.post(f"/predict/{name}", json=row).json()["predictions"][0] for row in rows]
        found = [list(each["probabilities"].values()) for each in answers]
        np.testing.assert_allclose(found, ours.answers[some], rtol=0, atol=MOST)

    def test_as_one_tensor_a_column(self, both: Running, trained: dict[str, Trained], name: str) -> None:
        ours = trained[name]
        rows = rows_of_json(ours.reference, ours.signature)
        inputs = [
            {
                "name": each.name,
                "datatype": INPUT_DATATYPES[each.type],
                "shape": [len(rows)],
                "data": [row[each.name] for row in rows],
            }
            for each in ours.signature.features
        ]
        np.testing.assert_allclose(infer(both.client, name, inputs), ours.answers, rtol=0, atol=MOST)

    def test_as_packed_matrices(self, both: Running, trained: dict[str, Trained], name: str) -> None:
        ours = trained[name]
        packed = pack(ours.reference, ours.signature)
        strings, floats = packed["strings"], packed["floats"].astype(object)
        floats[pd.isna(floats)] = None
        inputs = [
            {"name": "strings", "datatype": "BYTES", "shape": strings.shape, "data": strings.tolist()},
            {"name": "floats", "datatype": "FP32", "shape": floats.shape, "data": floats.tolist()},
        ]
        np.testing.assert_allclose(infer(both.client, name, inputs), ours.answers, rtol=0, atol=MOST)


@pytest.mark.parametrize("name", CANDIDATES)
def test_on_a_device(trained: dict[str, Trained], name: str, tmp_path: Path) -> None:
    """The bundle of the same artifact, by its own predictor, for the same rows."""
    ours = trained[name]
    files = read_layout({str(p.relative_to(ours.layout)): p.read_bytes() for p in layout_files(ours.layout)})
    device = Device(tmp_path, tmp_path / "key", tmp_path / "signers")
    device.trust()
    folder = device.unpacked(device.packed({**files, **edge_programs()}, ours.digest, policy="accept"))
    rows = rows_of_json(ours.reference, ours.signature)
    done = device.run(folder / "predict.py", rows="".join(json.dumps(each) + "\n" for each in rows))
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    found = [list(each["probabilities"].values()) for each in answers]
    np.testing.assert_allclose(found, ours.answers, rtol=0, atol=MOST)


def layout_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_real_rows_are_within_the_contract(trained: dict[str, Trained]) -> None:
    """What the model learned from is what its contract admits, by a server that rejects everything else."""
    ours = trained["trees"]
    real = ours.reference[ours.reference[KIND] == "holdout"]
    pod = {"ORDAIN_ARTIFACT": ours.digest, "ORDAIN_RELEASE": "churn@1", "ORDAIN_ENVIRONMENT": "staging"}
    with serving(str(ours.layout), "--invalid-input", "reject", **pod) as running:
        response = running.client.post("/predict", json=rows_of_json(real, ours.signature))
        assert response.status_code == 200, response.text
        assert (response.json()["model"], response.json()["version"]) == ("churn", "1")
        assert violations(running.client) == 0
        probes = rows_of_json(ours.reference.drop(real.index), ours.signature)
        assert running.client.post("/predict", json=probes).status_code == 400
        assert violations(running.client) > 0


def test_a_batch_answers_as_the_server_does(
    both: Running, trained: dict[str, Trained], tmp_path: Path
) -> None:
    """The same rows over HTTP, and from a table by every executor that the release offers."""
    offered = {"logistic": ("graph", "prepared"), "trees": ("graph", "prepared", "trees", "masks")}
    for name, ours in trained.items():
        rows = rows_of_json(ours.reference, ours.signature)
        response = both.client.post(f"/predict/{name}", json=rows).json()["predictions"]
        labels = [each["label"] for each in response]
        wanted = np.array([list(each["probabilities"].values()) for each in response])
        parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
        for executor in offered[name]:
            target = tmp_path / f"{name}-{executor}.parquet"
            words = (str(ours.layout), str(tmp_path / "in.parquet"), str(target), "--executor", executor)
            done = command(*words, "--invalid-input", "accept", ORDAIN_ARTIFACT=ours.digest)
            assert done.returncode == 0, done.stderr
            found = parquet.read_table(target)
            answers = np.column_stack([found["p_No"].to_numpy(), found["p_Yes"].to_numpy()])
            np.testing.assert_allclose(answers, ours.answers, rtol=0, atol=MOST)
            np.testing.assert_allclose(answers, wanted, rtol=0, atol=MOST)
            clear = np.abs(wanted[:, 1] - ours.signature.threshold) > MOST
            assert np.array_equal(np.array(found["label"].to_pylist())[clear], np.array(labels)[clear])
