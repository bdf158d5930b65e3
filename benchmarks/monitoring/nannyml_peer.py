"""NannyML's univariate drift calculator with its defaults: three deviations over reference chunks."""

from __future__ import annotations

import json
import sys
import warnings

import nannyml as nml
import numpy as np
import pandas as pd

import data

warnings.simplefilter("ignore")
PIECE = 500_000  # rows at once


def frame(table: data.Table) -> pd.DataFrame:
    made = pd.DataFrame(table.numbers.astype(np.float64), columns=data.NUMBER_NAMES)
    for at, name in enumerate(data.CATEGORY_NAMES):
        made[name] = pd.Series(np.array(data.NAMES)[table.categories[:, at]], dtype=object)
    return made


def fitted(rows: int) -> nml.UnivariateDriftCalculator:
    """Fitted on the reference, which holds at least ten chunks."""
    names = [*data.NUMBER_NAMES, *data.CATEGORY_NAMES]
    reference = frame(data.table(max(data.REFERENCE, 10 * rows), 1))
    return nml.UnivariateDriftCalculator(
        column_names=names, treat_as_categorical=data.CATEGORY_NAMES, chunk_size=rows
    ).fit(reference)


def alerts(
    calculator: nml.UnivariateDriftCalculator, rows: int, count: int, drift: data.Drift, base: int
) -> pd.DataFrame:
    some, found = max(1, PIECE // rows), []
    for start in range(0, count, some):
        tables = [
            frame(data.table(rows, base + seed, drift)) for seed in range(start, min(count, start + some))
        ]
        result = calculator.calculate(pd.concat(tables, ignore_index=True)).filter(period="analysis").to_df()
        found.append(result.xs("alert", axis=1, level=-1).astype(bool))
    made = pd.concat(found, ignore_index=True)
    made.columns = [each[0] for each in made.columns]
    return made


def main(windows: dict[int, int]) -> None:
    found: dict[str, dict] = {"false_alarms": {}, "power": {}}
    drifts = {f"x0 shifted by {each:g}": ("x0", data.Drift(shift=each)) for each in data.SHIFTS}
    drifts |= {f"c0 rare 1 % to {each:.0%}": ("c0", data.Drift(rare=each)) for each in data.RARES}
    for rows, count in windows.items():
        calculator = fitted(rows)
        flags = alerts(calculator, rows, count, data.Drift(), 10_000)
        found["false_alarms"][str(rows)] = {
            "windows": len(flags),
            "any flag": float(flags.any(axis=1).mean()),
        }
        print("nannyml", rows, found["false_alarms"][str(rows)], file=sys.stderr, flush=True)
        if rows in data.POWER_SIZES:
            for name, (column, drift) in drifts.items():
                made = alerts(calculator, rows, min(count, 100), drift, 50_000)
                found["power"].setdefault(name, {})[str(rows)] = float(made[column].mean())
    print(json.dumps(found))


if __name__ == "__main__":
    main({int(rows): int(count) for rows, count in json.loads(sys.argv[1]).items()})
