"""A small batch with every column type: its rows in each format, and the command that scores them."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from ordain.adapters.places import place_of
from ordain.runtime.artifact import open_artifact
from ordain.runtime.batch.executors import Executors
from ordain.runtime.batch.job import score
from ordain.runtime.batch.request import Batch, Progress, Released, Report
from ordain.runtime.model import Identity, Model
from tests.runtime.toy import DAYS, ROW, expected, tensors

PROGRAM = "from ordain.cli.main import main; main()"
Row = dict[str, Any]


def rows(count: int, **changed: Any) -> list[Row]:
    """Rows within the contract, each different."""
    return [
        ROW
        | {"id": f"c{number}", "plan": "xyz"[number % 3], "amount": number / 8, "visits": number % 61}
        | changed
        for number in range(count)
    ]


def write_table(path: Path, content: Sequence[Row]) -> Path:
    """Rows in the format of the path's ending."""
    if path.suffix == ".parquet":
        parquet.write_table(pa.Table.from_pylist(list(content)), path, row_group_size=50)
    elif path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(content[0]))
            writer.writeheader()
            writer.writerows(content)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in content), encoding="utf-8")
    return path


def read_table(path: Path) -> list[Row]:
    """Output rows, numbers as numbers."""
    if path.suffix == ".parquet":
        found: list[Row] = parquet.read_table(path).to_pylist()
        return found
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as stream:
            return [{key: _cell(value) for key, value in row.items()} for row in csv.DictReader(stream)]
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _cell(text: str) -> Any:
    try:
        return float(text) if text else None
    except ValueError:
        return text


def rejects(output: Path) -> list[Row]:
    """The rejects file beside an output."""
    return read_table(output.with_name(output.name + ".rejects.jsonl"))


def run(artifact: Path, source: Path | str, target: Path | str, **options: Any) -> Report:
    """Score in this process."""
    seen: list[Progress] = options.pop("seen", [])
    verified = open_artifact(artifact, "")
    identity = Identity(name="toy", version="1", artifact=verified.digest)
    release = Released(identity, verified.signature)
    batch = Batch(source=place_of(str(source), Path()), target=place_of(str(target), Path()), **options)
    return score(release, lambda: Executors(Model(identity, verified), verified), batch, seen.append)


def command(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`ordain score` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "score", *words],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **environment},
    )  # fmt: skip


def answers(content: Sequence[Row]) -> NDArray[np.float64]:
    """What the toy graph answers to rows, by NumPy."""
    from ordain.runtime.admission import Packed

    strings = [value for row in content for value in (row["plan"], row["town"] or "")]
    floats = [
        value
        for row in content
        for value in (row["amount"], row["visits"], row["vip"], DAYS if row["since"] else None)
    ]
    return expected(Packed(len(content), strings, [np.nan if each is None else each for each in floats]))


__all__ = ["ROW", "tensors"]
