"""The obvious script: pandas reads the table, the fitted pipeline answers in chunks, pandas writes.

    python benchmarks/batch/rival.py whole|streamed PIPELINE IN OUT

`whole` reads everything first, which is what `read_parquet` does. `streamed` is what a careful author would
write: Arrow's batches as frames, one after the other.
"""

from __future__ import annotations

import sys

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

CHUNK = 100_000
COLUMNS = ["p_No", "p_Yes"]


def answers(pipeline, frame):
    numbers = frame.select_dtypes(["number", "bool"]).columns
    return pipeline.predict_proba(frame.astype(dict.fromkeys(numbers, "float32")))


def whole(pipeline, source, target):
    frame = pd.read_parquet(source)
    parts = [answers(pipeline, frame.iloc[start : start + CHUNK]) for start in range(0, len(frame), CHUNK)]
    pd.DataFrame(np.concatenate(parts), columns=COLUMNS).to_parquet(target)


def streamed(pipeline, source, target):
    writer = None
    for batch in parquet.ParquetFile(source).iter_batches(CHUNK):
        found = answers(pipeline, batch.to_pandas())
        table = pa.table(dict(zip(COLUMNS, found.T, strict=True)))
        writer = writer or parquet.ParquetWriter(target, table.schema)
        writer.write_table(table)
    writer.close()


if __name__ == "__main__":
    {"whole": whole, "streamed": streamed}[sys.argv[1]](joblib.load(sys.argv[2]), *sys.argv[3:])
