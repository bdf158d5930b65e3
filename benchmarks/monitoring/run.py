"""All of it: makes each peer's environment, runs everybody on the same data, prints the tables.

    python benchmarks/monitoring/run.py [FOLDER]

FOLDER (default `.benchmarks`) holds environments and data. Takes some hours on one core; the peers see fewer
windows where they are slow, and each table says how many. Results are kept in `results/`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import data

HERE = Path(__file__).parent
RESULTS = HERE / "results"
WINDOWS = 1000
EVIDENTLY = {50: 200, 100: 200, 500: 200, 1_000: 200, 10_000: 60, 100_000: 12}
NANNYML = {50: 1000, 100: 1000, 500: 1000, 1_000: 1000, 10_000: 200, 100_000: 40}
ALONE = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "NML_DISABLE_USAGE_LOGGING": "1"}


def environment(folder: Path, peer: str) -> str:
    """The interpreter of a peer's own environment."""
    python = folder / peer / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / peer)], check=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "-q", "-r", str(HERE / f"{peer}.txt")], check=True
        )
    return str(python)


def run(name: str, python: str, *words: str) -> None:
    """Run a script and keep what it prints."""
    lonely = {} if python == sys.executable else {"PYTHONPATH": ""}
    told = subprocess.run(
        [python, *words], check=True, stdout=subprocess.PIPE, env={**os.environ, **ALONE, **lonely}
    )
    (RESULTS / f"{name}.json").write_bytes(told.stdout)


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    RESULTS.mkdir(exist_ok=True)
    evidently, nannyml = environment(folder, "evidently"), environment(folder, "nannyml")
    run("speed", sys.executable, str(HERE / "speed.py"), str(folder / "speed"), evidently, "1000000", "2")
    run("growth", sys.executable, str(HERE / "speed.py"), str(folder / "growth"), "growth")
    run("labels", sys.executable, str(HERE / "speed.py"), str(folder / "labels"), "labels")
    stream = environment(folder, "stream")
    run("stream_peer", stream, str(HERE / "stream_peer.py"))
    (RESULTS / "stream_peer.json").rename(folder / "stream_peer.json")
    run("stream", sys.executable, str(HERE / "stream.py"), str(folder / "stream_peer.json"))
    run("slow", sys.executable, str(HERE / "slow.py"), "20")
    run("ours", sys.executable, str(HERE / "ours.py"), str(WINDOWS))
    run("nannyml", nannyml, str(HERE / "nannyml_peer.py"), json.dumps(NANNYML))
    run("evidently", evidently, str(HERE / "evidently_peer.py"), json.dumps(EVIDENTLY))
    print(tables())


def tables() -> str:
    """What is kept in `results/`, as Markdown: word for word what stands in docs/monitoring.md."""
    found = {
        each: json.loads((RESULTS / f"{each}.json").read_text()) for each in ("ours", "evidently", "nannyml")
    }
    speed = json.loads((RESULTS / "speed.json").read_text())
    slow, growth, labels, stream = (
        json.loads((RESULTS / f"{each}.json").read_text()) for each in ("slow", "growth", "labels", "stream")
    )
    drift = _false_alarms(found), _power(found), _slow(slow), _stream(stream)
    parts = *drift, _speed(speed), [_times(speed)], _growth(growth), _growth(labels)
    return "\n\n".join("\n".join(each) for each in parts)


def _percent(value: float) -> str:
    return f"{value:.1%}".replace(".0%", "%").replace("%", " %")


def _false_alarms(found: dict[str, Any]) -> list[str]:
    names = ["any flag", "any flag, reference of 1,000", "half of the columns"]
    heads = [
        "rows of a window",
        "Ordain: any flag",
        "Ordain: alarm (2 of 3)",
        "Evidently: any column",
        "Evidently, reference of 1,000",
        "Evidently: half of the columns",
        "NannyML: any column",
    ]
    lines = [f"| {' | '.join(heads)} |", "|" + "---:|" * len(heads)]
    for rows in map(str, data.SIZES):
        ours, theirs, others = (
            found[each]["false_alarms"][rows] for each in ("ours", "evidently", "nannyml")
        )
        cells = [ours["any flag"], ours["alarm"], *(theirs[name] for name in names), others["any flag"]]
        lines.append(f"| {int(rows):,} | {' | '.join(map(_percent, cells))} |")
    return lines


def _power(found: dict[str, Any]) -> list[str]:
    sizes = [str(rows) for rows in data.POWER_SIZES]
    heads = [f"{who}, {int(rows):,}" for rows in sizes for who in ("Ordain", "Evidently", "NannyML")]
    lines = [f"| drift | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    for name in found["ours"]["power"]:
        cells = [
            found[who]["power"][name][rows] for rows in sizes for who in ("ours", "evidently", "nannyml")
        ]
        lines.append(f"| {name} | {' | '.join(map(_percent, cells))} |")
    return lines


def _slow(slow: dict[str, Any]) -> list[str]:
    lines = [
        "| x0 moves, a window | runs | with an alarm | windows until then (quartiles) | shift by then |",
        "|---:|---:|---:|---:|---:|",
    ]
    for speed, found in slow["speeds"].items():
        seen = found["median"] is not None
        spread = f"{found['median']:g} ({found['low']:g} to {found['high']:g})" if seen else "none"
        shift = f"{found['shift']:.2f}" if seen else ""
        lines.append(
            f"| {float(speed):g} | {found['runs']} | {_percent(found['alarms'])} | {spread} | {shift} |"
        )
    return lines


def _stream(stream: dict[str, Any]) -> list[str]:
    points = [f"rows after {each:,}" for each in stream["points"]]
    lines = [f"| detector | false calls | {' | '.join(points)} |", "|---|" + "---:|" * (1 + len(points))]
    for name, found in stream["found"].items():
        delays = ["none" if each is None else str(each) for each in found["delays"]]
        lines.append(f"| {name} | {found['false']} | {' | '.join(delays)} |")
    return lines


def _growth(growth: dict[str, Any]) -> list[str]:
    lines = ["| rows | seconds | on the processor | peak MiB |", "|---:|---:|---:|---:|"]
    for rows, (seconds, busy, memory) in growth.items():
        lines.append(f"| {int(rows):,} | {seconds:.1f} | {busy:.1f} | {memory:.0f} |")
    return lines


def _speed(speed: dict[str, Any]) -> list[str]:
    lines = ["| | seconds | on the processor | peak MiB |", "|---|---:|---:|---:|"]
    for who in ("ordain", "evidently"):
        for seconds, busy, memory in speed[who]:
            lines.append(f"| {who} | {seconds:.1f} | {busy:.1f} | {memory:.0f} |")
    return lines


def _times(speed: dict[str, Any]) -> str:
    """How many times as fast in one sentence: Ordain's worse figure of each kind, the peer's better one."""
    ours = [max(each) for each in zip(*speed["ordain"], strict=True)]
    theirs = [min(each) for each in zip(*speed["evidently"], strict=True)]
    seconds, busy, memory = (other / own for own, other in zip(ours, theirs, strict=True))
    return (
        f"On the processor that is {busy:.1f} times as fast, by the clock {seconds:.1f} times, in "
        f"{1 / memory:.0%} of the memory".replace("%", " %")
        + " (Ordain's worse run, Evidently's better)."
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["--tables"]:
        print(tables())
    else:
        main(Path(sys.argv[1] if sys.argv[1:] else ".benchmarks"))
