"""Read the declared source, type every column by the contract, and give every row a stable id.

Reads: the declared source. Writes: data/rows.parquet.
"""

from __future__ import annotations

import msgspec

from ordain.adapters.datasource import read_source
from ordain.adapters.stage import Stage, run
from ordain.adapters.tables import write_table
from ordain.core.spec import Data
from ordain.learn.ingest import ingest


class Params(msgspec.Struct, frozen=True):
    """What of params.yaml decides this stage."""

    data: Data


def main(stage: Stage) -> None:
    """Source to typed rows."""
    data = stage.params(Params).data
    write_table(stage.path("data/rows.parquet"), ingest(read_source(stage.root, data.source), data))


if __name__ == "__main__":
    run("ingest", main)
