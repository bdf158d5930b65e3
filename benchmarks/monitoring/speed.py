"""One million logged rows of 20 columns: `ordain monitor`, and Evidently's drift preset on the same rows.

Each is one whole process: start, reading the Parquet file, answer. Time is by the clock and on the processor
(a busy machine stretches the first), memory the peak resident set.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

import data
from ordain.adapters.tables import write_table
from ordain.core.artifacts import profile as profiles
from ordain.core.artifacts import signature as signatures
from ordain.core.artifacts.signature import build
from ordain.core.specs.spec import ColumnContract, Data, Source
from ordain.learn.profile import profile

NUMBERS, TEXTS = data.NUMBER_NAMES[:14], data.CATEGORY_NAMES
END = 1_763_596_800  # 20 November 2025
GROWTH = (250_000, 1_000_000, 4_000_000)
LABELLED = (100_000, 1_000_000)
OURS = "from ordain.cli.main import main; main()"


def write(folder: Path, rows: int) -> None:
    """An artifact, a log of `rows` rows over three days, and the reference rows for Evidently."""
    columns = {"y": ColumnContract(type="number")}
    columns |= {name: ColumnContract(type="number") for name in NUMBERS}
    columns |= {name: ColumnContract(type="string", categories=data.NAMES) for name in TEXTS}
    signature = build(
        "m", "regression", Data(source=Source(path="x"), target="y", columns=columns), None, 0.5
    )
    made = data.table(data.REFERENCE, 1)
    words = words_of(made)
    answers = made.numbers[:, :5].mean(axis=1).astype(np.float64)
    tensors = {"floats": made.numbers[:, : len(NUMBERS)], "strings": words}
    (folder / "artifact").mkdir(parents=True, exist_ok=True)
    (folder / "log").mkdir(exist_ok=True)
    (folder / "artifact/model.onnx").write_bytes(b"graph")
    (folder / "artifact/signature.json").write_bytes(signatures.encode(signature))
    kept = profile(tensors, answers, answers[:, None], signature)
    (folder / "artifact/profile.json").write_bytes(profiles.encode(kept))
    parquet.write_table(_inputs(made, ""), folder / "reference.parquet")
    current = data.table(rows, 2)
    table = _inputs(current, "inputs.")
    times = (END - 3 * 86_400 + np.arange(rows) * (3 * 86_400 / rows)) * 1e6
    for name, column in {
        "id": pa.array([f"5d0c4e1f8a27beef-{place}" for place in range(rows)]),
        "time": pa.array(times.astype(np.int64), pa.timestamp("us", "UTC")),
        "model": pa.array(["m"] * rows),
        "version": pa.array(["1"] * rows),
        "outputs.prediction": pa.array(current.numbers[:, :5].mean(axis=1).astype(np.float64)),
    }.items():
        table = table.append_column(name, column)
    write_table(folder / "log/a.parquet", table)
    labels = {
        "id": table["id"],
        "label": pa.array(current.numbers[:, 1].astype(np.float64)),
        "time": pa.array((times + 3_600e6).astype(np.int64), pa.timestamp("us", "UTC")),
        "region": pa.array(words_of(current)[:, 0]),
        "age": pa.array((current.categories[:, 1] * 20).astype(np.int64)),
    }
    write_table(folder / "labels.parquet", pa.table(labels))


def words_of(table: data.Table) -> np.ndarray:
    """Categories as the texts that they are."""
    return np.array(data.NAMES, dtype=object)[table.categories]


def _inputs(table: data.Table, prefix: str) -> pa.Table:
    columns = {
        prefix + name: pa.array(table.numbers[:, at].astype(np.float64)) for at, name in enumerate(NUMBERS)
    }
    words = words_of(table)
    return pa.table(columns | {prefix + name: pa.array(words[:, at]) for at, name in enumerate(TEXTS)})


def measured(words: list[str], environment: dict[str, str]) -> tuple[float, float, float]:
    """Seconds by the clock and on the processor, and peak MiB, of a process."""
    since = time.monotonic()
    process = subprocess.Popen(words, stdout=subprocess.PIPE, env={**os.environ, **environment})
    told = process.stdout.read().decode() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{words[0]} failed: {told}")
    return time.monotonic() - since, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def command(folder: Path) -> list[str]:
    """`ordain monitor` on what was written."""
    return [
        sys.executable, "-c", OURS, "monitor", "m@x", "--artifact", str(folder / "artifact"),
        "--log", str(folder / "log"), "--until", "2025-11-20T00:00:00Z", "-C", str(folder),
    ]  # fmt: skip


def main(folder: Path, peer: str, rows: int, rounds: int) -> None:
    # In a process of its own: a child's peak would begin with what its parent holds.
    subprocess.run([sys.executable, __file__, str(folder), "", str(rows), "0"], check=True)
    ours = command(folder)
    theirs = [peer, str(Path(__file__).with_name("evidently_speed.py")), str(folder)]
    found: dict[str, list[tuple[float, float, float]]] = {"ordain": [], "evidently": []}
    for _ in range(rounds):
        found["ordain"].append(measured(ours, {"ORDAIN_RELEASE": "m@1"}))
        found["evidently"].append(measured(theirs, {"PYTHONPATH": ""}))
        print(found, file=sys.stderr, flush=True)
    print(json.dumps({"rows": rows, **found}))


def growth(folder: Path, sizes: tuple[int, ...], *words: str) -> None:
    """Ours alone by the number of rows, whose memory does not depend on it."""
    found = {}
    for rows in sizes:
        subprocess.run([sys.executable, __file__, str(folder), "", str(rows), "0"], check=True)
        found[str(rows)] = measured([*command(folder), *words], {"ORDAIN_RELEASE": "m@1"})
        print(rows, found[str(rows)], file=sys.stderr, flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    if sys.argv[2] == "growth":
        growth(Path(sys.argv[1]), GROWTH)
    elif sys.argv[2] == "labels":
        growth(Path(sys.argv[1]), LABELLED, "--labels", str(Path(sys.argv[1]) / "labels.parquet"))
    elif sys.argv[2]:
        main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        write(Path(sys.argv[1]), int(sys.argv[3]))
