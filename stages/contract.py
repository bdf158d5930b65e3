"""Hold every row to the declared contract, and report on each sensitive group.

Reads: data/rows.parquet. Writes: data/contract.json.
"""

from __future__ import annotations

from ordain.adapters.stage import Stage, run
from ordain.adapters.tables import read_frame
from ordain.learn.contract import Checked, check


def main(stage: Stage) -> None:
    """Rows to report, or every fault at once."""
    rows = read_frame(stage.path("data/rows.parquet"))
    stage.write_json("data/contract.json", check(rows, stage.params(Checked)))


if __name__ == "__main__":
    run("contract", main)
