"""Several processors for one question: copies of this process, each of which answers a part of it."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import IO


def processors() -> int:
    """How many copies can work at once; one where this process can't be copied safely."""
    if not hasattr(os, "sched_getaffinity") or threading.active_count() > 1:
        return 1
    return len(os.sched_getaffinity(0))


def spread(work: Callable[[int], bytes], parts: int) -> list[bytes]:
    """The answers of `work(0)` to `work(parts - 1)`, in their order.

    The last part is done here, each other one in a copy that sees all that was read so far and can change
    nothing here. What a copy could not answer is asked again here, so every error is raised here too.
    """
    if not parts:
        return []
    with ExitStack() as stack:
        places = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(parts - 1)]
        copies = [_copy(work, part, place) for part, place in enumerate(places)]
        last = work(parts - 1)
        answers = [_answer(*each) for each in zip(copies, places, strict=True)]
    return [*(work(part) if each is None else each for part, each in enumerate(answers)), last]


def _copy(work: Callable[[int], bytes], part: int, place: IO[bytes]) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            place.write(work(part))
            place.flush()
            code = 0
        finally:
            os._exit(code)  # nothing that this process registered for its end may run twice
    return child


def _answer(child: int, place: IO[bytes]) -> bytes | None:
    _, status = os.waitpid(child, 0)
    place.seek(0)
    return place.read() if os.waitstatus_to_exitcode(status) == 0 else None
