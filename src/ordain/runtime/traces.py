"""OpenTelemetry traces: one span a scoring request, below the caller's own (W3C `traceparent`).

A request costs two looks at the clock and a place in a queue; spans are made by a thread, from what was
noted, and sent by OpenTelemetry's own exporter, which its own variables (`OTEL_…`) configure. When more is
noted than the thread takes, or the collector is away, spans are dropped and counted; serving does not wait.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec

from ordain._version import __version__
from ordain.errors import UserError
from ordain.runtime.messages import Request, Response
from ordain.runtime.model import Identity
from ordain.runtime.refusal import Refusal
from ordain.runtime.stats import ServerStats

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

CAPACITY = 2048  # spans that may wait for the thread
PAUSE = 0.1  # seconds between two looks at what waits
LAST = 2.0  # seconds for the last spans at the end
_NUMBERS = tuple(
    f"OTEL_BSP_{name}"
    for name in ("SCHEDULE_DELAY", "MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE", "EXPORT_TIMEOUT")
)
_HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")
# As OpenTelemetry reads them: a name of a header, and printable ASCII but quotes, semicolons and backslashes.
_HEADER = re.compile(r"[!#-'*+\-.0-9A-Z^-z|~]+[ \t]*=[ !#-+\--:<-\[\]-~]*")
_FIX = "correct the variable, or leave it out"
Handler = Callable[[Request], Awaitable[Response]]


class Noted(msgspec.Struct, frozen=True):
    """One request, as it is noted on the event loop.

    Attributes:
        start, end: nanoseconds since 1970.
        caller: the `traceparent` and `tracestate` of the request, as they came.
    """

    start: int
    end: int
    status: int
    caller: tuple[bytes | None, bytes | None]
    name: str
    attributes: dict[str, str]


class Traces:
    """Notes requests, and sends spans of them.

    Args:
        stats: where dropped ones are counted.

    Raises:
        UserError: without OpenTelemetry's packages, or with variables that it cannot read.
    """

    def __init__(self, stats: ServerStats) -> None:
        self._provider = _provider()
        self._stats = stats
        self._noted: deque[Noted] = deque()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def around(self, handler: Handler, endpoint: str, identity: Identity) -> Handler:
        """The handler of one endpoint, with a note of each of its requests."""
        name = f"POST {endpoint} {identity.name}"
        attributes = {
            "http.request.method": "POST",
            "ordain.model": identity.name,
            "ordain.version": identity.version,
            "ordain.release": identity.release,
            "ordain.intent": identity.intent,
        }

        async def traced(request: Request) -> Response:
            start, status = time.time_ns(), 500
            try:
                response = await handler(request)
                status = response.status
            except Refusal as refusal:
                status = refusal.status
                raise
            finally:
                headers = request.headers
                caller = headers.get(b"traceparent"), headers.get(b"tracestate")
                self._note(Noted(start, time.time_ns(), status, caller, name, attributes))
            return response

        return traced

    def _note(self, noted: Noted) -> None:
        if len(self._noted) < CAPACITY:
            self._noted.append(noted)
        else:
            self._stats.traces_dropped += 1

    def _run(self) -> None:
        """In the thread: spans of what was noted, until the end."""
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        propagator, tracer = TraceContextTextMapPropagator(), self._provider.get_tracer("ordain", __version__)
        ends = False
        while not ends:
            ends = self._ends.wait(PAUSE)
            while self._noted:
                noted = self._noted.popleft()
                _send(tracer, propagator.extract(_carrier(noted)), noted)
        self._provider.shutdown()

    def close(self) -> None:
        """Send what waits, unless the collector is away."""
        self._ends.set()
        self._thread.join(LAST)


def _carrier(noted: Noted) -> dict[str, str]:
    names = ("traceparent", "tracestate")
    return {
        name: value.decode("latin-1")
        for name, value in zip(names, noted.caller, strict=True)
        if value is not None
    }


def _send(tracer: Any, context: Any, noted: Noted) -> None:
    from opentelemetry.trace import SpanKind, Status, StatusCode

    span = tracer.start_span(
        noted.name, context, SpanKind.SERVER, attributes=noted.attributes, start_time=noted.start
    )
    span.set_attribute("http.response.status_code", noted.status)
    if noted.status >= 500:  # what a client did wrong is no error of the server's, say the conventions
        span.set_status(Status(StatusCode.ERROR))
    span.end(noted.end)


def _provider() -> TracerProvider:
    """A provider with the resource and the exporter that the environment describes."""
    _check_numbers()
    _check_headers()
    try:
        return _configured()
    except ImportError as error:
        raise UserError(
            "traces need OpenTelemetry's packages",
            where=str(error.name),
            fix="install Ordain with its extra `traces`, or leave --traces out",
        ) from error
    except ValueError as error:
        raise UserError(
            f"OpenTelemetry says: {error}", where="OTEL_… in the environment", fix=_FIX
        ) from error


def _configured() -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    own = Resource({"service.name": "ordain", "service.version": __version__})
    provider = TracerProvider(resource=own.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _check_numbers() -> None:
    """Of these OpenTelemetry logs a traceback, and goes on with its own default."""
    for name in _NUMBERS:
        value = os.environ.get(name)
        if value and not value.strip().isdecimal():
            raise UserError("this variable must be a whole number", where=name, fix=_FIX)


def _check_headers() -> None:
    """What is no header would be logged as it stands, and is a secret as often as not."""
    for name in _HEADERS:
        for part in filter(None, map(str.strip, os.environ.get(name, "").split(","))):
            plain = unquote(part)
            if not (_HEADER.fullmatch(part) and plain.isascii() and plain.isprintable()):
                raise UserError(
                    "this variable must be NAME=VALUE, more of them with commas between",
                    where=name,
                    fix="encode all but letters and digits as in a URL (%20), or leave the variable out",
                )
