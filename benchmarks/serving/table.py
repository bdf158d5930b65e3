"""What was measured as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.serving.peers import PEERS
from benchmarks.serving.run import BULK, Measured, median

BASE = "ordain-packed"


def table(found: Mapping[str, Measured], connections: Sequence[int]) -> str:
    """Rates, tail latencies and ratios by connections; then large requests, start and memory."""
    return "\n".join([*_single(found, connections), "", *_rest(found)])


def _single(found: Mapping[str, Measured], connections: Sequence[int]) -> Iterator[str]:
    heads = [f"{each} conn.: req/s (p99 ms; processor), Ordain is" for each in connections]
    yield f"| one row a request | {' | '.join(heads)} |"
    yield f"|---|{'---|' * len(heads)}"
    for name, each in found.items():
        cells = []
        for count in connections:
            rate, p99 = median(each.single[count], "rate"), median(each.single[count], "p99") / 1000
            cost = median(each.single[count], "cost")
            cell = f"{rate:,.0f} ({p99:.1f}; {cost:,.0f} µs)"
            ours = found.get(_opposite(name))
            if ours is not None and PEERS[name].kind != "ordain":
                cell += f" {median(ours.single[count], 'rate') / rate:.3g}x"
            cells.append(cell)
        yield f"| {PEERS[name].label} | {' | '.join(cells)} |"


def _opposite(name: str) -> str:
    """Ordain, asked in the same form where that exists."""
    form = PEERS[name].form
    same = [each for each, peer in PEERS.items() if peer.kind == "ordain" and peer.form == form]
    return (
        same[0]
        if same
        else "ordain-columns"
        if form == "frame"
        else "ordain-rows"
        if form != "encoded"
        else BASE
    )


def _rest(found: Mapping[str, Measured]) -> Iterator[str]:
    yield f"| | ready after, s | memory, MB | rows/s at {BULK:,} rows a request | largest difference |"
    yield "|---|---|---|---|---|"
    for name, each in found.items():
        rate = f"{median(each.bulk, 'rate') * BULK:,.0f}" if each.bulk else ""
        facts = f"{each.start_seconds:.2f} | {each.megabytes:.0f} | {rate} | {each.difference:.1e}"
        yield f"| {PEERS[name].label} | {facts} |"
