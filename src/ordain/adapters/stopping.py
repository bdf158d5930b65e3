"""Being asked to stop: SIGTERM, or Ctrl-C, while something long is under way."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType, TracebackType
from typing import Any, Self

_ASKED = (signal.SIGTERM, signal.SIGINT)


# Signals and their handlers are the process's own, and so is this: how many are listening.
_listening: list[Stopping] = []


def listening() -> bool:
    """Whether a signal only asks to stop.

    Then a child is to be started in a session of its own: Ctrl-C goes to the terminal's whole group, and
    whatever ends in the middle takes down the work that was to be finished first.
    """
    return bool(_listening)


class Stopping:
    """Notes the first signal that asks to stop; a second one acts as if nobody listened.

    A pipe and no lock: a handler may run while the same thread holds one.
    """

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._before: dict[signal.Signals, Any] = {each: signal.signal(each, self._asked) for each in _ASKED}
        _listening.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        _listening.remove(self)
        self._restore()
        os.close(self._read)
        os.close(self._write)

    def within(self, seconds: float) -> bool:
        """Wait so long; True as soon as somebody has asked to stop, also before."""
        return bool(select.select([self._read], [], [], seconds)[0])

    def _asked(self, _number: int, _frame: FrameType | None) -> None:
        os.write(self._write, b".")
        self._restore()

    def _restore(self) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)
