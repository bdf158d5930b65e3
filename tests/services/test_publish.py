"""`ordain publish`, `ordain pull` and `ordain serve oci://…` with a real registry."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from click.testing import CliRunner

from ordain.adapters.artifacts import Store
from ordain.adapters.registry import open_registry
from ordain.cli import wiring
from ordain.cli.main import ordain
from ordain.core.artifacts.artifact import build_layout
from ordain.core.artifacts.model_signature import BUNDLE_TYPE
from ordain.core.artifacts.reference import parse_reference
from ordain.errors import RetryLater, UserError
from tests.registries import Running, needs_registry, running_registry
from tests.runtime.toy import ROW, files, serving
from tests.services.world import environment_file, models_file, params_file, record

pytestmark = needs_registry
MODEL_SIGNING = shutil.which("model_signing") or shutil.which(
    "model_signing", path=str(Path(__file__).parents[2] / ".venv-signing/bin")
)
LAYOUT = build_layout(files(model="churn"))


def real_release() -> Any:
    """A record of churn@1 whose artifact is one that works."""
    release = msgspec.structs.replace(record("churn", 1), artifact=LAYOUT.manifest_digest)
    return msgspec.to_builtins(msgspec.structs.replace(release, digest=release.computed_digest()))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_registry(tmp_path_factory.mktemp("registry")) as it:
        yield it


@pytest.fixture
def root(running: Running, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A working tree that pins churn@1 in staging, its artifact in the store; a registry path of its own."""
    registry = f"{running.host}/{abs(hash(request.node.name))}"
    content: dict[str, Any] = {
        "models.yaml": models_file(("churn",)),
        "params.yaml": params_file(("churn",)),
        "policy.yaml": POLICY,
        "releases/churn/1.yaml": real_release(),
        "environments/staging.yaml": environment_file("staging", {"churn": 1}, registry=f"{registry}/one"),
        "environments/production.yaml": environment_file("production", {}, registry=f"{registry}/two"),
    }
    for path, value in content.items():
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / path).write_text(yaml.safe_dump(value, sort_keys=False))
    Store(tmp_path / "tree/.ordain/local/artifacts").put(LAYOUT)
    return tmp_path / "tree"


POLICY = {
    "version": 1,
    "repository": "local/test",
    "people": {"dana": {"name": "Dana", "emails": ["dana@x.example"], "roles": ["reviewer"]}},
    "collectors": [
        {"key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC"}
    ],
    "rules": [{"approvals": {"reviewer": 1}}],
    "changes": {"reviewer": 1},
}


def ran(*words: str) -> Any:
    """A verb's JSON answer."""
    done = CliRunner().invoke(ordain, [*words, "--json"], catch_exceptions=False, standalone_mode=False)
    return json.loads(done.output)


def published(root: Path, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ran("publish", "-C", str(root), *words)["published"]
    return found


def test_a_pinned_release_goes_to_every_registry_once(root: Path) -> None:
    first = published(root)
    assert [(each["release"], each["sent"]) for each in first] == [("churn@1", True)] * 2
    for each in first:
        assert open_registry().pull(parse_reference(each["image"])) == LAYOUT
    assert [each["sent"] for each in published(root)] == [False, False]


def test_only_where_it_is_wanted(root: Path) -> None:
    (only,) = published(root, "churn", "--env", "production")
    assert "/two/churn@" in only["image"]
    with pytest.raises(UserError, match="no model `chum`") as caught:
        published(root, "chum")
    assert "churn" in caught.value.fix


def test_a_clone_without_the_artifact_takes_it_from_the_other_registry(root: Path) -> None:
    published(root, "--env", "staging")
    shutil.rmtree(root / ".ordain/local")
    assert {each["sent"]: "/two/" in each["image"] for each in published(root)} == {True: True, False: False}


def test_an_artifact_that_is_nowhere(root: Path) -> None:
    shutil.rmtree(root / ".ordain/local")
    with pytest.raises(UserError) as caught:
        published(root)
    assert caught.value.reason == "artifact-absent"


def test_a_registry_that_is_away_is_asked_again_later(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ordain.adapters.registry.session.FIRST_PAUSE", 0.0)
    path = root / "environments/staging.yaml"
    state = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**state, "registry": "127.0.0.1:19/models"}))
    with pytest.raises(RetryLater, match=r"127\.0\.0\.1:19 can't be reached"):
        published(root)


def test_the_reconciler_may_ask_the_registry(root: Path) -> None:
    present = wiring.published(None, {"ORDAIN_ARTIFACTS": "registry"})  # type: ignore[arg-type]
    (image, _) = [each["image"] for each in published(root)]
    assert present(image)
    assert not present(image[:-1] + ("0" if image[-1] != "0" else "1"))
    with pytest.raises(UserError, match="no place for artifacts"):
        wiring.published(None, {"ORDAIN_ARTIFACTS": "elsewhere"})  # type: ignore[arg-type]


