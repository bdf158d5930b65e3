"""A process and its children, as /proc tells: what they use, and how to put them to sleep."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and all its descendants; some servers give their workers a session of their own."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(folder.name))
    found = [pid]
    for each in found:  # grows while it is read
        found += children.get(each, ())
    return found


def tell(pids: list[int], number: signal.Signals) -> None:
    """Signal each that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def processor_seconds(pids: list[int]) -> float:
    """User and system time of all of them so far."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def megabytes(pids: list[int]) -> float:
    """Proportional memory of all of them."""
    total = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(text.split("\nPss:")[1].split()[0])
    return total / 1024


@contextlib.contextmanager
def ahead(nice: int, pids: list[int]) -> Iterator[None]:
    """Go before other users of a shared machine for a while, and let them have as long afterwards.

    Args:
        nice: of the sessions of these processes and of this one, which is what the kernel shares a processor
            among; 0 changes nothing.
        pids: some servers give their workers sessions of their own.
    """
    started = time.monotonic()
    if nice:
        _set_nice(nice, pids)
    try:
        yield
    finally:
        if nice:
            _set_nice(0, pids)
            time.sleep(time.monotonic() - started)


def _set_nice(nice: int, pids: list[int]) -> None:
    for pid in [os.getpid(), *pids]:
        with contextlib.suppress(OSError):  # it ended meanwhile
            Path(f"/proc/{pid}/autogroup").write_text(str(nice))
