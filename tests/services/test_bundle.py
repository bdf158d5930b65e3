"""`ordain bundle` of what a real ledger says is running, with the artifact in a store or in a registry."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from ordain.adapters.artifacts import Store
from ordain.adapters.git import Repository
from ordain.adapters.registry import open_registry
from ordain.adapters.resources import edge_programs
from ordain.cli.main import ordain
from ordain.cli.wiring import published
from ordain.core.artifacts.artifact import build_layout
from ordain.core.canonical import bytes_digest
from ordain.core.decisions import Decision
from ordain.core.reasons import Reason
from ordain.errors import UserError
from tests.registries import needs_registry, running_registry
from tests.runtime.toy import files
from tests.services import world as worlds

if TYPE_CHECKING:
    from tests.services.world import World

CI = {"ORDAIN_ARTIFACTS": "registry"}
LAYOUT = build_layout(files(model="churn"))


@pytest.fixture
def deployed(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """churn@1 runs in staging, and its artifact is one that works."""
    original = worlds.record

    def real(*words: Any, **options: Any) -> Any:
        made = replace(original(*words, **options), artifact=LAYOUT.manifest_digest)
        return replace(made, digest=made.computed_digest())

    monkeypatch.setattr(worlds, "record", real)
    world.deploy(world.release("dana", "churn", 1), "ravi")
    world.git("mei", "fetch", "-q", "origin")
    return world


def bundled(world: World, target: str, out: Path, key: str = "ada") -> dict[str, Any]:
    words = [
        "bundle",
        target,
        "--key",
        str(world.keys / key),
        "--out",
        str(out),
        "-C",
        str(world.enter("mei")),
    ]
    done = CliRunner().invoke(ordain, [*words, "--json"], catch_exceptions=False, standalone_mode=False)
    found: dict[str, Any] = json.loads(done.output)
    return found


def test_what_runs_is_packed_signed_and_the_same_each_time(
    deployed: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDAIN_STORE", str(tmp_path / "store"))
    Store(tmp_path / "store").put(LAYOUT)
    first = bundled(deployed, "churn@staging", tmp_path / "one")
    second = bundled(deployed, "churn@staging", tmp_path / "two")
    assert first["digest"] == second["digest"] == bytes_digest(Path(second["path"]).read_bytes())
    assert (first["release"], first["artifact"]) == ("churn@1", LAYOUT.manifest_digest)
    (tmp_path / "verify.py").write_bytes(edge_programs()["verify.py"])
    (tmp_path / "signers").write_text(first["signers"] + "\n")
    words = [
        sys.executable,
        str(tmp_path / "verify.py"),
        first["path"],
        "--signers",
        str(tmp_path / "signers"),
    ]
    words += ["--install", str(tmp_path / "srv")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "churn@1 for staging" in done.stdout
    manifest = json.loads((tmp_path / "srv/current/bundle.json").read_text())
    assert manifest["intent"].startswith("sha256:")
    assert manifest["invalid_input"] == "reject"


@pytest.mark.parametrize("target", ["churn@production", "other@staging"])
def test_what_is_not_approved_is_not_packed(deployed: World, tmp_path: Path, target: str) -> None:
    with pytest.raises(UserError, match="nothing is approved for"):
        bundled(deployed, target, tmp_path)
    assert not list(tmp_path.glob("*.tar"))


@needs_registry
def test_a_clone_without_the_artifact_asks_the_registry(
    deployed: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDAIN_STORE", str(tmp_path / "empty"))
    with running_registry(tmp_path / "registry") as registry:
        where = deployed.branch("dana", "move")
        deployed.edit(
            where, "environments/staging.yaml", lambda value: value.update(registry=f"{registry.host}/models")
        )
        deployed.commit("dana", "Move the registry")
        deployed.deploy(deployed.push("dana"), "ravi")
        deployed.git("mei", "fetch", "-q", "origin")
        with pytest.raises(UserError, match="neither in the local store nor in its registry") as caught:
            bundled(deployed, "churn@staging", tmp_path)
        assert caught.value.reason == "artifact-absent"
        open_registry().push(LAYOUT, registry.place(), "1")
        assert bundled(deployed, "churn@staging", tmp_path)["release"] == "churn@1"


@needs_registry
def test_what_the_registry_has_can_be_deployed_and_nothing_else(deployed: World, tmp_path: Path) -> None:
    """Reconciling in CI: there is no store, and the registry is asked by the image that would be pulled."""

    def replicas(count: int) -> Decision:
        branch = deployed.replicas("dana", count)
        deployed.approve(branch, "ravi")
        deployed.merge(branch)
        outcome = deployed.reconcile(present=published(Repository(deployed.origin), CI))
        return next(each for each in outcome.entries[-1].decisions if each.transition.model == "churn")

    with running_registry(tmp_path / "registry") as registry:
        where = deployed.branch("dana", "move")
        deployed.edit(
            where, "environments/staging.yaml", lambda value: value.update(registry=f"{registry.host}/models")
        )
        deployed.commit("dana", "Move the registry")
        deployed.deploy(deployed.push("dana"), "ravi")
        refused = replicas(3)
        assert (refused.approved, refused.reason) == (False, Reason.ARTIFACT_ABSENT)
        open_registry().push(LAYOUT, registry.place(), "1")
        assert replicas(4).approved


def test_a_key_that_cannot_sign(deployed: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDAIN_STORE", str(tmp_path / "store"))
    Store(tmp_path / "store").put(LAYOUT)
    shutil.copy(deployed.keys / "ada.pub", tmp_path / "lonely.pub")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(UserError, match="can't sign"):
        bundled(deployed, "churn@staging", tmp_path, key=str(tmp_path / "lonely.pub"))
