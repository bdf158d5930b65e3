"""A registry that is busy, lies, sends too much, or points elsewhere; and those that want tokens."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from ordain.adapters.registry import HttpRegistry
from ordain.adapters.registry.session import ATTEMPTS
from ordain.core.artifacts.artifact import Layout, blob_path, build_layout
from ordain.core.artifacts.reference import Repository
from ordain.core.artifacts.referrers import fallback_tag
from ordain.core.artifacts.registry_login import Login
from ordain.core.canonical import bytes_digest
from ordain.errors import RetryLater, UserError

LAYOUT: Layout = build_layout({"model.onnx": b"graph" * 500, "profile.json": b"{}", "signature.json": b"{}"})
SECRET = "a-pass-word-that-nobody-may-print"
LOGIN = Login(user="dana", password=SECRET)


class Said(NamedTuple):
    """An answer of the registry; `drops` is how long each byte of it takes, in seconds."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = {}
    drops: float = 0


class Asked(NamedTuple):
    """A request as the registry saw it."""

    method: str
    path: str
    authorization: str | None
    body: bytes


Script = Callable[[Asked], Said]


@contextmanager
def listening(script: Script) -> Iterator[tuple[str, list[Asked]]]:
    """A server on loopback that answers as told, and what it was asked."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            asked.append(Asked(self.command, self.path, self.headers.get("authorization"), body))
            said = script(asked[-1])
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(said.body)))
            self.end_headers()
            step = 1 if said.drops else len(said.body) or 1
            with suppress(OSError):  # whoever asked has gone
                for start in range(0, len(said.body) if self.command != "HEAD" else 0, step):
                    self.wfile.write(said.body[start : start + step])
                    time.sleep(said.drops)

        do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815 - the names that the library calls

        def log_message(self, *words: Any) -> None:
            """Tests print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def stored(request: Asked) -> Said:
    """The registry that has the artifact and does everything right."""
    for path, data in LAYOUT.blobs.items():
        if path.rpartition("/")[2] in request.path and path.startswith("blobs/"):
            return Said(body=data)
    return Said(404)


def registry(login: Login | None = None, pauses: list[float] | None = None) -> HttpRegistry:
    waited = [] if pauses is None else pauses
    return HttpRegistry(lambda host: login, waited.append)


def place(host: str) -> Repository:
    return Repository(host=host, name="models/churn")


def pull(host: str, login: Login | None = None, pauses: list[float] | None = None) -> Layout:
    return registry(login, pauses).pull(place(host).at(LAYOUT.manifest_digest))


class TestBusy:
    """What is worth another try is tried again, as often and as late as is decent."""

    def test_a_busy_registry_is_asked_again(self) -> None:
        answers = iter([Said(503), Said(429, headers={"retry-after": "7"}), Said(500)])
        pauses: list[float] = []
        with listening(lambda request: next(answers, None) or stored(request)) as (host, _):
            assert pull(host, pauses=pauses) == LAYOUT
        assert pauses[1] == 7
        assert 0 < pauses[0] < pauses[2] < 4

    def test_in_the_end_later_is_better(self) -> None:
        with listening(lambda _: Said(503, headers={"retry-after": "86400"})) as (host, asked):
            pauses: list[float] = []
            with pytest.raises(RetryLater, match="answered 503"):
                pull(host, pauses=pauses)
            assert len(asked) == ATTEMPTS
            assert max(pauses) == 30

    def test_an_upload_that_broke_off_begins_anew(self) -> None:
        begun: list[str] = []

        def script(request: Asked) -> Said:
            if request.method == "POST":
                begun.append(request.path)
                return Said(202, headers={"location": f"/upload/{len(begun)}?state=x"})
            if request.method == "PUT" and request.path.startswith("/upload/1"):
                return Said(502)
            return Said(201) if request.method == "PUT" else Said(404)

        with listening(script) as (host, asked):
            assert registry().push(LAYOUT, place(host), "1")
        assert len(begun) == 3
        done = [each for each in asked if each.method == "PUT"]
        assert all("state=x&digest=sha256%3A" in each.path for each in done[:-1])
        assert done[-1].path == "/v2/models/churn/manifests/1"
        assert done[-1].body == LAYOUT.blobs[blob_path(LAYOUT.manifest_digest)]

    def test_an_answer_in_drops_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ordain.adapters.registry.session.PATIENCE", 0.1)
        monkeypatch.setattr("ordain.adapters.registry.session.SLOWEST", 10**9)
        drops = Said(body=bytes(100), drops=0.02)
        with listening(lambda _: drops) as (host, _), pytest.raises(RetryLater, match="too slowly"):
            pull(host)


