"""Ordain's verdict on windows: any flag in a window, and in two of three."""

from __future__ import annotations

import json
import sys

import numpy as np

import data
from ordain.adapters.predictions import Batch, Text
from ordain.core.artifacts.profile import Profile
from ordain.core.artifacts.signature import Signature, build
from ordain.core.drift.counts import reference_of
from ordain.core.drift.evidence import Settings
from ordain.core.drift.judge import JOINTLY, Judged, judge
from ordain.core.specs.spec import ColumnContract, Data, Source
from ordain.learn.profile import profile
from ordain.watch.columns import Coder
from ordain.watch.joint import joint
from ordain.watch.tally import Tally

SETTINGS = Settings()


def signature() -> Signature:
    columns = {"y": ColumnContract(type="number")}
    columns |= {name: ColumnContract(type="number") for name in data.NUMBER_NAMES}
    columns |= {name: ColumnContract(type="string", categories=data.NAMES) for name in data.CATEGORY_NAMES}
    return build("m", "regression", Data(source=Source(path="x"), target="y", columns=columns), None, 0.5)


def answers(table: data.Table) -> np.ndarray:
    return table.numbers[:, :5].mean(axis=1).astype(np.float64)


def reference(rows: int) -> Profile:
    made = data.table(rows, 1)
    words = np.array(data.NAMES, dtype=object)[made.categories]
    return profile(
        {"floats": made.numbers, "strings": words}, answers(made), answers(made)[:, None], signature()
    )


def window(coder: Coder, kept: Profile, table: data.Table) -> Judged:
    rows = len(table.numbers)
    one = Text(np.zeros(rows, np.int64), ("m",))
    inputs = {name: table.numbers[:, at].astype(np.float64) for at, name in enumerate(data.NUMBER_NAMES)}
    texts = {name: Text(table.categories[:, at], data.NAMES) for at, name in enumerate(data.CATEGORY_NAMES)}
    keys = np.random.default_rng(rows).integers(1, 2**63, rows).astype(np.uint64)
    batch = Batch(
        keys=keys, times=np.zeros(rows), models=one, versions=one, inputs={**inputs, **texts},
        outputs={"prediction": answers(table)},
    )  # fmt: skip
    tally, at, coded = Tally(coder, kept.dimensions), np.arange(rows), coder.code(batch)
    tally.add(coded, at, batch.times)
    tally.sample(coded, at, keys)
    counts = tally.window((0, 1), joint(kept, tally.sampled()))
    return judge(counts, reference_of(coder.features, coder.answers), SETTINGS)


def flagged(judged: Judged) -> set[tuple[str, str]]:
    return {(name, each.test) for name, tests in judged.tests.items() for each in tests if each.drifted}


def false_alarms(windows: int) -> dict[str, dict[str, float]]:
    kept = reference(data.REFERENCE)
    coder, found = Coder(kept, signature()), {}
    for rows in data.SIZES:
        flags = [flagged(window(coder, kept, data.table(rows, 10_000 + seed))) for seed in range(windows)]
        alarms = [
            any(
                sum(each in some for some in flags[at : at + 3]) >= 2
                for each in set().union(*flags[at : at + 3])
            )
            for at in range(windows - 2)
        ]
        found[str(rows)] = {
            "windows": windows,
            "any flag": float(np.mean([bool(each) for each in flags])),
            "joint": float(np.mean([(JOINTLY, "joint") in each for each in flags])),
            "alarm": float(np.mean(alarms)),
        }
        print("false alarms", rows, found[str(rows)], file=sys.stderr, flush=True)
    return found


def power(windows: int) -> dict[str, dict[str, float]]:
    """Share of windows in which the drifted column is flagged, by drift and size."""
    kept = reference(data.REFERENCE)
    coder, found = Coder(kept, signature()), {}
    drifts = {f"x0 shifted by {each:g}": ("x0", data.Drift(shift=each)) for each in data.SHIFTS}
    drifts |= {f"c0 rare 1 % to {each:.0%}": ("c0", data.Drift(rare=each)) for each in data.RARES}
    for name, (column, drift) in drifts.items():
        found[name] = {}
        for rows in data.POWER_SIZES:
            made = [window(coder, kept, data.table(rows, 50_000 + seed, drift)) for seed in range(windows)]
            found[name][str(rows)] = float(
                np.mean([any(c == column for c, _ in flagged(each)) for each in made])
            )
        print("power", name, found[name], file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    count = int(sys.argv[1])
    result = {"false_alarms": false_alarms(count), "power": power(count // 5)}
    print(json.dumps(result))
