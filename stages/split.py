"""Hold rows out by a stable hash of their ids.

Reads: data/rows.parquet, data/contract.json. Writes: data/train.parquet, data/holdout.parquet.
"""

from __future__ import annotations

from ordain.adapters.stage import Stage, run
from ordain.adapters.tables import read_frame, write_frame
from ordain.learn.split import Splitting, split


def main(stage: Stage) -> None:
    """Rows to two sides."""
    classes = stage.read_json("data/contract.json")["classes"]
    rows = read_frame(stage.path("data/rows.parquet"))
    train, holdout = split(rows, stage.params(Splitting), classes)
    write_frame(stage.path("data/train.parquet"), train)
    write_frame(stage.path("data/holdout.parquet"), holdout)


if __name__ == "__main__":
    run("split", main)
