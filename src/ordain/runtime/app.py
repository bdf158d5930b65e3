"""The ASGI application: routes, the boundary where every failure becomes `{"error": …}`, and limits."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

import msgspec

from ordain.runtime import openapi
from ordain.runtime.describe import model_metadata, server_metadata
from ordain.runtime.messages import (
    ENDED,
    ClientGoneError,
    Limits,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    busy,
    check_room,
    compressed,
    error_response,
    json_response,
    read_request,
)
from ordain.runtime.model import Identity
from ordain.runtime.refusal import Refusal
from ordain.runtime.served import Served
from ordain.runtime.stats import ServerStats

logger = logging.getLogger("ordain.serve")
Handler = Callable[[Request], Awaitable[Response]]


class Route(msgspec.Struct, frozen=True):
    """What answers at one path, by one method.

    Attributes:
        count: counts the status of each answer to a POST.
    """

    method: str
    handler: Handler
    count: Callable[[int], None] = lambda _: None


class App:
    """Raw ASGI: a dictionary of exact paths, because that is all the protocol needs.

    Args:
        models: in the order given; of several versions of one model the last answers unversioned paths.
        limits: what requests may take.
        stats: the process's counts.
        metrics: from an Accept header to a body and its content type.
    """

    def __init__(
        self,
        models: Sequence[Served],
        limits: Limits,
        stats: ServerStats,
        metrics: Callable[[str], Awaitable[tuple[bytes, str]]],
    ) -> None:
        self.draining = False
        self._models = models
        self._limits = limits
        self._stats = stats
        self._metrics = metrics
        self._routes = self._table()

    def _table(self) -> dict[str, Route]:
        versions: dict[str, list[str]] = {}
        for each in self._models:
            versions.setdefault(each.model.identity.name, []).append(each.model.identity.version)
        routes = {
            "/v2": Route("GET", _fixed(json_response(server_metadata()))),
            "/v2/health/live": Route("GET", _fixed(json_response({"live": True}))),
            "/v2/health/ready": Route("GET", self._ready),
            "/metrics": Route("GET", self._scrape),
            openapi.PATH: Route("GET", _fixed(self._document())),
        }
        for served in self._models:
            name, version = served.model.identity.name, served.model.identity.version
            metadata = model_metadata(served.model, versions[name])
            for base in (f"/v2/models/{name}", f"/v2/models/{name}/versions/{version}"):
                routes[base] = Route("GET", _fixed(json_response(metadata)))
                routes[f"{base}/ready"] = Route("GET", partial(self._model_ready, served.model.identity))
                routes[f"{base}/infer"] = Route("POST", served.infer, partial(served.count, "infer"))
            predict = Route("POST", served.predict, partial(served.count, "predict"))
            routes[f"/predict/{name}"] = predict
        routes["/predict"] = predict if len(versions) == 1 else Route("POST", _choosing(versions))
        return routes

    def _document(self) -> Response:
        return json_response(openapi.document([each.model for each in self._models], self._limits))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request; anything else is not served here."""
        if scope["type"] != "http":
            return
        self._stats.in_flight += 1
        try:
            try:
                response = await self._answer(scope, receive)
            except Refusal as refusal:
                response = error_response(refusal)
            except ClientGoneError:
                self._stats.requests[_ended(scope)] += 1
                return
            except Exception:
                # The one place where a bug becomes an answer: without it the client would get no JSON.
                logger.exception("request failed", extra={"path": scope["path"]})
                response = error_response(Refusal(500, "internal error"))
            self._stats.requests[response.status] += 1
            length = str(len(response.body)).encode("ascii")
            headers = [*response.headers, (b"content-length", length)]
            await send({"type": "http.response.start", "status": response.status, "headers": headers})
            await send({"type": "http.response.body", "body": response.body})
        finally:
            self._stats.in_flight -= 1

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        route = self._routes.get(scope["path"])
        if route is None:
            raise Refusal(404, f"there is nothing at this path; see GET {openapi.PATH}")
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if method != route.method:
            allowed = "GET, HEAD" if route.method == "GET" else route.method
            raise Refusal(405, f"this path takes {allowed}", [(b"allow", allowed.encode("ascii"))])
        if method == "GET":
            return await route.handler(Request(dict(scope["headers"]), b""))
        status = 500
        try:
            response = await self._scored(route.handler, scope, receive)
            status = response.status
        except Refusal as refusal:
            status = refusal.status
            raise
        except ClientGoneError:
            status = _ended(scope)
            raise
        finally:
            route.count(status)
        return response

    async def _scored(self, handler: Handler, scope: Scope, receive: Receive) -> Response:
        if self._stats.in_flight > self._limits.in_flight:
            raise busy("the server is busy")
        request = await read_request(scope, receive, self._limits, self._stats)
        size = len(request.body)
        self._stats.body_bytes += size
        try:
            check_room(self._limits, self._stats)
            response = await handler(request)
        finally:
            self._stats.body_bytes -= size
        accepted = request.headers.get(b"accept-encoding")
        return response if accepted is None else await compressed(response, accepted)

    async def _ready(self, _: Request) -> Response:
        # The protocol's own schema calls the key of this answer `live`, its prose `ready`.
        ready = not self.draining
        return json_response({"live": True, "ready": ready}, 200 if ready else 503)

    async def _model_ready(self, identity: Identity, _: Request) -> Response:
        ready = not self.draining
        answer = {"name": identity.name, "version": identity.version, "ready": ready}
        return json_response(answer, 200 if ready else 503)

    async def _scrape(self, request: Request) -> Response:
        accept = request.headers.get(b"accept", b"").decode("latin-1")
        body, content_type = await self._metrics(accept)
        return Response(200, body, [(b"content-type", content_type.encode("ascii"))])


def _ended(scope: Scope) -> int:
    """The status of a request whose connection ended first: by the server, which said why, or its client."""
    return int(scope.get(ENDED, 499))


def _choosing(names: Iterable[str]) -> Handler:
    """A handler that says which models there are to choose from."""
    *others, last = (f"/predict/{name}" for name in names)
    said = f"several models are served; POST to {', '.join(others)} or {last}"

    async def answer(_: Request) -> Response:
        raise Refusal(404, said)

    return answer


def _fixed(response: Response) -> Handler:
    """A handler that always answers the same."""

    async def answer(_: Request) -> Response:
        return response

    return answer
