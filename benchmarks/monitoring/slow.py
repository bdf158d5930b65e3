"""Slow drift: how many windows of 1,000 rows until an alarm (2 of 3) names the column that moves.

x0 moves by a fixed part of its standard deviation a window; by none, too: what is flagged then is false.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import ours

import data
from ordain.watch.columns import Coder

SPEEDS = (0.0, 0.01, 0.02, 0.05)
ROWS, LONGEST = 1000, 60


def until_alarm(coder: Coder, kept: ours.Profile, speed: float, run: int) -> int | None:
    """Windows until two of three flag x0; None when that does not happen."""
    flags: list[bool] = []
    while len(flags) < LONGEST:
        table = data.table(ROWS, 90_000 + 1000 * run + len(flags), data.Drift(shift=speed * len(flags)))
        flags.append(any(column == "x0" for column, _ in ours.flagged(ours.window(coder, kept, table))))
        if sum(flags[-3:]) >= 2:
            return len(flags)
    return None


def measured(speed: float, runs: int) -> dict[str, float | None]:
    """Quartiles of the windows until an alarm, and the shift by then."""
    kept = ours.reference(data.REFERENCE)
    coder = Coder(kept, ours.signature())
    found = [until_alarm(coder, kept, speed, run) for run in range(runs)]
    seen = sorted(each for each in found if each is not None)
    low, middle, high = np.quantile(seen, [0.25, 0.5, 0.75]) if seen else (None, None, None)
    return {
        "runs": runs, "alarms": len(seen) / runs, "low": low, "median": middle, "high": high,
        "shift": None if middle is None else speed * (middle - 1),
    }  # fmt: skip


if __name__ == "__main__":
    rounds = int(sys.argv[1])
    print(
        json.dumps(
            {
                "rows": ROWS,
                "windows": LONGEST,
                "speeds": {str(each): measured(each, rounds) for each in SPEEDS},
            }
        )
    )
