"""Artifacts of deployed releases come from a registry into the store, when they are not there."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest

from ordain.adapters.artifacts import Store
from ordain.core.artifacts.artifact import Layout, build_layout
from ordain.core.artifacts.reference import Reference
from ordain.errors import UserError
from ordain.ports import Registry
from ordain.services.releases.baselines import fetch, fetch_running
from ordain.services.releases.release import History
from tests.runtime.toy import files
from tests.services import world as worlds
from tests.services.world import World

LAYOUT = build_layout(files(model="churn"))


class Shelf:
    """The part of a registry that is asked here; it has one artifact, in one place."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.asked: list[str] = []

    def has(self, reference: Reference) -> bool:
        self.asked.append(str(reference))
        return str(reference) == f"{self.place}@{LAYOUT.manifest_digest}"

    def pull(self, reference: Reference) -> Layout:
        return LAYOUT


@pytest.fixture
def deployed(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Churn@1, whose artifact is a real one, runs in staging."""
    made = worlds.record

    def record(*words: Any, **options: Any) -> Any:
        release = msgspec.structs.replace(made(*words, **options), artifact=LAYOUT.manifest_digest)
        return msgspec.structs.replace(release, digest=release.computed_digest())

    monkeypatch.setattr(worlds, "record", record)
    world.deploy(world.release("dana", "churn", 1), "ravi")
    world.branch("dana", "next")
    return world


def opened(shelf: Shelf) -> Any:
    return lambda: cast("Registry", shelf)


PLACE = "registry.ordain.example/models/churn"


def test_what_runs_is_fetched_once(deployed: World) -> None:
    root, store, shelf = deployed.enter("dana"), Store(deployed.root / "store"), Shelf(PLACE)
    assert fetch_running(root, (), store, opened(shelf)) == ("churn@1",)
    assert store.has(LAYOUT.manifest_digest)
    shelf.asked.clear()
    assert fetch_running(root, ("churn",), store, opened(shelf)) == ()
    assert shelf.asked == []


def test_a_baseline_is_fetched_where_a_gate_compares(deployed: World) -> None:
    root, store, shelf = deployed.enter("dana"), Store(deployed.root / "store"), Shelf(PLACE)
    assert fetch(root, (), store, opened(shelf)) == ()
    gates = {"quality": [{"metric": "roc_auc", "min": 0.7}],
             "non_inferiority": {"metric": "roc_auc", "margin": 0.02}}  # fmt: skip
    deployed.edit(root, "models.yaml", lambda value: value["models"]["churn"].update({"gates": gates}))
    assert fetch(root, (), store, opened(shelf)) == ("churn@1",)
    assert store.has(LAYOUT.manifest_digest)


@pytest.mark.parametrize("left_out", ["--depth=1", "--filter=blob:none"])
def test_a_clone_that_is_not_whole_does_not_say_that_nothing_runs(left_out: str, deployed: World) -> None:
    where, address = deployed.root / "part", f"file://{deployed.origin}"
    deployed.run(deployed.origin, "git", "config", "uploadpack.allowFilter", "true")
    deployed.run(deployed.root, "git", "clone", "-q", left_out, address, str(where))
    with pytest.raises(UserError, match=r"so what older|so where trust") as caught:
        History.around(where)
    deployed.run(where, "bash", "-c", caught.value.fix)
    ledger = History.around(where).ledger
    assert ledger is not None
    assert [each.label for each in ledger.deployed] == ["staging/_shared", "staging/churn"]


def test_what_no_registry_has_is_named(deployed: World) -> None:
    root, store = deployed.enter("dana"), Store(deployed.root / "store")
    with pytest.raises(UserError, match="in no registry") as caught:
        fetch_running(root, (), store, opened(Shelf("elsewhere.example/churn")))
    assert caught.value.reason == "artifact-absent"
    with pytest.raises(UserError, match="no model"):
        fetch_running(root, ("fraud",), store, opened(Shelf(PLACE)))
