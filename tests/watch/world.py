"""A small model with every kind of column, its artifact, and logs of its predictions under any conditions."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ordain.core.artifacts import profile as profiles
from ordain.core.artifacts import signature as signatures
from ordain.core.artifacts.profile import Profile
from ordain.core.artifacts.signature import Signature, build
from ordain.core.specs.spec import ColumnContract, Data, Source
from ordain.learn.profile import profile

END = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
ROWS = 600  # of a day, in logs that drift no more than they are made to
NOW = END + dt.timedelta(hours=4)
DAY = dt.timedelta(days=1)
PLANS = ("basic", "plus", "pro")
COLUMNS = {
    "left": ColumnContract(type="string", categories=("No", "Yes")),
    "price": ColumnContract(type="number", nullable=True),
    "visits": ColumnContract(type="integer"),
    "plan": ColumnContract(type="string", categories=PLANS),
    "town": ColumnContract(type="string", nullable=True),
    "vip": ColumnContract(type="boolean"),
    "since": ColumnContract(type="date"),
    "constant": ColumnContract(type="number"),
    "female": ColumnContract(type="boolean", personal=True),
}
Row = dict[str, Any]
Change = Callable[[dict[str, NDArray[Any]]], None]


def signature() -> Signature:
    data = Data(source=Source(path="x"), target="left", positive="Yes", columns=COLUMNS)
    return build("churn", "binary", data, ("No", "Yes"), 0.5)


def columns(rows: int, seed: int) -> dict[str, NDArray[Any]]:
    """Inputs of rows that do not drift; visits rise with the price."""
    source = np.random.default_rng(seed)
    price = source.normal(60, 20, rows)
    towns = np.array([f"town {place}" for place in range(30)])
    return {
        "price": np.where(source.random(rows) < 0.02, np.nan, price),
        "visits": np.round(price / 10 + source.normal(0, 1.5, rows)),
        "plan": source.choice(np.array(PLANS), rows, p=[0.6, 0.3, 0.1]),
        "town": np.where(source.random(rows) < 0.05, "", source.choice(towns, rows)),
        "vip": source.random(rows) < 0.2,
        "since": np.floor(source.uniform(15_000, 20_000, rows)),
        "constant": np.full(rows, 7.0),
        "female": source.random(rows) < 0.5,
    }


def probability(inputs: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
    """What the model answers, which is also how likely the outcome is."""
    price = np.nan_to_num(inputs["price"], nan=60.0)
    score = (price - 60) / 15 + (inputs["plan"] == "basic") - 1.5
    chance: NDArray[np.float64] = 1 / (1 + np.exp(-score))
    return chance


def trained(rows: int = 5000) -> Profile:
    described, inputs = signature(), columns(rows, 1)
    tensors = {
        "strings": np.column_stack([inputs[each.name] for each in described.of("strings")]).astype(object),
        "floats": np.column_stack([inputs[each.name] for each in described.of("floats")]).astype(np.float32),
    }
    chance = probability(inputs)
    target = (np.random.default_rng(2).random(rows) < chance).astype(np.int64)
    unseen = probability(columns(rows // 4, 3))
    return profile(tensors, target, np.column_stack([1 - unseen, unseen]), described)


def artifact(folder: Path, made: Profile | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(b"graph")
    (folder / "signature.json").write_bytes(signatures.encode(signature()))
    (folder / "profile.json").write_bytes(profiles.encode(made or trained()))
    return folder


class Log:
    """Writes predictions as the server does."""

    def __init__(self, folder: Path, version: str = "7", model: str = "churn") -> None:
        self.folder, self.version, self.model = folder, version, model
        self.labels: list[Row] = []
        folder.mkdir(parents=True, exist_ok=True)
        self._files = len(list(folder.iterdir())) * 100  # another log's there are left alone

    def day(self, days_before: int, rows: int, change: Change | None = None, seed: int = 0) -> list[Row]:
        """Predictions spread over one day; how many days before the end it ends."""
        inputs = columns(rows, 1000 + 100 * days_before + seed)
        if change:
            change(inputs)
        chance = probability(inputs)
        source = np.random.default_rng(5000 + days_before + seed)
        truth = source.random(rows) < chance
        start = END - DAY * (days_before + 1)
        female, records = inputs.pop("female"), []
        for row in range(rows):
            when = start + DAY * ((row + 0.5) / rows)
            number = f"{self.model}-{days_before}-{seed}-{row}"
            values = {name: plain(column[row]) for name, column in inputs.items()}
            pair = [float(1 - chance[row]), float(chance[row])]
            records.append(
                {
                    "id": number, "time": when.isoformat().replace("+00:00", "Z"), "model": self.model,
                    "version": self.version, "latency": 0.001, "inputs": [values],
                    "outputs": [{"label": "Yes" if pair[1] >= 0.5 else "No", "probabilities": pair}],
                }
            )  # fmt: skip
            self.labels.append(
                {"id": number, "label": "Yes" if truth[row] else "No", "female": int(female[row]),
                 "time": (when + DAY).isoformat()}
            )  # fmt: skip
        self.write(records)
        return records

    def office(self, days_before: int, rows: int) -> None:
        """Predictions of one day, from eight to five."""
        start = END - DAY * (days_before + 1) + dt.timedelta(hours=8)
        records = self.day(days_before, rows)
        for row, each in enumerate(records):
            when = start + dt.timedelta(hours=9) * ((row + 0.5) / rows)
            each["time"] = when.isoformat().replace("+00:00", "Z")
        self._files -= 1
        self.write(records)

    def write(self, records: Sequence[Row], name: str = "") -> Path:
        self._files += 1
        path = self.folder / (name or f"predictions-pod-1-{1_700_000_000_000 + self._files}-1.jsonl")
        path.write_text("".join(json.dumps(each) + "\n" for each in records))
        return path

    def write_labels(self, path: Path, rows: Sequence[Row] | None = None) -> Path:
        chosen = self.labels if rows is None else list(rows)
        path.write_text("".join(json.dumps(each) + "\n" for each in chosen))
        return path


def plain(value: Any) -> Any:
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.floating):
        return None if np.isnan(value) else float(value)
    return str(value)
