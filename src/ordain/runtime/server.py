"""From artifacts to a listening process, and back down without dropping a request."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, NamedTuple

import uvicorn

from ordain.errors import UserError
from ordain.runtime.app import App
from ordain.runtime.artifact import Verified, open_artifact
from ordain.runtime.batch.leafmasks import LeafMasks, leaf_masks
from ordain.runtime.guard import GuardedProtocol, sweep_forever
from ordain.runtime.listening import listen
from ordain.runtime.memory import settle_memory
from ordain.runtime.metrics import Counted, Scrape
from ordain.runtime.model import Identity, Model
from ordain.runtime.predictionlog import PredictionLog
from ordain.runtime.served import Served, Services
from ordain.runtime.settings import Settings, Source
from ordain.runtime.sinks import open_sink
from ordain.runtime.stats import LogStats, ServerStats, Tally
from ordain.runtime.traces import Traces
from ordain.runtime.workers.siblings import Siblings

logger = logging.getLogger("ordain.serve")
DRAIN_LIMIT = 20  # seconds for begun requests; a pod is killed after 30, of which 5 go before SIGTERM
LARGE_THREADS = 1
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")


def identity_of(source: Source, verified: Verified) -> Identity:
    """Names and version of what is served.

    Raises:
        UserError: when the name is none, or the release is of another model than it says.
    """
    name = source.name or verified.signature.model
    if not NAME.fullmatch(name):
        raise UserError(
            "the model's name does not fit into a path",
            where=ascii(name)[1:-1][:80],
            fix="take letters, digits, `-`, `_` and `.`, a letter or digit first and last",
        )
    of, _, number = source.release.rpartition("@")
    if source.release and (of != name or not number.isdigit()):
        raise UserError(
            f"release `{source.release}` is not a release of `{name}`",
            where="ORDAIN_RELEASE",
            fix=f"give it as {name}@<number>",
        )
    return Identity(
        name=name,
        version=number or verified.digest.removeprefix("sha256:")[:12],
        artifact=verified.digest,
        intent=source.intent,
        release=source.release,
        environment=source.environment,
    )


class Loaded(NamedTuple):
    """An artifact that is ready to be asked: a row at a time, and many."""

    model: Model
    masks: LeafMasks | None


def load(source: Source, threads: int) -> Loaded:
    """Verify an artifact, then make its session."""
    verified = open_artifact(source.path, source.digest)
    return Loaded(Model(identity_of(source, verified), verified, threads), leaf_masks(verified))


class Beside(NamedTuple):
    """What runs beside requests."""

    log: PredictionLog | None
    siblings: Siblings | None
    tally: Tally


class Server(uvicorn.Server):
    """uvicorn, plus: unready before it stops, a clean exit code, and the log's last lines."""

    def __init__(self, config: uvicorn.Config, app: App, drain: float, beside: Beside) -> None:
        super().__init__(config)
        self._app = app
        self._drain = drain
        self._beside = beside
        self._sweeper: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and start what runs beside requests."""
        log, siblings, tally = self._beside
        if log is not None:
            log.start()
        if siblings is not None:
            await siblings.start(tally, lambda: self.handle_exit(signal.SIGTERM, None))
        unread = GuardedProtocol.limits.unread
        self._sweeper = asyncio.create_task(sweep_forever(self.server_state.connections, unread))
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what has been asked, then write what has been logged."""
        await super().shutdown(sockets)
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._beside.log is not None:
            self._beside.log.close()
        if self._beside.siblings is not None:
            self._beside.siblings.close()
        logger.info("stopped")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: unready at once, stop after the drain. A second signal, or Ctrl-C: stop now.

        The signal is not raised again afterwards, so a drained server exits with 0.
        """
        first = not self._app.draining
        self._app.draining = True
        if sig == signal.SIGTERM and first and self._drain > 0:
            logger.info("draining", extra={"seconds": self._drain})
            self._stop_at = time.monotonic() + self._drain
            return
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop: uvicorn asks ten times a second."""
        if self._app.draining and time.monotonic() >= getattr(self, "_stop_at", float("inf")):
            self.should_exit = True
        return await super().on_tick(counter)


def serve(
    settings: Settings, started: Callable[[dict[str, Any]], None], siblings: Siblings | None = None
) -> None:
    """Verify, load, listen; returns when a signal has ended it.

    Args:
        settings: what and how.
        started: told names, host and port once requests are taken.
        siblings: other processes that serve the same at the same address.

    Raises:
        UserError: an artifact that is refused, two of one version, or an address that is taken.
    """
    loaded = [load(source, settings.threads) for source in settings.sources]
    models = [each.model for each in loaded]
    _check_distinct(models)
    stats, log_stats = ServerStats(), LogStats()
    sink = open_sink(settings.log, settings.rotation, settings.writer) if settings.log else None
    log = PredictionLog(sink, log_stats) if sink else None
    pool = ThreadPoolExecutor(LARGE_THREADS, "large")
    traces = Traces(stats) if settings.traces else None
    services = Services(pool, log, settings.salt.encode("utf-8"), settings.limits, traces)
    served = [Served(model, settings.policy, services, masks) for model, masks in loaded]
    tally = Tally([each.stats for each in served], stats, log_stats)
    counted = Counted([each.identity for each in models], tally)
    app = App(served, settings.limits, stats, Scrape(counted, siblings))
    listener = listen(settings.host, settings.port, shared=siblings is not None)
    GuardedProtocol.limits, GuardedProtocol.stats = settings.limits, stats
    server = Server(_config(app, settings), app, settings.drain, Beside(log, siblings, tally))
    settle_memory()
    host, port = listener.getsockname()[:2]
    named = [f"{each.identity.name}/{each.identity.version}" for each in models]
    started({"models": named, "host": host, "port": port})
    logger.info("serving", extra={"models": named, "host": host, "port": port, "pid": os.getpid()})
    server.run([listener])
    pool.shutdown()
    if traces is not None:
        traces.close()


def _config(app: App, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=GuardedProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing here asks who the client is
        timeout_keep_alive=int(settings.limits.idle_seconds),
        timeout_graceful_shutdown=DRAIN_LIMIT,
    )


def _check_distinct(models: Sequence[Model]) -> None:
    seen: set[tuple[str, str]] = set()
    for model in models:
        key = (model.identity.name, model.identity.version)
        if key in seen:
            raise UserError(
                f"two artifacts are model `{key[0]}`, version {key[1]}",
                fix="give them different names with --name",
            )
        seen.add(key)
