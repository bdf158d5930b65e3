"""Read the declared source, type every column by the contract, and give every row a stable id.

Reads: the declared source, and which bytes of it are meant (source.json). Writes: data/rows.parquet.
"""

from __future__ import annotations

import msgspec

from ordain.adapters.datasource import read_source
from ordain.adapters.files import read_bytes
from ordain.adapters.stage import Stage, run
from ordain.adapters.tables import write_table
from ordain.core.data import pins
from ordain.core.specs.spec import Data
from ordain.learn.ingest import ingest


class Params(msgspec.Struct, frozen=True):
    """What of params.yaml decides this stage."""

    data: Data


def main(stage: Stage) -> None:
    """Source to typed rows."""
    data = stage.params(Params).data
    path = stage.path(pins.FILE)
    pin = pins.decode(read_bytes(path), pins.FILE) if data.source.url and path.is_file() else None
    write_table(stage.path("data/rows.parquet"), ingest(read_source(stage.root, data.source, pin), data))


if __name__ == "__main__":
    run("ingest", main)
