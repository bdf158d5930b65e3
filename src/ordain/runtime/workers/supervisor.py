"""The parent of several servers: starts them, starts anew what has died, sums counts, and ends them all.

It loads no model, opens no request and runs no thread, so that it can be copied (`fork`) at any time: a
worker has its settings from memory, the salt of the log too, and nothing is written down for it. Each
worker verifies and loads the artifacts by itself. The kernel deals connections out among them
(`SO_REUSEPORT`), so none ever passes through here.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import msgspec

from ordain.errors import UserError
from ordain.runtime.listening import reserve
from ordain.runtime.settings import Settings
from ordain.runtime.stats import Tally
from ordain.runtime.workers.wire import BUG, Frames, Others, Refused, Serving, Told, frame, told

TICK = 0.5  # seconds between two looks at the clock
PAUSE, LONGEST = 1.0, 30.0  # seconds before a worker that has died is started again, doubling while it fails
SEND = 1.0  # seconds for an answer to leave
SIGNALS = (signal.SIGTERM, signal.SIGINT)
logger = logging.getLogger("ordain.serve")


class Worker:
    """A process that runs, as its parent sees it."""

    def __init__(self, number: int, pid: int, channel: socket.socket) -> None:
        self.number, self.pid, self.channel = number, pid, channel
        self.frames = Frames()
        self.facts: dict[str, Any] | None = None  # once it serves
        self.refused: Refused | None = None
        self.tally: Tally | None = None


class Supervisor:
    """Keeps a number of workers.

    Args:
        work: what a worker does, from its number and its channel to its exit code.
        count: how many.
        started: told what the workers serve, with their number, once all of them do.
    """

    def __init__(
        self,
        work: Callable[[int, socket.socket], int],
        count: int,
        started: Callable[[dict[str, Any]], None],
    ) -> None:
        self._work, self._count, self._started = work, count, started
        self._workers: dict[int, Worker] = {}
        self._gone: Tally | None = None  # what workers had counted that have ended
        self._due: dict[int, float] = {}  # when to start which one
        self._pauses = dict.fromkeys(range(count), PAUSE)
        self._selector = selectors.DefaultSelector()
        self._all_served = self._stopping = False
        self._failure: UserError | None = None
        self._codes: list[int] = []

    def run(self) -> None:
        """Until a signal has ended them all.

        Raises:
            UserError: a worker could not start when all were started.
            SystemExit: a worker failed while it was ended.
        """
        with self._signals():
            for number in range(self._count):
                self._start(number)
            while self._workers or not self._stopping:
                for key, _ in self._selector.select(TICK):
                    self._hear(key.data)
                for number in [each for each, due in self._due.items() if time.monotonic() >= due]:
                    if not self._stopping:
                        self._start(number)
        if self._failure is not None:
            raise self._failure
        if any(code > 0 for code in self._codes):
            raise SystemExit(BUG)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        before = {each: signal.signal(each, self._pass_on) for each in SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self._stopping = True
        for each in list(self._workers.values()):
            os.kill(each.pid, number)

    def _start(self, number: int) -> None:
        self._due.pop(number, None)
        mine, theirs = socket.socketpair()
        # A signal that came while there are two of this process would be handled by the wrong one.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        pid = os.fork()
        if pid == 0:
            mine.close()
            self._become_worker(number, theirs)
        theirs.close()
        mine.settimeout(SEND)
        worker = self._workers[number] = Worker(number, pid, mine)
        self._selector.register(mine, selectors.EVENT_READ, worker)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def _become_worker(self, number: int, channel: socket.socket) -> None:
        """In the copy, which ends here: nothing that the parent would do at its end may happen twice."""
        code = BUG
        try:
            for each in SIGNALS:
                signal.signal(each, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            os.setpgid(0, 0)  # Ctrl-C is for the parent, which passes it on
            self._selector.close()
            for worker in self._workers.values():
                worker.channel.close()
            code = self._work(number, channel)
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _hear(self, worker: Worker) -> None:
        try:
            data = worker.channel.recv(2**16)
        except ConnectionError:
            data = b""
        if not data:
            self._bury(worker)
        for body in worker.frames.feed(data):
            self._take(worker, told(body))

    def _take(self, worker: Worker, message: Told) -> None:
        if isinstance(message, Refused):
            worker.refused = message
        elif isinstance(message, Serving):
            worker.facts = message.facts
            self._pauses[worker.number] = PAUSE
            if not self._all_served and all(each.facts for each in self._workers.values()):
                self._all_served = True
                self._started({**message.facts, "workers": self._count})
        else:
            worker.tally = message.tally
            if message.asks:
                with contextlib.suppress(OSError):  # it will ask again
                    worker.channel.sendall(frame(self._others(worker)))

    def _others(self, worker: Worker) -> Others:
        tallies = [self._gone, *(each.tally for each in self._workers.values() if each is not worker)]
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        pids = [os.getpid(), *(each.pid for each in self._workers.values())]
        return Others(_sum(tallies), pids, used.ru_utime + used.ru_stime)

    def _bury(self, worker: Worker) -> None:
        """The worker has ended."""
        self._selector.unregister(worker.channel)
        worker.channel.close()
        del self._workers[worker.number]
        code = os.waitstatus_to_exitcode(os.waitpid(worker.pid, 0)[1])
        if worker.tally is not None:
            worker.tally.server.in_flight = worker.tally.server.body_bytes = 0
            self._gone = _sum([self._gone, worker.tally])
        if self._stopping:
            self._codes.append(code)
        elif not self._all_served:
            self._failure = _failure(worker, code)
            self._pass_on(signal.SIGTERM, None)
        else:
            self._mourn(worker, code)

    def _mourn(self, worker: Worker, code: int) -> None:
        """Nobody had asked it to end: start another one."""
        pause = self._pauses[worker.number]
        reason = worker.refused.what if worker.refused else f"exit code {code}"
        logger.error("a worker has ended", extra={"pid": worker.pid, "reason": reason, "again_in": pause})
        if self._gone is not None:
            self._gone.server.workers_ended += 1
        self._due[worker.number] = time.monotonic() + pause
        self._pauses[worker.number] = min(LONGEST, 2 * pause)


def _failure(worker: Worker, code: int) -> UserError:
    if worker.refused is not None:
        said = worker.refused
        return UserError(said.what, where=said.where, fix=said.fix, reason=said.reason)
    return UserError(
        f"a worker has ended before it served (exit code {code})",
        fix="read what it logged, or try one worker",
    )


def _sum(tallies: list[Tally | None]) -> Tally | None:
    """All together, in a tally of its own; None of none."""
    there = [each for each in tallies if each is not None]
    if not there:
        return None
    total = Tally.of(len(there[0].models))
    for each in there:
        total.add(each)
    return total


def supervise(settings: Settings, workers: int, started: Callable[[dict[str, Any]], None]) -> None:
    """Serve with several processes.

    Args:
        settings: of each. workers: how many.
        started: told names, host, port and the number of workers once all of them take requests.

    Raises:
        UserError: as `runtime.server.serve`.
        SystemExit: a worker failed while it was ended.
    """
    with reserve(settings.host, settings.port) as kept:
        port = kept.getsockname()[1]

        def work(number: int, channel: socket.socket) -> int:
            # Only in the copy: NumPy and the rest start threads, and what is copied may not have any.
            from ordain.runtime.workers import worker

            kept.close()
            own = msgspec.structs.replace(settings, port=port, writer=f"{os.getppid()}.{number}")
            return worker.work(own, channel)

        Supervisor(work, workers, started).run()
