"""Artifacts in a real registry: whole, by digest, with a password where it wants one."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ordain.adapters.artifacts import Store
from ordain.adapters.registry import HttpRegistry
from ordain.adapters.registry.logins import find_login
from ordain.core.artifacts.artifact import Layout, build_layout
from ordain.core.artifacts.reference import Repository, tag_of
from ordain.core.artifacts.registry_login import Login
from ordain.errors import RetryLater, UserError
from tests.registries import PASSWORD, USER, Running, needs_registry, needs_skopeo, running_registry

pytestmark = needs_registry
NO_CONFIGS = (
    "{",
    "[]",
    '{"auths": 1}',
    '{"auths": {"HOST": {"auth": "%%secret"}}}',
    '{"credHelpers": {"HOST": "../../bin/sh"}}',
    '{"credHelpers": {"HOST": "not-installed"}}',
)
KIND = "application/vnd.example.note+json"


def layout(seed: int = 0) -> Layout:
    return build_layout(
        {
            "model.onnx": f"graph {seed} ".encode() * 2000,
            "profile.json": b"{}",
            "signature.json": b'{"version":1}',
        }
    )


def nobody(host: str) -> Login | None:
    return None


def no_pause(seconds: float) -> None:
    """Tests wait for nothing."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_registry(tmp_path_factory.mktemp("registry")) as it:
        yield it


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_registry(tmp_path_factory.mktemp("locked"), password=True) as it:
        yield it


@pytest.fixture
def registry() -> HttpRegistry:
    return HttpRegistry(nobody, no_pause)


def push(registry: HttpRegistry, place: Repository, made: Layout) -> bool:
    return registry.push(made, place, tag_of(1, made.manifest_digest))


def test_what_is_pushed_can_be_pulled_by_digest(running: Running, registry: HttpRegistry) -> None:
    made, place = layout(), running.place("a/b/c")
    reference = place.at(made.manifest_digest)
    assert not registry.has(reference)
    assert push(registry, place, made)
    assert registry.has(reference)
    assert registry.pull(reference) == made


def test_pushing_again_sends_nothing(running: Running, registry: HttpRegistry) -> None:
    made, place = layout(1), running.place()
    assert push(registry, place, made)
    before = {path: path.stat().st_mtime_ns for path in running.folder.rglob("*") if path.is_file()}
    assert not push(registry, place, made)
    assert {path: path.stat().st_mtime_ns for path in running.folder.rglob("*") if path.is_file()} == before


def test_what_broke_off_is_completed(running: Running, registry: HttpRegistry) -> None:
    """The layer is there and the manifest is not, as after a kill."""
    made, place = layout(2), running.place("broken/off")
    registry._send_blob(place, max(made.blobs.values(), key=len))
    assert not registry.has(place.at(made.manifest_digest))
    assert push(registry, place, made)
    assert registry.pull(place.at(made.manifest_digest)) == made


def test_what_is_absent_is_called_absent(running: Running, registry: HttpRegistry) -> None:
    with pytest.raises(UserError) as caught:
        registry.pull(running.place().at("sha256:" + "0" * 64))
    assert caught.value.reason == "artifact-absent"
    assert "ordain publish" in caught.value.fix


@pytest.mark.parametrize("position", range(3))
def test_a_tampered_blob_is_refused_and_named(
    running: Running, registry: HttpRegistry, position: int
) -> None:
    made, place = layout(10 + position), running.place("tampered")
    push(registry, place, made)
    blobs = sorted(path for path in made.blobs if path.startswith("blobs/"))
    victim = running.blob(made.blobs[blobs[position]])
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    with pytest.raises((UserError, RetryLater)) as caught:
        registry.pull(place.at(made.manifest_digest))
    if isinstance(caught.value, UserError):  # this registry itself refuses a manifest that was altered
        assert victim.parent.name in f"{caught.value}" or "answered" in caught.value.what


@needs_skopeo
def test_other_tools_pull_what_was_pushed_and_the_other_way_round(
    running: Running, registry: HttpRegistry, tmp_path: Path
) -> None:
    made, place = layout(3), running.place("others")
    push(registry, place, made)
    source = f"docker://{place}@{made.manifest_digest}"
    words = [
        "skopeo",
        "copy",
        "--preserve-digests",
        "--src-tls-verify=false",
        source,
        f"oci:{tmp_path / 'out'}:x",
    ]
    subprocess.run(words, check=True, capture_output=True)
    assert (tmp_path / "out/blobs/sha256" / made.manifest_digest[7:]).is_file()
    other = layout(4)
    store = Store(tmp_path / "store")
    digest = store.put(other)
    name = f"oci:{store.root}:{digest.replace(':', '-')}"
    words = ["skopeo", "copy", "--preserve-digests", "--dest-tls-verify=false", name, f"docker://{place}:x"]
    subprocess.run(words, check=True, capture_output=True)
    assert registry.pull(place.at(digest)) == other


