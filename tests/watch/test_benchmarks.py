"""What the documentation says was measured is what the kept results say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_table_of_the_documentation_is_made_from_the_kept_results() -> None:
    words = [sys.executable, "benchmarks/monitoring/run.py", "--tables"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    parts = done.stdout.strip().split("\n\n")
    told = (ROOT / "docs/monitoring.md").read_text("utf-8").split("## Measured")[1]
    assert len(parts) == 8
    assert [each for each in parts if f"\n\n{each}\n\n" not in told] == []
