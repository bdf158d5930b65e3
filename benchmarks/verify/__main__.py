"""How long `ordain verify --all` takes on a long history, as a ratio to `git log --stat` over the same one.

Run it with `python -m benchmarks.verify` from the top of the repository; `--steps 2000` makes ten thousand
commits and two thousand signed entries, which takes some minutes and is kept in `--folder`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import click

from benchmarks.verify.history import build, rows

VERIFY = (sys.executable, "-c", "from ordain.cli.main import main; main()", "verify", "--all", "--quiet")
LOG = ("git", "log", "--stat")


def seconds(words: tuple[str, ...], where: Path) -> float:
    """Wall time of one process."""
    started = time.perf_counter()
    subprocess.run(words, cwd=where, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


@click.command()
@click.option("--steps", default=2000, help="Changes; each makes four commits and one ledger entry.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("/tmp/ordain-bench"))
@click.option("--rounds", default=3)
def main(steps: int, folder: Path, rounds: int) -> None:
    """Print the medians of interleaved rounds, and their ratios."""
    origin, clone = folder / f"history-{steps}.git", folder / f"clone-{steps}"
    if not origin.exists():
        folder.mkdir(parents=True, exist_ok=True)
        build(origin, steps)
    if not clone.exists():
        subprocess.run(["git", "clone", "--quiet", str(origin), str(clone)], check=True)
    click.echo(", ".join(rows(origin)))
    found = [
        (seconds(LOG, clone), seconds((*VERIFY, "--anew"), clone), seconds(VERIFY, clone))
        for _ in range(rounds)
    ]
    log, anew, again = (statistics.median(each) for each in zip(*found, strict=True))
    click.echo(f"git log --stat {log:.2f} s")
    click.echo(f"verify --all --anew {anew:.2f} s, ratio {anew / log:.1f}")
    click.echo(f"verify --all, proven before {again:.2f} s, ratio {again / log:.1f}")


if __name__ == "__main__":
    main()
