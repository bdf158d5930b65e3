"""Detection delay on a real stream: `ordain monitor`'s judgement beside River's detectors.

A release is trained on the first rows after each change point; windows of 50 rows follow, and two of three
that show drift are an alarm. Rows of the stream depend on each other, which no test here allows for.

    python benchmarks/monitoring/stream.py FILE      # FILE: what stream_peer.py printed
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import ours
from numpy.typing import NDArray

from ordain.adapters.predictions import Batch, Text
from ordain.core.artifacts.signature import build
from ordain.core.drift.counts import reference_of
from ordain.core.drift.evidence import Settings
from ordain.core.drift.judge import judge
from ordain.core.specs.spec import ColumnContract, Data, Source
from ordain.learn.profile import profile
from ordain.watch.columns import Coder
from ordain.watch.tally import Tally

TRAINED, ROWS = 500, 50


def flags(trained: NDArray[np.float64], rows: NDArray[np.float64]) -> list[bool]:
    """Whether each window of the rows shows drift from what was trained on."""
    columns = {each: ColumnContract(type="number") for each in ("y", "x")}
    made = build("m", "regression", Data(source=Source(path="x"), target="y", columns=columns), None, 0.5)
    kept = profile(
        {"floats": trained[:, None].astype(np.float32)}, trained, np.zeros((len(trained), 1)), made
    )
    coder, found = Coder(kept, made), []
    one = Text(np.zeros(ROWS, np.int64), ("m",))
    for start in range(0, len(rows) - ROWS + 1, ROWS):
        batch = Batch(
            keys=np.zeros(ROWS, np.uint64), times=np.zeros(ROWS), models=one, versions=one,
            inputs={"x": rows[start : start + ROWS]}, outputs={"prediction": np.zeros(ROWS)},
        )  # fmt: skip
        tally = Tally(coder, ())
        tally.add(coder.code(batch), slice(0, ROWS), batch.times)
        judged = judge(tally.window((0, 1), None), reference_of(coder.features, coder.answers), Settings())
        found.append(any(name == "x" for name, _ in ours.flagged(judged)))
    return found


def alarms(values: NDArray[np.float64], start: int) -> list[int]:
    """Rows at whose window's end an alarm begins, of a release that was trained from a start."""
    begin = start + TRAINED
    found = flags(values[start:begin], values[begin:])
    stands = [sum(found[max(0, at - 2) : at + 1]) >= 2 for at in range(len(found))]
    begins = [at for at, each in enumerate(stands) if each and not (at and stands[at - 1])]
    return [begin + (at + 1) * ROWS for at in begins]


def judged(points: list[int], length: int, called: list[list[int]]) -> dict[str, list[int | None] | int]:
    """False calls before each point, and the rows from a point to the first call before the next one.

    Args:
        called: for each point, the calls of whoever watches since the point before.
    """
    ends = [*points[1:], length]
    starts = [0, *points[:-1]]
    false = sum(
        sum(start <= each < point for each in calls)
        for start, point, calls in zip(starts, points, called, strict=True)
    )
    delays = [
        next((each - point for each in calls if point <= each < end), None)
        for point, end, calls in zip(points, ends, called, strict=True)
    ]
    return {"false": false, "delays": delays}


if __name__ == "__main__":
    told = json.loads(Path(sys.argv[1]).read_text())
    values, points = np.array(told["values"]), told["points"]
    found = {"Ordain": judged(points, len(values), [alarms(values, each) for each in [0, *points[:-1]]])}
    for name, calls in told["detections"].items():
        found[f"River {name}"] = judged(points, len(values), [calls] * len(points))
    print(json.dumps({"rows": len(values), "points": points, "found": found}))
