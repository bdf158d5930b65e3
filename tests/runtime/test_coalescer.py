"""Which requests share a run of the graph, and that none waits for more than two turns of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest

from ordain.runtime.admission import Packed, Rows
from ordain.runtime.coalescer import BATCH, Answers, Coalescer
from ordain.runtime.model import Model

Way = Callable[[Coalescer], Awaitable[None]]


class Counted:
    """Answers each row with the size of the run that it was in."""

    def run(self, jobs: Sequence[Rows]) -> Answers:
        rows = sum(each.rows for each in jobs)
        return [[float(rows)]] * rows


def _job(rows: int = 1) -> Packed:
    return Packed(rows, (), ())


def _large(job: Rows) -> Answers:
    return [[-1.0]] * job.rows


def _runs(way: Way) -> list[float]:
    """The sizes of the runs that a way of asking leads to."""
    seen: list[float] = []
    with ThreadPoolExecutor(1) as pool:

        async def go() -> None:
            await way(Coalescer(cast(Model, Counted()), _large, pool, seen.append))

        asyncio.run(go())
    return seen


async def _crowd(asked: Coalescer) -> None:
    """After two at once the next ones are collected."""
    assert asked.at_once(_job()) is not None
    assert asked.at_once(_job()) is None
    assert await asked.submit(_job()) == [[1.0]]


def test_a_lone_request_runs_at_once() -> None:
    async def way(asked: Coalescer) -> None:
        for _ in range(3):
            assert asked.at_once(_job()) == [[1.0]]
            await asyncio.sleep(0)

    assert _runs(way) == [1, 1, 1]


def test_those_of_two_turns_share_a_run() -> None:
    async def way(asked: Coalescer) -> None:
        await _crowd(asked)
        first = asked.submit(_job())
        await asyncio.sleep(0)
        second = asked.submit(_job(2))
        assert await first == [[3.0]]
        assert await second == [[3.0]] * 2

    assert _runs(way) == [1, 1, 3]


def test_nobody_waits_for_a_stream_that_never_ends() -> None:
    async def way(asked: Coalescer) -> None:
        await _crowd(asked)
        waiting = []
        for _ in range(6):
            waiting.append(asked.submit(_job()))
            await asyncio.sleep(0)
        assert [each.result() for each in waiting[:4]] == [[[2.0]]] * 4
        await asyncio.gather(*waiting)

    assert _runs(way)[:4] == [1, 1, 2, 2]


def test_a_full_run_waits_for_nobody() -> None:
    async def way(asked: Coalescer) -> None:
        await _crowd(asked)
        waiting = [asked.submit(_job(64)) for _ in range(BATCH // 64)]
        assert all(each.done() for each in waiting)

    assert _runs(way) == [1, 1, BATCH]


def test_what_goes_wrong_is_told_to_everybody_who_waits() -> None:
    async def way(asked: Coalescer) -> None:
        await _crowd(asked)
        asked._model = cast(Model, None)
        waiting = [asked.submit(_job()), asked.submit(_job())]
        for each in waiting:
            with pytest.raises(AttributeError):
                await each

    assert _runs(way) == [1, 1, 2]
