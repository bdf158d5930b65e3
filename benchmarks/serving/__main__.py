"""`python -m benchmarks.serving`: the table of docs/performance.md."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.serving.peers import PEERS
from benchmarks.serving.prepare import ROOT, prepare
from benchmarks.serving.run import Plan, as_json, measure
from benchmarks.serving.table import table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of one round of one peer")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--only", nargs="+", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--out", type=Path, default=ROOT / ".bench" / "serving.json")
    parser.add_argument("--nice", type=int, default=0, help="below 0: go before others while measuring")
    given = parser.parse_args()
    plan = Plan(given.rounds, given.seconds, tuple(given.connections), given.nice)
    found = measure(given.only, prepare(ROOT / ".bench" / "serving"), plan)
    given.out.write_bytes(as_json(found))
    print(table(found, plan.connections))


if __name__ == "__main__":
    main()