def test_documents_are_attached_once(running: Running, registry: HttpRegistry) -> None:
    made, place = layout(5), running.place("signed")
    reference = place.at(made.manifest_digest)
    push(registry, place, made)
    assert registry.attached(reference, KIND) == ()
    assert registry.attach(made, place, KIND, b'{"note": 1}')
    assert not registry.attach(made, place, KIND, b'{"note": 1}')
    assert registry.attach(made, place, KIND, b'{"note": 2}')
    assert registry.attach(made, place, "application/vnd.example.other", b"other")
    assert registry.attached(reference, KIND) == (b'{"note": 1}', b'{"note": 2}')
    assert registry.pull(reference) == made


def test_an_attached_document_that_was_altered_is_refused(running: Running, registry: HttpRegistry) -> None:
    made, place = layout(6), running.place("altered")
    push(registry, place, made)
    registry.attach(made, place, KIND, b"what was said")
    running.blob(b"what was said").write_bytes(b"what was sald")
    with pytest.raises(UserError, match="does not have that digest"):
        registry.attached(place.at(made.manifest_digest), KIND)


class TestPassword:
    """A registry with a password, and the places where Docker keeps it."""

    def config(self, host: str, password: str = PASSWORD) -> str:
        auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
        return json.dumps({"auths": {host: {"auth": auth}}})

    def registry(self, environment: dict[str, str]) -> HttpRegistry:
        return HttpRegistry(lambda host: find_login(host, environment), no_pause)

    def works(self, locked: Running, environment: dict[str, str], seed: int) -> None:
        made, registry = layout(seed), self.registry(environment)
        assert push(registry, locked.place(), made)
        assert registry.pull(locked.place().at(made.manifest_digest)) == made

    def test_from_a_variable(self, locked: Running) -> None:
        self.works(locked, {"DOCKER_AUTH_CONFIG": self.config(locked.host)}, 20)

    def test_from_files(self, locked: Running, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text(self.config(locked.host))
        (tmp_path / ".docker").mkdir()
        (tmp_path / ".docker/config.json").symlink_to(tmp_path / "config.json")
        self.works(locked, {"DOCKER_CONFIG": str(tmp_path)}, 21)
        self.works(locked, {"HOME": str(tmp_path)}, 22)
        self.works(locked, {"REGISTRY_AUTH_FILE": str(tmp_path / "config.json")}, 23)

    def test_from_a_helper(self, locked: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program = tmp_path / "docker-credential-test"
        answer = json.dumps({"ServerURL": locked.host, "Username": USER, "Secret": PASSWORD})
        program.write_text(f"#!/bin/sh\nread server; [ \"$server\" = {locked.host} ] && echo '{answer}'\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        config = json.dumps({"credHelpers": {locked.host: "test"}})
        self.works(locked, {"DOCKER_AUTH_CONFIG": config}, 24)

    @pytest.mark.parametrize("kind", ["none", "wrong", "other host"])
    def test_without_the_right_one_nothing_is_said_of_it(self, locked: Running, kind: str) -> None:
        config = {
            "none": "{}",
            "wrong": self.config(locked.host, f"{PASSWORD}-wrong"),
            "other host": self.config("registry.example.org"),
        }[kind]
        with pytest.raises(UserError) as caught:
            push(self.registry({"DOCKER_AUTH_CONFIG": config}), locked.place(), layout(30))
        told = f"{caught.value} {caught.value.fix}"
        assert f"docker login {locked.host}" in told
        assert PASSWORD not in told
        assert base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode() not in told

    @pytest.mark.parametrize("config", NO_CONFIGS)
    def test_a_configuration_that_is_none(self, locked: Running, config: str) -> None:
        text = config.replace("HOST", locked.host)
        with pytest.raises(UserError) as caught:
            find_login(locked.host, {"DOCKER_AUTH_CONFIG": text})
        assert caught.value.where == "DOCKER_AUTH_CONFIG"
        assert "secret" not in str(caught.value)
