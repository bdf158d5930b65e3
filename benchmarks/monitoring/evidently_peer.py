"""Evidently's default drift tests, as its preset picks them, without its plots (most of its time)."""

from __future__ import annotations

import json
import sys
import warnings

import numpy as np
import pandas as pd
from evidently.legacy.calculations.stattests import get_stattest
from evidently.legacy.core import ColumnType

import data

warnings.simplefilter("ignore")


def frame(table: data.Table) -> pd.DataFrame:
    made = pd.DataFrame(table.numbers.astype(np.float64), columns=data.NUMBER_NAMES)
    for at, name in enumerate(data.CATEGORY_NAMES):
        made[name] = np.array(data.NAMES)[table.categories[:, at]]
    return made


def flagged(reference: pd.DataFrame, current: pd.DataFrame, names: list[str]) -> set[str]:
    found = set()
    for name in names:
        kind = ColumnType.Numerical if name in data.NUMBER_NAMES else ColumnType.Categorical
        test = get_stattest(reference[name], current[name], kind, None)
        if test(reference[name], current[name], kind, None).drifted:
            found.add(name)
    return found


def main(windows: dict[int, int]) -> None:
    names = [*data.NUMBER_NAMES, *data.CATEGORY_NAMES]
    found: dict[str, dict] = {"false_alarms": {}, "power": {}}
    for rows, count in windows.items():
        both = {}
        for size in (data.REFERENCE, 1000):
            kept = frame(data.table(size, 1))
            flags = [flagged(kept, frame(data.table(rows, 10_000 + seed)), names) for seed in range(count)]
            both[str(size)] = float(np.mean([bool(each) for each in flags]))
            if size == data.REFERENCE:
                half = float(np.mean([len(each) >= len(names) / 2 for each in flags]))
        found["false_alarms"][str(rows)] = {
            "windows": count,
            "any flag": both[str(data.REFERENCE)],
            "any flag, reference of 1,000": both["1000"],
            "half of the columns": half,
        }  # fmt: skip
        print("evidently", rows, found["false_alarms"][str(rows)], file=sys.stderr, flush=True)
    kept = frame(data.table(data.REFERENCE, 1))
    drifts = {f"x0 shifted by {each:g}": ("x0", data.Drift(shift=each)) for each in data.SHIFTS}
    drifts |= {f"c0 rare 1 % to {each:.0%}": ("c0", data.Drift(rare=each)) for each in data.RARES}
    for name, (column, drift) in drifts.items():
        found["power"][name] = {
            str(rows): float(np.mean([
                bool(flagged(kept, frame(data.table(rows, 50_000 + seed, drift)), [column]))
                for seed in range(min(windows[rows], 200))
            ]))
            for rows in data.POWER_SIZES
        }  # fmt: skip
    print(json.dumps(found))


if __name__ == "__main__":
    main({int(rows): int(count) for rows, count in json.loads(sys.argv[1]).items()})
