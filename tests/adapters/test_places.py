"""Files at URLs: whole or not there, told apart by their version, and named without secrets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.adapters.places import Place, place_of
from ordain.errors import RetryLater, UserError


@pytest.fixture(params=["path", "file", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "memory":
        memory = fsspec.filesystem("memory")
        if memory.exists("/lake"):
            memory.rm("/lake", recursive=True)
        return place_of("memory://lake/deep/a.csv", tmp_path)
    return place_of(f"file://{tmp_path}/deep/a.csv" if request.param == "file" else "deep/a.csv", tmp_path)


class Web(BaseHTTPRequestHandler):
    """Serves bytes under any path, with the headers that it is told."""

    status = 200
    body: bytes = b""
    more: tuple[tuple[str, str], ...] = ()

    def do_GET(self) -> None:
        self.send_response(self.status)
        for name, value in (("Content-Length", str(len(self.body))), *self.more):
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(self.body)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def web() -> Iterator[tuple[type[Web], str]]:
    handler = type("Handler", (Web,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_new_file_of_the_same_size_is_another_version(web: tuple[type[Web], str]) -> None:
    """Many web servers tell versions apart by their time alone."""
    handler, address = web
    place = place_of(f"{address}/day.jsonl", Path())
    handler.body, handler.more = b"1\n", (("Last-Modified", "Sat, 28 Nov 2026 01:00:00 GMT"),)
    first = place.fingerprint()
    assert place.fingerprint() == first
    handler.more = (("Last-Modified", "Sun, 29 Nov 2026 01:00:00 GMT"),)
    assert place.fingerprint() != first


def test_where_nothing_but_the_size_is_told_no_two_versions_are_the_same(web: tuple[type[Web], str]) -> None:
    handler, address = web
    handler.body = b"1\n"
    place = place_of(f"{address}/day.jsonl", Path())
    assert place.fingerprint() != place.fingerprint()


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (404, UserError, "there is nothing here"),
        (403, UserError, "403"),
        (503, RetryLater, "did not answer: 503"),
        (429, RetryLater, "did not answer: 429"),
    ],
)
def test_what_a_web_server_says_is_told_apart(
    web: tuple[type[Web], str], status: int, error: type[Exception], said: str
) -> None:
    handler, address = web
    handler.status = status
    place = place_of(f"{address}/day.jsonl?token=hunter2", Path())
    for ask in (place.fingerprint, place.text, place.open, place.size):
        with pytest.raises(error, match=said) as caught:
            ask()
        assert "hunter2" not in str(caught.value)


def test_another_store_that_has_no_such_file_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drivers of object stores name a cause that is their own."""
    place = place_of("memory://lake/absent.csv", Path())

    def absent(*_: object, **__: object) -> None:
        raise FileNotFoundError("absent.csv") from KeyError("NoSuchKey")

    monkeypatch.setattr(place.files, "info", absent)
    with pytest.raises(UserError, match="there is nothing here"):
        place.size()


def test_a_web_server_is_not_written_to(web: tuple[type[Web], str]) -> None:
    with pytest.raises(UserError, match="can only be read"):
        place_of(f"{web[1]}/out.csv", Path()).write(b"")


def write_half(place: Place) -> None:
    with place.writing() as stream:
        stream.write(b"half")
        raise KeyError


def test_what_is_written_is_read(place: Place) -> None:
    assert not place.exists()
    assert place.beside("").names() == []
    place.write(b"one\n")
    assert (place.exists(), place.read(4), place.size(), place.name) == (True, b"one\n", 4, "a.csv")
    with place.open() as stream:
        assert stream.read() == b"one\n"
    with place.text() as stream:
        assert stream.read() == b"one\n"
    place.beside("b").below("c").write(b"two")
    assert place.beside("").names() == ["a.csv", "b"]
    place.beside("b").remove()
    place.beside("b").remove()
    assert place.beside("").names() == ["a.csv"]


def test_a_file_url_may_name_this_host_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place_of(f"file://localhost{tmp_path}/a.txt", tmp_path).write(b"x")
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]
    for text in ("file://elsewhere/a.txt", "file://a.txt", "file://localhosta/b.txt", "file://"):
        with pytest.raises(UserError, match="another host"):
            place_of(text, tmp_path)


def test_a_body_that_raises_leaves_nothing(tmp_path: Path) -> None:
    place = place_of("a.csv", tmp_path)
    place.write(b"before")
    with pytest.raises(KeyError):
        write_half(place)
    assert place.read(10) == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["a.csv"]


class Upload:
    """What an object store's driver gives: nothing is there before `commit`."""

    def __init__(self, store: dict[str, bytes], path: str) -> None:
        self.store, self.path, self.data, self.ended = store, path, b"", ""

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        assert self.path not in self.store

    def commit(self) -> None:
        self.store[self.path] = self.data

    def discard(self) -> None:
        self.ended = "discarded"


def test_an_upload_is_completed_at_the_end_or_discarded() -> None:
    store: dict[str, bytes] = {}
    made: list[Upload] = []

    class Files:
        protocol = ("s3", "s3a")

        def open(self, path: str, mode: str, **options: Any) -> Upload:
            assert (mode, options) == ("wb", {"autocommit": False})
            made.append(Upload(store, path))
            return made[-1]

    place = Place(Files(), "bucket/a", "s3://bucket/a")
    place.write(b"whole")
    assert store == {"bucket/a": b"whole"}
    with pytest.raises(KeyError):
        write_half(Place(Files(), "bucket/b", ""))
    assert (made[-1].ended, list(store)) == ("discarded", ["bucket/a"])


def test_a_fingerprint_names_a_version(place: Place) -> None:
    place.write(b"one")
    first = place.fingerprint()
    assert first == place.fingerprint()
    place.write(b"other")
    assert place.fingerprint() != first


def test_too_large_or_absent_is_one_sentence(place: Place) -> None:
    with pytest.raises(UserError, match="there is nothing here"):
        place.read(9)
    with pytest.raises(UserError, match="there is nothing here"):
        place.fingerprint()
    place.write(b"0123456789")
    with pytest.raises(UserError, match="larger than 9 bytes"):
        place.read(9)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="cannot be read or written: File exists"):
        place_of("file/below", tmp_path).write(b"")


@settings(deadline=None)  # drivers are imported on the way
@given(st.text(alphabet="ab/:@?#.", max_size=20), st.sampled_from(["http", "memory", "s3"]))
def test_no_name_shows_what_may_be_secret(rest: str, scheme: str) -> None:
    try:
        place = place_of(f"{scheme}://user:hunter2@host/{rest}?key=hunter2#hunter2", Path())
    except UserError as error:
        told = f"{error} {error.fix}"
    else:
        told = place.shown + place.beside("x").shown + place.below("y").shown
    assert "hunter2" not in told
