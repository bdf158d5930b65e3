"""Python's and the C library's memory, set for a process that lives long and answers much."""

from __future__ import annotations

import ctypes
import gc

# glibc's <malloc.h>.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT = 16 * 2**20  # bytes at the end of an arena that are kept when they are free
MAPPED_FROM = 8 * 2**20  # bytes; what is larger comes from the system, and goes back there at once


def settle_memory() -> None:
    """Call once all is loaded."""
    _tame_garbage_collector()
    _keep_freed_memory()


def _tame_garbage_collector() -> None:
    """What was loaded lives as long as the process, so no collection needs to look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _keep_freed_memory() -> None:
    """Let what one large request has freed serve the next one.

    By default glibc gives the end of an arena back from 128 KiB on, and a request of a thousand rows frees a
    few times as much: depending on where things happen to lie, the kernel then clears hundreds of pages anew
    for each request. Other C libraries know no such setting, and are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, KEPT)
        mallopt(M_MMAP_THRESHOLD, MAPPED_FROM)
