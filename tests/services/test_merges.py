"""Requests for different models merge by themselves; requests for one model say what to rerun."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
import yaml

from ordain._version import __version__
from ordain.adapters import files as disk
from ordain.core.pipelines.pipeline import context_of, pipeline_files
from ordain.core.setup.scaffold import GITATTRIBUTES
from ordain.core.state.instance import is_state_path, read_instance
from ordain.core.yaml.edit import set_pin
from ordain.services.checking.check import check
from ordain.services.releases.renumber import renumber
from tests.services.world import models_file, params_file, record

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services.world import World

STAGING = "environments/staging.yaml"


def declare(world: World, who: str, model: str) -> None:
    """Add a model as people do who keep the files in order, and generate what follows from it."""
    where = world.enter(who)
    for path, key, new in (
        ("models.yaml", "models", models_file((model,))),
        ("params.yaml", "candidates", params_file((model,))),
    ):
        known = yaml.safe_load((where / path).read_text())[key] if (where / path).exists() else {}
        world.write(where, path, {**new, key: dict(sorted({**known, **new[key]}.items()))})
    generate(world, who)


def generate(world: World, who: str) -> None:
    where = world.enter(who)
    instance = read_instance(disk.read_state(where, is_state_path))
    for path, data in pipeline_files(instance, context_of({}, __version__)).items():
        world.write(where, path, data.decode())


def train(world: World, who: str, model: str, number: int) -> None:
    """What `ordain run` and `ordain release` leave behind."""
    where = world.enter(who)
    made = record(model, number, salt=who)
    lock = {
        "schema": "2.0",
        "stages": {"gate": {"cmd": "gate", "outs": [{"path": "gates.json", "md5": who}]}},
    }
    world.write(where, f"pipelines/{model}/dvc.lock", lock)
    fleet = yaml.safe_load((where / "dvc.lock").read_text()) if (where / "dvc.lock").exists() else {}
    stage = {"cmd": f"echo {model}", "deps": [{"path": f"pipelines/{model}/gates.json", "md5": who}]}
    stages = dict(sorted({**fleet.get("stages", {}), model: stage}.items()))
    world.write(where, "dvc.lock", {"schema": "2.0", "stages": stages})
    world.write(where, f"releases/{model}/{number}.yaml", msgspec.to_builtins(made))
    pin = set_pin((where / STAGING).read_bytes(), model, number, STAGING)
    (where / STAGING).write_bytes(pin)
    world.commit(who, f"Release {model}@{number}")
    world.push(who)


@pytest.fixture
def fleet(world: World) -> World:
    """Three models, each with a release."""
    where = world.branch("ada", "fleet")
    world.write(where, ".gitattributes", GITATTRIBUTES)
    world.write(where, "data/rows.csv", "left,age\n")
    for model in ("churn", "fraud", "returns"):
        declare(world, "ada", model)
        train(world, "ada", model, 1)
    world.merge("fleet")
    return world


def requests(world: World, first: tuple[str, int], second: tuple[str, int]) -> None:
    """Dana and Ravi each ask for something, from the same main; Dana's is merged."""
    for who, (model, number) in (("dana", first), ("ravi", second)):
        where = world.branch(who, who)
        if model not in world.models(where):
            declare(world, who, model)
        train(world, who, model, number)
    world.merge("dana")
    world.git("ravi", "fetch", "-q", "origin")


def conflicted(world: World) -> set[str]:
    world.git("ravi", "merge", "-q", "--no-edit", "origin/main", check=False)
    return set(world.git("ravi", "diff", "--name-only", "--diff-filter=U").splitlines())


def said(where: Path) -> dict[str, str]:
    """The remedies of `ordain check`, by file."""
    return {each.file: each.suggestion for each in check(where).problems}


def test_the_fleet_is_sound(fleet: World) -> None:
    assert check(fleet.branch("ada", "look")).problems == ()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(("churn", 2), ("fraud", 2), id="two retrained, neighbours"),
        pytest.param(("returns", 2), ("churn", 2), id="two retrained"),
        pytest.param(("abandon", 1), ("uplift", 1), id="two added"),
        pytest.param(("churn", 2), ("uplift", 1), id="one retrained, one added"),
    ],
)
def test_different_models_merge_by_themselves(
    fleet: World, first: tuple[str, int], second: tuple[str, int]
) -> None:
    requests(fleet, first, second)
    assert conflicted(fleet) == set()
    where = fleet.enter("ravi")
    assert check(where).problems == ()
    pins = yaml.safe_load((where / STAGING).read_text())["models"]
    assert (pins[first[0]]["release"], pins[second[0]]["release"]) == (first[1], second[1])
    for model, number in (first, second):
        assert (where / f"releases/{model}/{number}.yaml").exists()


def test_neighbours_added_at_once_conflict_where_people_write_and_each_remedy_is_named(fleet: World) -> None:
    requests(fleet, ("uplift", 1), ("upsell", 1))
    torn = conflicted(fleet)
    written = {"models.yaml", "params.yaml", STAGING}
    assert torn <= {*written, "dvc.yaml", "dvc.lock"}
    found = said(fleet.enter("ravi"))
    assert torn <= set(found)
    assert {found[each].partition(" where")[0] for each in torn & written} == {
        "resolve the conflict: keep both sides"
    }
    assert {found[each].partition(",")[0] for each in torn - written} <= {"ordain run"}


def test_one_model_trained_twice_says_what_to_rerun(fleet: World) -> None:
    requests(fleet, ("churn", 2), ("churn", 2))
    where = fleet.enter("ravi")
    before = said(where)
    assert before["releases/churn/2.yaml"].startswith("ordain renumber churn")
    lock, release = "pipelines/churn/dvc.lock", "releases/churn/2.yaml"
    assert {lock, release} <= conflicted(fleet)
    found = said(where)
    assert found[release].startswith("ordain renumber churn")
    assert found[lock].startswith("ordain run churn, then `ordain release churn`")
    assert found["dvc.lock"].startswith("ordain run")
    # Git was told never to splice a lock, so there is no marker in it: the index tells.
    assert "<<<<" not in (where / lock).read_text()


def test_after_each_remedy_its_problem_is_gone(fleet: World) -> None:
    requests(fleet, ("churn", 2), ("churn", 2))
    conflicted(fleet)
    where = fleet.enter("ravi")
    fleet.git("ravi", "add", *renumber(where, "churn").written)
    assert set(said(where)) == {"pipelines/churn/dvc.lock", "dvc.lock"}
    fleet.git("ravi", "checkout", "-q", "--ours", "dvc.lock", "pipelines/churn/dvc.lock")
    fleet.git("ravi", "add", "dvc.lock", "pipelines/churn/dvc.lock")
    assert said(where) == {}
    fleet.commit("ravi", "Merge main")
    assert said(where) == {}


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("pipelines/churn/dvc.lock", "ordain run churn"),
        ("releases/churn/1.yaml", "ordain renumber churn"),
        ("pipelines/churn/holdout-looks.yaml", "keep the looks"),
        ("dvc.lock", "ordain run,"),
    ],
)
def test_markers_that_somebody_committed_are_found(fleet: World, path: str, command: str) -> None:
    where = fleet.branch("dana", "torn")
    text = (where / path).read_text() if (where / path).exists() else "version: 1\n"
    fleet.write(where, path, f"<<<<<<< ours\n{text}=======\n{text}>>>>>>> theirs\n")
    fleet.commit("dana", "Torn")
    problem = next(each for each in check(where).problems if each.file == path)
    assert (problem.code, problem.line) == ("merge-conflict", 1)
    assert problem.suggestion.startswith(command)
