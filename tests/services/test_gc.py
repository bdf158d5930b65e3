"""`ordain gc` on a real store and a real ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from ordain.adapters.artifacts import Store
from ordain.cli.main import ordain
from ordain.core.artifact import build_layout
from ordain.core.canonical import bytes_digest
from ordain.errors import UserError
from ordain.services.gc import sweep
from tests.adapters.test_artifacts import files
from tests.services.world import record

if TYPE_CHECKING:
    from tests.services.world import World


def listed(store: Store, digest: str) -> None:
    """A store's index and blob for an artifact whose bytes don't matter here."""
    index = store.root / "index.json"
    manifests = json.loads(index.read_bytes())["manifests"] if index.exists() else []
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifests.append({"mediaType": kind, "digest": digest, "size": 2})
    blob = store.root / "blobs" / "sha256" / digest.removeprefix("sha256:")
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(b"{}")
    index.write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}))


@pytest.fixture
def store(running: World) -> Store:
    found = Store(running.root / "store")
    running.deploy(running.release("dana", "churn", 2), "ravi")
    running.release("dana", "churn", 3)  # an open request
    for number in (1, 2, 3):
        listed(found, record("churn", number).artifact)
    listed(found, bytes_digest(b"never released"))
    return found


def clone(world: World) -> Path:
    return world.enter("mei")


def test_only_what_nothing_needs_is_garbage(running: World, store: Store) -> None:
    where = clone(running)
    seen = sweep(where, store, remove=False)
    reasons = {each.releases: each.reasons for each in seen.kept}
    assert reasons["churn@2",] == ("runs in staging", "staging may go back to it")
    assert reasons["churn@1",] == ("staging may go back to it",)
    assert any("pinned in staging on origin/" in each for each in reasons["churn@3",])
    assert seen.garbage == (bytes_digest(b"never released"),)
    assert len(store.digests()) == 4
    gone = sweep(where, store, remove=True)
    assert (gone.removed, gone.freed, len(store.digests())) == (True, 2, 3)
    assert sweep(where, store, remove=True).garbage == ()


def test_an_unproven_ledger_removes_nothing(running: World, store: Store) -> None:
    where = running.branch("dana", "forge")
    path = where / "manifests/ledger/00000001.json"
    path.write_text(path.read_text().replace("a", "b", 1))
    running.commit("dana", "Forge")
    running.git("dana", "push", "-q", "origin", "HEAD:main")
    with pytest.raises(UserError):
        sweep(clone(running), store, remove=True)
    assert len(store.digests()) == 4


def test_shared_blobs_stay(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, second = store.put(build_layout(files(0))), store.put(build_layout(files(1)))
    store.remove([first])
    assert store.digests() == (second,)
    assert store.get(second).manifest_digest == second
    assert not store.has(first)
    assert store.remove([]) == 0


def test_the_command(running: World, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDAIN_STORE", str(store.root))
    where = str(clone(running))
    told = CliRunner().invoke(ordain, ["gc", "-C", where], catch_exceptions=False)
    assert "3 kept, 1 garbage" in told.output
    assert "next: ordain gc --remove" in told.output
    told = CliRunner().invoke(ordain, ["gc", "-C", where, "--remove"], catch_exceptions=False)
    assert "3 kept, 1 removed" in told.output
