"""A small data set with every column type, missing values and a text column with many values."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from ordain.core.artifacts.signature import Signature, Task
from ordain.core.specs.spec import ColumnContract, Data, Source
from ordain.learn.ingest import ID
from ordain.learn.rows import Model, Rows, rows_of, signature_of

ROWS = 240


class Case(NamedTuple):
    """One model's data for one task."""

    frame: pd.DataFrame
    model: Model
    signature: Signature

    @property
    def rows(self) -> Rows:
        return rows_of(self.frame, self.signature, "y")

    @property
    def holdout(self) -> pd.DataFrame:
        return self.frame.tail(60).reset_index(drop=True)


def features(seed: int = 0) -> tuple[pd.DataFrame, pd.Series[float]]:
    source = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "amount": source.normal(size=ROWS) * 1000,
            "visits": pd.array(source.integers(0, 50, ROWS), dtype="Int64"),
            "plan": pd.Series(source.choice(["x", "y", "z"], ROWS), dtype="str"),
            "town": pd.Series(source.choice([f"t{i}" for i in range(80)], ROWS), dtype="str"),
            "vip": pd.array(source.random(ROWS) < 0.5, dtype="boolean"),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(source.integers(0, 900, ROWS), "D"),
        }
    )
    score = frame["amount"] / 1000 + (frame["plan"] == "x") * 1.5 + frame["vip"].astype(float)
    noisy = pd.Series(score + source.normal(size=ROWS), dtype=float)
    frame.loc[source.random(ROWS) < 0.1, "amount"] = np.nan
    frame.loc[source.random(ROWS) < 0.1, "visits"] = pd.NA
    frame.loc[source.random(ROWS) < 0.1, "town"] = None
    frame[ID] = [f"{number:04d}" for number in range(ROWS)]
    return frame, noisy


COLUMNS = {
    "amount": ColumnContract(type="number", nullable=True, min=-9000, max=9000),
    "visits": ColumnContract(type="integer", nullable=True, min=0, max=60),
    "plan": ColumnContract(type="string", categories=("x", "y", "z")),
    "town": ColumnContract(type="string", nullable=True),
    "vip": ColumnContract(type="boolean"),
    "since": ColumnContract(type="date"),
}


def build_case(task: Task, columns: tuple[str, ...] = tuple(COLUMNS)) -> Case:
    frame, score = features()
    kind = ColumnContract(type="number" if task == "regression" else "string")
    if task == "binary":
        frame["y"] = pd.Series(np.where(score > score.median(), "Yes", "No"), dtype="str")
    elif task == "multiclass":
        frame["y"] = pd.qcut(score, 3, labels=["low", "middle", "high"]).astype("str")
    else:
        frame["y"] = score * 1e4
    data = Data(
        source=Source(path="x.csv"),
        target="y",
        positive="Yes" if task == "binary" else None,
        sensitive=("vip",) if "vip" in columns else (),
        columns={**{name: COLUMNS[name] for name in columns}, "y": kind},
    )
    model = Model(name="sample", task=task, data=data)
    return Case(frame, model, signature_of(frame["y"], model))


CaseMaker = Callable[..., Case]


@pytest.fixture(scope="session")
def make_case() -> CaseMaker:
    """Builds the data of one task; fewer columns on request."""
    return build_case


@pytest.fixture(scope="session")
def binary() -> Case:
    return build_case("binary")
