"""Evidently's drift preset on a logged Parquet file."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
from pyarrow import parquet

warnings.simplefilter("ignore")
folder = Path(sys.argv[1])
reference = pd.read_parquet(folder / "reference.parquet")
names = [f"inputs.{name}" for name in reference.columns]
current = parquet.read_table(folder / "log/a.parquet", columns=names).to_pandas()
current.columns = reference.columns
found = Report([DataDriftPreset()]).run(current, reference).dict()
print(found["metrics"][0]["value"])
