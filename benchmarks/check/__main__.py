"""How long `ordain check` takes, as a ratio to reading the same files with PyYAML in a bare interpreter.

Run it with `python -m benchmarks.check` from the top of the repository.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROUNDS = 9
CHECK = [sys.executable, "-c", "from ordain.cli.main import main; main()", "check", "--quiet"]
FLOOR = [
    sys.executable,
    "-c",
    (
        "import glob, yaml\n"
        "files = ('*.yaml', 'environments/*.yaml', 'releases/*/*.yaml')\n"
        "for path in (path for each in files for path in glob.glob(each)):\n"
        "    yaml.load(open(path, encoding='utf-8'), yaml.CSafeLoader)"
    ),
]


def seconds(words: list[str]) -> float:
    """Wall time of one process."""
    started = time.perf_counter()
    subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Print the medians of interleaved rounds and their ratio."""
    rounds = [(seconds(CHECK), seconds(FLOOR)) for _ in range(ROUNDS)]
    check, floor = (statistics.median(each) for each in zip(*rounds, strict=True))
    print(f"ordain check {check:.3f} s, bare reading {floor:.3f} s, ratio {check / floor:.1f}")


if __name__ == "__main__":
    main()
