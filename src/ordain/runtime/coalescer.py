"""Requests of two turns of the event loop become one run of the graph.

A run costs tens of microseconds however few rows it has, and each row little more. While the loop reads the
requests that have arrived, their rows are only collected, so a crowd shares the cost. Reading them takes long
enough for others to arrive: the run waits for the end of the next turn, which reads those too, and for no
more, so that nobody waits for a stream that never ends. To be collected costs a lone request about as much as
a run, so after a gathering of one request the first of the next runs at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from ordain.runtime.admission import Rows
from ordain.runtime.messages import busy
from ordain.runtime.model import Model

Answers = list[list[float]]
SMALL = 64  # rows; a larger job runs alone, in a thread, so that it delays nobody
BATCH = 256  # rows of small jobs in one run
WAITING = 100_000  # rows of large jobs in the pool and waiting for it
WAITING_VALUES = 3_000_000  # the same, of rows with more than thirty columns


class Coalescer:
    """Collects the small jobs of two turns for one model.

    Args:
        model: what scores them.
        large: what scores a large job, in a thread. pool: of one thread.
        observe: told the number of rows of each run.
        waiting: rows of large jobs that may be in the pool and wait for it; a first one is always taken.
    """

    def __init__(
        self,
        model: Model,
        large: Callable[[Rows], Answers],
        pool: ThreadPoolExecutor,
        observe: Callable[[float], None],
        waiting: int = WAITING,
    ) -> None:
        self._model = model
        self._run_large = large
        self._pool = pool
        self._observe = observe
        self._most_waiting = waiting
        self._jobs: list[Rows] = []
        self._waiting: list[asyncio.Future[Answers]] = []
        self._rows = 0
        self._large = 0
        self._seen = 0  # small jobs of this gathering
        self._lone = True  # whether the last gathering had one

    def at_once(self, job: Rows) -> Answers | None:
        """The answers to a lone small job; None when it is to be submitted, because others may come along."""
        if self._seen or not self._lone or job.rows > SMALL:
            return None
        self._seen = 1
        self._loop.call_soon(self._end)
        self._observe(job.rows)
        return self._model.run([job])

    def submit(self, job: Rows) -> asyncio.Future[Answers]:
        """The answers to a job's rows, some time soon.

        Raises:
            Refusal: 503 when too many rows of large jobs wait.
        """
        if job.rows > SMALL:
            return self._alone(job)
        future: asyncio.Future[Answers] = self._loop.create_future()
        if not self._seen:
            self._loop.call_soon(self._look_again)
        self._seen += 1
        self._jobs.append(job)
        self._waiting.append(future)
        self._rows += job.rows
        if self._rows >= BATCH:
            self._flush()
        return future

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        """The process has one loop; to ask for it is a system call each time."""
        return asyncio.get_running_loop()

    def _alone(self, job: Rows) -> asyncio.Future[Answers]:
        """A large job in the pool, unless too many rows wait there already."""
        if self._large and self._large + job.rows > self._most_waiting:
            raise busy("too many large requests are waiting")
        self._large += job.rows
        self._observe(job.rows)
        future = self._loop.run_in_executor(self._pool, self._run_large, job)

        def done(_: asyncio.Future[Answers]) -> None:
            self._large -= job.rows

        future.add_done_callback(done)
        return future

    def _look_again(self) -> None:
        """The next turn first asks for what has arrived; what is scheduled now runs after that."""
        self._loop.call_soon(self._end)

    def _end(self) -> None:
        self._lone = self._seen == 1
        self._seen = 0
        self._flush()

    def _flush(self) -> None:
        """Score what has been collected and hand each request its rows."""
        jobs, waiting = self._jobs, self._waiting
        if not jobs:
            return
        self._jobs, self._waiting = [], []
        self._observe(self._rows)
        self._rows = 0
        try:
            answers = self._model.run(jobs)
        except Exception as error:  # noqa: BLE001 - forwarded to every request that waits for it
            for future in waiting:
                if not future.done():
                    future.set_exception(error)
            return
        start = 0
        for job, future in zip(jobs, waiting, strict=True):
            if not future.done():
                future.set_result(answers[start : start + job.rows])
            start += job.rows
