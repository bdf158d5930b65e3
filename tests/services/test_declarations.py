"""What is read piece by piece, in whatever order, is what is read as a whole."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from benchmarks.verify.history import Fleet, Objects, record
from ordain.adapters.git import Repository
from ordain.core.gating.release import Release
from ordain.core.state.declared import Instance
from ordain.core.state.instance import STATE_PATHS, read_instance
from ordain.errors import UserError
from ordain.services.judging.declarations import Declarations

REGULAR, LINK = "100644", "120000"
State = dict[str, tuple[str, bytes]]


def written(objects: Objects, state: State) -> str:
    """The tree that holds a state, by path: mode and content."""
    folders: dict[str, State] = {}
    rows: dict[str, tuple[str, str]] = {}
    for path, (mode, data) in state.items():
        top, _, rest = path.partition("/")
        if rest:
            folders.setdefault(top, {})[rest] = mode, data
        else:
            rows[top] = mode, objects.write("blob", data)
    rows.update({top: ("40000", written(objects, inner)) for top, inner in folders.items()})
    ordered = sorted(rows, key=lambda name: name + "/" * (rows[name][0] == "40000"))
    return objects.write(
        "tree", b"".join(f"{rows[n][0]} {n}\0".encode() + bytes.fromhex(rows[n][1]) for n in ordered)
    )


def changed(chance: random.Random, fleet: Fleet, before: State) -> State:
    """The next state: a sound step mostly, else something that should not be there or is gone."""
    kind = chance.randrange(9)
    if kind < 4:
        fleet.step(chance.randrange(100))
        return {path: (REGULAR, data) for path, data in fleet.files.items()}
    path = chance.choice(sorted(before))
    if kind == 4:
        return {each: one for each, one in before.items() if each != path or each == "policy.yaml"}
    if kind == 5:
        return {**before, path: (LINK, b"policy.yaml")}
    if kind == 6:
        return {**before, path: (REGULAR, b"<<<<<<< HEAD\n")}
    if kind == 7:
        name = chance.choice(["releases/notes.txt", "releases/model-0/notes.txt", "environments/x/y.yaml"])
        return {**before, name: (REGULAR, b"x")}
    odd = msgspec.structs.replace(record("model-0", 9), digest="sha256:" + "0" * 64)
    return {**before, "releases/model-0/9.yaml": (REGULAR, msgspec.json.encode(odd))}


def as_a_whole(repository: Repository, tree: str) -> Instance:
    """A state read without any memory of another."""
    return read_instance(repository.read(tree, STATE_PATHS))


def said(read: Callable[[], Instance]) -> Instance | str:
    """What reading gives, or why it is refused."""
    try:
        return read()
    except UserError as error:
        return error.reason


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = tmp_path_factory.mktemp("states") / "git"
    subprocess.run(["git", "init", "-q", "--bare", str(folder)], check=True)
    return Repository(folder)


@pytest.mark.parametrize("seed", range(6))
def test_pieces_give_what_the_whole_gives(repository: Repository, seed: int) -> None:
    chance, fleet, objects = random.Random(seed), Fleet(3), Objects(Path(repository.folder))
    state: State = {path: (REGULAR, data) for path, data in fleet.files.items()}
    trees = []
    for _ in range(14):
        state = changed(chance, fleet, state)
        trees.append(written(objects, state))
    declarations = Declarations(repository)
    for tree in (*trees, *chance.sample(trees, len(trees))):
        whole = said(partial(as_a_whole, repository, tree))
        piecewise = said(partial(declarations.instance, tree))
        assert piecewise == whole
        if isinstance(piecewise, Instance):
            assert list(piecewise.environments) == sorted(piecewise.environments)
            assert all(list(each) == sorted(each) for each in piecewise.releases.values())
            assert declarations.models(tree) in [None, (piecewise.models, piecewise.params)]
    found = list(declarations.releases(trees))
    assert len(found) == len({(each.model, each.number, each.digest) for each in found})


def test_one_record_and_the_models_are_read_by_themselves(repository: Repository) -> None:
    fleet, objects = Fleet(2), Objects(Path(repository.folder))
    fleet.step(0)
    state: State = {path: (REGULAR, data) for path, data in fleet.files.items()}
    declarations = Declarations(repository)
    whole = declarations.instance(written(objects, state))
    broken = written(objects, {**state, "policy.yaml": (REGULAR, b"?")})
    assert declarations.models(broken) == (whole.models, whole.params)
    assert declarations.release(broken, "releases/model-0/1.yaml") == whole.releases["model-0"][1]
    assert declarations.release(broken, "releases/model-0/2.yaml") is None
    assert declarations.release(broken, "policy.yaml") is None
    linked = written(objects, {**state, "models.yaml": (LINK, b"params.yaml")})
    assert declarations.models(linked) is None
    assert isinstance(declarations.release(linked, "releases/model-0/1.yaml"), Release)