class TestLies:
    """Nothing that the registry says is believed."""

    @pytest.mark.parametrize("wrong", sorted(path for path in LAYOUT.blobs if path.startswith("blobs/")))
    def test_other_bytes_are_refused_and_named(self, wrong: str) -> None:
        name = wrong.rpartition("/")[2]

        def script(request: Asked) -> Said:
            said = stored(request)
            return Said(body=said.body[:-1] + b"!") if name in request.path else said

        with (
            listening(script) as (host, _),
            pytest.raises(UserError, match="does not have that digest") as caught,
        ):
            pull(host)
        assert name in caught.value.what
        assert caught.value.reason == "release-invalid"

    def test_an_endless_answer_ends(self) -> None:
        layer = max(LAYOUT.blobs.values(), key=len)

        def script(request: Asked) -> Said:
            return Said(body=layer * 50) if bytes_digest(layer) in request.path else stored(request)

        with listening(script) as (host, _), pytest.raises(UserError, match=f"more than {len(layer)} bytes"):
            pull(host)

    @pytest.mark.parametrize("field", ["layers", "config"])
    def test_a_manifest_that_is_no_artifact(self, field: str) -> None:
        content = json.loads(LAYOUT.blobs[blob_path(LAYOUT.manifest_digest)])
        content[field] = [] if field == "layers" else {}
        data = json.dumps(content).encode()
        with listening(lambda _: Said(body=data)) as (host, _), pytest.raises(UserError) as caught:
            registry().pull(place(host).at(bytes_digest(data)))
        assert caught.value.reason == "hostile-object"

    def test_a_size_that_is_absurd(self) -> None:
        content = json.loads(LAYOUT.blobs[blob_path(LAYOUT.manifest_digest)])
        content["config"]["size"] = -5
        data = json.dumps(content).encode()

        def script(request: Asked) -> Said:
            return Said(body=data) if "manifests" in request.path else stored(request)

        with listening(script) as (host, _), pytest.raises(UserError, match="more than 0 bytes"):
            registry().pull(place(host).at(bytes_digest(data)))

    def test_a_registry_that_rewrites_manifests(self) -> None:
        def script(request: Asked) -> Said:
            if request.method in ("PUT", "POST"):
                headers = {"location": "/u", "docker-content-digest": "sha256:" + "0" * 64}
                return Said(202 if request.method == "POST" else 201, headers=headers)
            return Said(404)

        with listening(script) as (host, _), pytest.raises(UserError, match="stored another manifest"):
            registry().push(LAYOUT, place(host), "1")

    @pytest.mark.parametrize("body", [b"{}", b"\xff", b'{"manifests": [1]}'])
    def test_a_list_of_signatures_that_is_none(self, body: bytes) -> None:
        with (
            listening(lambda _: Said(body=body)) as (host, _),
            pytest.raises(UserError, match="lists something"),
        ):
            registry().attached(place(host).at(LAYOUT.manifest_digest), "x")

    @pytest.mark.parametrize("status", [400, 404, 405, 302])
    def test_an_answer_that_nobody_understands(self, status: int) -> None:
        body = b'{"errors": [{"code": "UNSUPPORTED", "message": "x"}]}'
        with listening(lambda _: Said(status, body)) as (host, _), pytest.raises(UserError) as caught:
            registry()._put(place(host), "1", "x", b"data")
        assert f"answered {status} to PUT: UNSUPPORTED" in caught.value.what


