"""What a reconciler that stays tells Prometheus and a kubelet: its rounds as metrics, `/livez` and `/readyz`.

Names, numbers and nothing of what was decided: whoever reaches the port learns how the rounds end.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Literal, Self

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ordain.adapters.bounded_server import BoundedHandler, BoundedServer

Ended = Literal["good", "failed", "busy"]
BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)


class RoundMetrics:
    """Counts rounds; times are in seconds.

    Attributes:
        ready: whether the newest round was a good one.
    """

    def __init__(self) -> None:
        self.registry, self.ready = CollectorRegistry(), False
        self._good: float | None = None
        self._rounds = Counter(
            "ordain_reconcile_rounds", "Rounds by how they ended.", ["outcome"], registry=self.registry
        )
        for each in ("good", "failed", "busy"):
            self._rounds.labels(each)
        self._decisions = Counter(
            "ordain_reconcile_decisions", "Decisions that were recorded.", ["verdict"], registry=self.registry
        )
        for each in ("applied", "refused"):
            self._decisions.labels(each)
        self._took = Histogram(
            "ordain_reconcile_round_duration_seconds", "How long a round took.",
            buckets=BUCKETS, registry=self.registry,
        )  # fmt: skip
        since = Gauge(
            "ordain_reconcile_seconds_since_good_round", "NaN before the first.", registry=self.registry
        )
        since.set_function(self._since)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Take the time of a round, however it ends."""
        with self._took.time():
            yield

    def ended(self, outcome: Ended, applied: int = 0, refused: int = 0) -> None:
        """Note how a round ended.

        Args:
            applied, refused: how many decisions it recorded of either kind.
        """
        self.ready = outcome == "good"
        if self.ready:
            self._good = time.monotonic()
        self._rounds.labels(outcome).inc()
        self._decisions.labels("applied").inc(applied)
        self._decisions.labels("refused").inc(refused)

    def _since(self) -> float:
        return math.nan if self._good is None else time.monotonic() - self._good


class MetricsServer(BoundedServer):
    """Answers `/metrics`, `/livez` and `/readyz` in threads of its own, from `with` to its end.

    Args:
        address: host and port; port 0 takes any that is free.

    Raises:
        UserError: when the address can't be had.
    """

    def __init__(self, address: tuple[str, int], metrics: RoundMetrics) -> None:
        self.metrics = metrics
        super().__init__(address, _Handler, "--metrics-port")

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BoundedHandler):
    """One request on one connection."""

    server: MetricsServer

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        """Metrics, or how the reconciler is."""
        metrics = self.server.metrics
        if self.path == "/metrics":
            self.say(HTTPStatus.OK, generate_latest(metrics.registry), CONTENT_TYPE_LATEST)
        elif self.path == "/livez":
            self.say(HTTPStatus.OK, b"alive\n")
        elif self.path == "/readyz" and metrics.ready:
            self.say(HTTPStatus.OK, b"the newest round was good\n")
        elif self.path == "/readyz":
            self.say(HTTPStatus.SERVICE_UNAVAILABLE, b"no round yet, or the newest was not good\n")
        else:
            self.say(HTTPStatus.NOT_FOUND, b"")
