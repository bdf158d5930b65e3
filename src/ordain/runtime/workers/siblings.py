"""The other workers, seen from one of them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from ordain.runtime.messages import busy
from ordain.runtime.stats import Tally
from ordain.runtime.workers.wire import LENGTH, Counts, Others, frame, others

PUSH = 1.0  # seconds between two reports; a worker that is killed takes what it counted since the last along
PATIENCE = 2.0  # seconds for the parent's answer


class Siblings:
    """All that a worker knows about the others; it comes from their parent.

    Args:
        channel: to the parent.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._asking = asyncio.Lock()
        self._answer: asyncio.Future[Others] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, tally: Tally, end: Callable[[], None]) -> None:
        """Begin to report.

        Args:
            tally: what is counted here, while it is being counted.
            end: called when there is no parent any more.
        """
        self._tally = tally
        reader, self._writer = await asyncio.open_unix_connection(sock=self._channel)
        self._tasks = [asyncio.create_task(self._listen(reader, end)), asyncio.create_task(self._report())]

    async def others(self) -> Others:
        """What the others have counted.

        Raises:
            Refusal: 503 when the parent does not answer, because a sum without them would be wrong.
        """
        async with self._asking:
            self._answer = asyncio.get_running_loop().create_future()
            self._writer.write(frame(Counts(self._tally, asks=True)))
            try:
                return await asyncio.wait_for(self._answer, PATIENCE)
            except TimeoutError:
                raise busy("the other workers' counts are not there") from None

    async def _listen(self, reader: asyncio.StreamReader, end: Callable[[], None]) -> None:
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(LENGTH), "big")
                answer = others(await reader.readexactly(length))
                if self._answer is not None and not self._answer.done():
                    self._answer.set_result(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            end()

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(PUSH)
            if not self._writer.transport.get_write_buffer_size():
                self._writer.write(frame(Counts(self._tally)))

    def close(self) -> None:
        """Report a last time."""
        for each in self._tasks:
            each.cancel()
        self._writer.write(frame(Counts(self._tally)))