class TestElsewhere:
    """Where a registry points to is shown no login, and no TLS is given up on the way."""

    def test_a_redirect_is_followed_without_the_login(self) -> None:
        with listening(stored) as (storage, seen):

            def script(request: Asked) -> Said:
                if request.authorization is None:
                    return Said(401, headers={"www-authenticate": "Basic"})
                return Said(307, headers={"location": f"http://{storage}{request.path}"})

            with listening(script) as (host, _):
                assert pull(host, LOGIN) == LAYOUT
        assert len(seen) == 3
        assert {each.authorization for each in seen} == {None}

    def test_an_upload_elsewhere_is_not_shown_the_login(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(0)
        with listening(lambda _: Said(201)) as (storage, seen):

            def script(request: Asked) -> Said:
                if request.authorization is None:
                    return Said(401, headers={"www-authenticate": "Basic"})
                if request.method == "POST":
                    return Said(202, headers={"location": f"http://{storage}/up?signature=x"})
                return Said(201 if request.method == "PUT" else 404)

            with listening(script) as (host, _):
                assert registry(LOGIN).push(LAYOUT, place(host), "1")
        assert len(seen) == 2
        assert {each.authorization for each in seen} == {None}
        assert caplog.text == ""  # the address was signed: whoever reads it may write there

    @pytest.mark.parametrize(
        "location", ["http://registry.example.org/x", "ftp://127.0.0.1/x", "file:///etc/passwd"]
    )
    def test_no_way_leads_to_plain_http_or_files(self, location: str) -> None:
        with (
            listening(lambda _: Said(307, headers={"location": location})) as (host, _),
            pytest.raises((UserError, RetryLater)) as caught,
        ):
            pull(host)
        assert "without TLS" in str(caught.value) or "can't be reached" in str(caught.value)

    def test_circles_end(self) -> None:
        with (
            listening(lambda request: Said(302, headers={"location": request.path})) as (host, _),
            pytest.raises(RetryLater, match="can't be reached"),
        ):
            pull(host)


class TestTokens:
    """The token flows of the distribution project."""

    def script(self, tokens: Callable[[Asked], Said]) -> Script:
        def answer(request: Asked) -> Said:
            if request.path.startswith("/token"):
                return tokens(request)
            if request.authorization == "Bearer good":
                return stored(request)
            host = "HOST"
            challenge = (
                f'Bearer realm="http://{host}/token",service="test",scope="repository:models/churn:pull"'
            )
            return Said(401, headers={"www-authenticate": challenge})

        return answer

    def run(self, tokens: Callable[[Asked], Said], login: Login | None) -> list[Asked]:
        place_of: list[str] = []

        def script(request: Asked) -> Said:
            said = self.script(tokens)(request)
            headers = {name: value.replace("HOST", place_of[0]) for name, value in said.headers.items()}
            return said._replace(headers=headers)

        with listening(script) as (host, asked):
            place_of.append(host)
            assert pull(host, login) == LAYOUT
        return [each for each in asked if each.path.startswith("/token")]

    def test_anonymous(self) -> None:
        (asked,) = self.run(lambda _: Said(body=b'{"token": "good", "expires_in": 300}'), None)
        assert asked.authorization is None
        assert parse_qs(urlsplit(asked.path).query) == {
            "service": ["test"], "scope": ["repository:models/churn:pull"],
        }  # fmt: skip

    def test_with_a_password(self) -> None:
        (asked,) = self.run(lambda _: Said(body=b'{"access_token": "good"}'), LOGIN)
        assert asked.authorization == "Basic " + base64.b64encode(f"dana:{SECRET}".encode()).decode()

    def test_with_a_refresh_token(self) -> None:
        (asked,) = self.run(lambda _: Said(body=b'{"access_token": "good"}'), Login(token=SECRET))
        assert asked.method == "POST"
        form = parse_qs(asked.body.decode())
        assert (form["grant_type"], form["refresh_token"]) == (["refresh_token"], [SECRET])
        assert asked.authorization is None

    @pytest.mark.parametrize(
        "answer",
        [Said(200, b"{}"), Said(200, b"\xff"), Said(200, b'{"token": 1}'), Said(200, b'{"token": "a\\nb"}'),
         Said(401, b"{}"), Said(403, b"denied")],
    )  # fmt: skip
    def test_a_token_that_is_none(self, answer: Said) -> None:
        with pytest.raises(UserError) as caught:
            self.run(lambda _: answer, LOGIN)
        assert "docker login" in caught.value.fix
        assert SECRET not in f"{caught.value}"

    @pytest.mark.parametrize("header", ["", "Negotiate", "Basic"])
    def test_a_login_that_cannot_be_had(self, header: str) -> None:
        with (
            listening(lambda _: Said(401, headers={"www-authenticate": header})) as (host, _),
            pytest.raises(UserError, match="does not let us in"),
        ):
            pull(host, Login(token=SECRET))

    def test_a_token_service_without_tls_is_not_shown_the_password(self) -> None:
        challenge = 'Bearer realm="http://auth.example.org/token"'
        with (
            listening(lambda _: Said(401, headers={"www-authenticate": challenge})) as (host, _),
            pytest.raises(UserError, match="without TLS"),
        ):
            pull(host, LOGIN)


def test_a_registry_with_the_referrers_api_needs_no_tag() -> None:
    puts: list[str] = []

    def script(request: Asked) -> Said:
        if "/referrers/" in request.path:
            return Said(body=b'{"schemaVersion": 2, "manifests": []}')
        if request.method == "POST":
            return Said(202, headers={"location": "/up"})
        if request.method == "PUT":
            puts.append(request.path)
            return Said(201, headers={"OCI-Subject": LAYOUT.manifest_digest})
        return Said(404)

    with listening(script) as (host, _):
        assert registry().attach(LAYOUT, place(host), "application/vnd.x", b"y")
    assert not any(fallback_tag(LAYOUT.manifest_digest) in each for each in puts)
