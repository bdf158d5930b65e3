"""Bodies that grow: what they may take, and that the event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.runtime import messages
from ordain.runtime.messages import AT_ONCE, STEP, Limits, Request, Response, compressed, read_request
from ordain.runtime.refusal import Refusal
from ordain.runtime.stats import ServerStats

LIMITS = Limits(body=4 * STEP, bodies=6 * STEP)


class Watched(ServerStats):
    """Counts, and the most that was held at once."""

    most: int = 0

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "body_bytes":
            super().__setattr__("most", max(self.most, value))


def read(
    parts: list[bytes], stats: ServerStats, encoding: bytes = b"gzip", limits: Limits = LIMITS
) -> Request:
    """A body that arrives in these parts."""

    async def run() -> Request:
        coming = iter(parts)
        left = len(parts)

        async def receive() -> dict[str, Any]:
            nonlocal left
            left -= 1
            return {"type": "http.request", "body": next(coming), "more_body": left > 0}

        scope = {"headers": [(b"transfer-encoding", b"chunked"), (b"content-encoding", encoding)]}
        return await read_request(scope, receive, limits, stats)

    return asyncio.run(run())


@pytest.mark.parametrize("size", [0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, AT_ONCE + STEP, 4 * STEP])
def test_what_is_within_the_limit_comes_whole(size: int) -> None:
    stats = Watched()
    for plain in (bytes(size), os.urandom(size)[: 2 * STEP]):
        assert read([gzip.compress(plain, 1)], stats).body == plain
    assert stats.body_bytes == 0


def test_a_bomb_is_stopped_at_the_limit_and_counted_meanwhile() -> None:
    bomb, stats = gzip.compress(bytes(64 * STEP), 1), Watched()
    with pytest.raises(Refusal) as caught:
        read([bomb[:1000], bomb[1000:]], stats)
    assert caught.value.status == 413
    assert LIMITS.body < stats.most <= LIMITS.body + STEP + len(bomb)
    assert stats.body_bytes == 0


def test_bombs_together_are_bounded() -> None:
    stats = Watched()
    stats.body_bytes = 5 * STEP  # what other requests hold
    with pytest.raises(Refusal) as caught:
        read([gzip.compress(bytes(3 * STEP))], stats)
    assert (caught.value.status, stats.body_bytes) == (503, 5 * STEP)


def test_the_loop_goes_on_while_much_is_compressed_or_decompressed(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of events: what was ready before is done before, though the other began first."""
    events: list[str] = []

    async def run() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": gzip.compress(bytes(3 * STEP)), "more_body": False}

        async def large() -> None:
            scope = {"headers": [(b"content-length", b"1"), (b"content-encoding", b"gzip")]}
            request = await read_request(scope, receive, LIMITS, ServerStats())
            events.append("read")
            await compressed(Response(200, request.body, []), b"gzip")
            events.append("answered")

        async def probe() -> None:
            events.append("probe")
            while "read" not in events:
                await asyncio.sleep(0)
            events.append("probe again")

        await asyncio.gather(large(), probe())

    asyncio.run(run())
    assert events == ["probe", "read", "probe again", "answered"]


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"gzip", b"deflate", b"br", b"", b"gzip, gzip"]),
    st.integers(1, 5),
)
def test_no_bytes_make_it_crash(data: bytes, encoding: bytes, count: int) -> None:
    stats = ServerStats()
    step = max(1, len(data) // count)
    parts = [data[start : start + step] for start in range(0, len(data), step)] or [b""]
    try:
        read(parts, stats, encoding)
    except Refusal as refusal:
        assert refusal.status in {400, 415}  # noqa: PT017 - either outcome is right, a crash is not
    assert stats.body_bytes == 0


def test_small_answers_stay_on_the_loop() -> None:
    body = json.dumps(["text"] * 1000).encode()

    async def run() -> Response:
        return await compressed(Response(200, body, []), b"gzip")

    assert messages.GZIP_FROM < len(body) < AT_ONCE
    assert gzip.decompress(asyncio.run(run()).body) == body