class TestSignatures:
    """Signatures in the form of OpenSSF model-signing, attached from outside."""

    @pytest.fixture(params=["prime256v1", "secp384r1", "secp521r1"])
    def key(self, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
        path = tmp_path / "key.pem"
        words = ["openssl", "ecparam", "-name", request.param, "-genkey", "-noout", "-out", str(path)]
        subprocess.run(words, check=True, capture_output=True)
        return path

    def test_are_attached_once_and_leave_the_artifact_alone(self, root: Path, key: Path) -> None:
        first = published(root, "--sign-with", str(key))
        assert [(each["sent"], each["signed"]) for each in first] == [(True, True)] * 2
        assert [each["signed"] for each in published(root, "--sign-with", str(key))] == [False, False]
        reference = parse_reference(first[0]["image"])
        assert len(open_registry().attached(reference, BUNDLE_TYPE)) == 1
        assert open_registry().pull(reference) == LAYOUT

    @pytest.mark.skipif(
        MODEL_SIGNING is None, reason="model_signing is not installed: make signing-env (.venv-signing)"
    )
    def test_are_accepted_by_model_signing(self, root: Path, key: Path, tmp_path: Path) -> None:
        (image, _) = [each["image"] for each in published(root, "--sign-with", str(key))]
        public = tmp_path / "key.pub"
        words = ["openssl", "ec", "-in", str(key), "-pubout", "-out", str(public)]
        subprocess.run(words, check=True, capture_output=True)
        pulled = ran("pull", image, str(tmp_path / "churn"))
        (signature,) = pulled["signatures"]
        assert MODEL_SIGNING is not None
        check = [MODEL_SIGNING, "verify", "key", str(tmp_path / "churn")]
        check += ["--signature", signature, "--public_key", str(public)]
        done = subprocess.run(check, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        (tmp_path / "churn/profile.json").write_text("{ }")
        assert subprocess.run(check, capture_output=True, check=False).returncode != 0

    @pytest.mark.parametrize("kind", ["rsa", "ed25519", "text", "absent", "locked"])
    def test_other_keys_are_refused(self, root: Path, tmp_path: Path, kind: str) -> None:
        key = tmp_path / "other.pem"
        words = {
            "rsa": ["genrsa", "-out", str(key), "2048"],
            "ed25519": ["genpkey", "-algorithm", "ed25519", "-out", str(key)],
            "locked": ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                       "-aes256", "-pass", "pass:secret", "-out", str(key)],
        }.get(kind)  # fmt: skip
        if words:
            subprocess.run(["openssl", *words], check=True, capture_output=True)
        elif kind == "text":
            key.write_text("not a key")
        with pytest.raises(UserError) as caught:
            published(root, "--sign-with", str(key))
        assert caught.value.where == str(key)


class TestServing:
    """A reference is fetched, verified, kept, and served from what is kept."""

    def test_from_the_registry_and_then_from_the_cache(self, root: Path, tmp_path: Path) -> None:
        (image, _) = [each["image"] for each in published(root)]
        kept = {"ORDAIN_CACHE": str(tmp_path / "cache")}
        with serving(f"oci://{image}", **kept) as server:
            assert server.client.post("/predict", json=ROW).status_code == 200
        gone = image.replace(image.split("/")[0], "127.0.0.1:19")
        with serving(f"oci://{gone}", **kept) as server:
            body = server.client.get("/v2/models/churn").json()
        assert body["name"] == "churn"

    def test_a_damaged_cache_is_fetched_again(self, root: Path, tmp_path: Path) -> None:
        (image, _) = [each["image"] for each in published(root)]
        kept = {"ORDAIN_CACHE": str(tmp_path / "cache")}
        (tmp_path / "cache" / LAYOUT.manifest_digest.replace(":", "-")).mkdir(parents=True)
        with serving(f"oci://{image}", **kept) as server:
            assert server.client.get("/v2/health/ready").status_code == 200

    @pytest.mark.parametrize(
        ("reference", "said"),
        [
            ("oci://{host}/nothing@sha256:" + "1" * 64, "does not have"),
            ("oci://{host}/models/churn:1", "by its digest"),
            ("oci://models/churn@sha256:" + "1" * 64, "does not name a repository"),
        ],
    )
    def test_what_is_no_artifact(self, running: Running, tmp_path: Path, reference: str, said: str) -> None:
        done = serve(reference.format(host=running.host), tmp_path)
        assert done.returncode == 1
        assert said in done.stderr
        assert "next: " in done.stderr

    def test_another_digest_than_the_approved_one_is_not_loaded(self, root: Path, tmp_path: Path) -> None:
        (image, _) = [each["image"] for each in published(root)]
        done = serve(f"oci://{image}", tmp_path, ORDAIN_ARTIFACT="sha256:" + "1" * 64)
        assert done.returncode == 1
        assert "was approved; it is not loaded" in done.stderr


def serve(reference: str, cache: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    program = "from ordain.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "serve", reference, "--port", "0"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "ORDAIN_CACHE": str(cache), **environment},
    )
