"""Choose the champion by its cross-validated score.

Reads: candidates/*/metrics.json. Writes: champion.json.
"""

from __future__ import annotations

import msgspec

from ordain.adapters.stage import Stage, run
from ordain.core.specs.spec import Candidate, Selection
from ordain.learn.select import select


class Params(msgspec.Struct, frozen=True):
    """What of params.yaml decides this stage."""

    selection: Selection
    candidates: dict[str, Candidate]


def main(stage: Stage) -> None:
    """Every candidate's metrics to a ranking."""
    params = stage.params(Params)
    reports = {name: stage.read_json(f"candidates/{name}/metrics.json") for name in sorted(params.candidates)}
    ranking = select(reports, params.selection.metric)
    champion = params.candidates[ranking[0]["candidate"]]
    record = {
        **ranking[0],
        "estimator": champion.estimator,
        "metric": params.selection.metric,
        "ranking": ranking,
        "recipe": msgspec.to_builtins(champion),
    }
    stage.write_json("champion.json", record)


if __name__ == "__main__":
    run("select", main)
