"""Batch scoring against the obvious script, for every estimator: `python benchmarks/batch`.

Each command runs in a process of its own and is timed from start to exit, imports included; rounds of all
sides are interleaved, and the best of each counts, because other work on a machine only ever adds time.
`ordain score` has the packages of the image for jobs and no others: what is there is often imported.
Answers of all sides are compared before anything is reported.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from prepare import ROOT, make_table, prepare
from pyarrow import parquet

sys.path.insert(0, str(ROOT))
from tests.installed import installed, required

CANDIDATES = ["logistic-regression", "random-forest", "hist-gradient-boosting", "xgboost", "neural-network"]
MOST = 1e-5
FLOOR = "import numpy, pyarrow.parquet, pyarrow.compute, onnxruntime"
RIVAL = str(Path(__file__).with_name("rival.py"))


class Taken(NamedTuple):
    """What one command took."""

    seconds: float
    processor: float
    megabytes: float


def timed(words: list[str], threads: int) -> Taken:
    """Run a command of this interpreter to its end."""
    limits = {f"{each}_NUM_THREADS": str(threads) for each in ("OMP", "OPENBLAS", "MKL")}
    clock = [sys.executable, str(Path(__file__).with_name("clock.py")), *words]
    done = subprocess.run(clock, capture_output=True, text=True, check=False, env={**os.environ, **limits})
    if done.returncode:
        sys.exit(f"failed: {' '.join(words)}: {done.stderr}")
    return Taken(**json.loads(done.stdout.splitlines()[-1]))


def probabilities(path: Path) -> np.ndarray:
    return np.column_stack(
        [parquet.read_table(path, columns=[name])[name].to_numpy() for name in ("p_No", "p_Yes")]
    )


def compare(folder: Path, name: str, sides, table: Path, options) -> dict:
    """All sides on one candidate."""
    out = {side: folder / f"{name}-{side}.parquet" for side in ("ordain", "whole", "streamed")}
    report = Path(f"{out['ordain']}.report.json")
    ours = ["score", str(sides.artifact), str(table), str(out["ordain"]), "--quiet"]
    commands = {
        "ordain": [
            *options.image.words(*ours)[1:],
            "--threads",
            str(options.threads),
            "--executor",
            options.executor,
        ]
    }
    for side in ("whole", "streamed"):
        commands[side] = [RIVAL, side, str(sides.pipeline), str(table), str(out[side])]
    best: dict[str, Taken] = {}
    for _ in range(options.rounds):
        for side, words in commands.items():
            out[side].unlink(missing_ok=True)
            taken = timed(words, options.threads)
            kept = best.get(side, taken)
            best[side] = Taken(*map(min, taken, kept))
    found = {side: probabilities(path) for side, path in out.items()}
    gap = max(float(np.abs(found["ordain"] - found[side]).max()) for side in ("whole", "streamed"))
    if gap > MOST:
        sys.exit(f"{name}: answers differ by {gap}")
    for path in out.values():
        path.unlink()
    executor = json.loads(report.read_text())["executor"]
    return {
        "candidate": name,
        "executor": executor,
        "gap": gap,
        **{side: each._asdict() for side, each in best.items()},
    }


def row(result: dict) -> str:
    """A line of the table; ratios are of time (processor time in brackets) and of peak memory."""
    ours = result["ordain"]
    cells = [result["candidate"], result["executor"], _taken(ours)]
    for side in ("whole", "streamed"):
        rival = result[side]
        time, processor, memory = (rival[key] / ours[key] for key in ("seconds", "processor", "megabytes"))
        cells += [_taken(rival), f"{time:.1f} ({processor:.1f}), {memory:.1f}"]
    return f"| {' | '.join(cells)} | {result['gap']:.0e} |"


def _taken(taken: dict) -> str:
    return f"{taken['seconds']:.1f} s ({taken['processor']:.1f}), {taken['megabytes']:,.0f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python benchmarks/batch")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--executor", default="auto")
    parser.add_argument("--only", nargs="*", default=CANDIDATES, choices=CANDIDATES)
    parser.add_argument("--out", type=Path, help="also write the results as JSON")
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = str(ROOT / "src")
    load = f"load {os.getloadavg()[0]:.1f} before"
    print(f"{options.rows:,} rows, {options.threads} threads, best of {options.rounds} rounds, {load}")
    print("| estimator | executor | `ordain score` | whole table | ratios | in pieces | ratios | gap |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="ordain-batch-") as name:
        folder = Path(name)
        (folder / "image").mkdir()
        options.image = installed(folder / "image", required("jobs"))
        bare = timed(options.image.words(program=FLOOR)[1:], options.threads)
        print(f"| (nothing but `{FLOOR}`) | | {_taken(bare._asdict())} | | | | | |", flush=True)
        made = prepare(folder, options.only, options.threads)
        table = make_table(folder, options.rows)
        results = []
        for candidate, sides in made.items():
            results.append(compare(folder, candidate, sides, table, options))
            print(row(results[-1]), flush=True)
            if options.out:
                options.out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
