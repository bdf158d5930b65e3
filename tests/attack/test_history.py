"""A hostile commit that somebody merged: it is refused, and every verb goes on, then and ever after."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from ordain.adapters.git import Repository
from ordain.adapters.resources import templates
from ordain.cli.main import main
from ordain.core.reasons import Reason
from ordain.errors import UserError
from ordain.services.judging.states import States
from tests.attack.trees import FILE, FOLDER, HOSTILE, LINK, MODULE, Objects, Row, bomb
from tests.services.world import World

VERBS = (
    ["verify", "--all"], ["audit"], ["why", "churn@staging"], ["status"], ["gc"], ["plan", "--rev", "HEAD"],
    ["check"], ["report", "--out", "{out}"], ["affected"], ["compare", "churn"],
)  # fmt: skip
FOLDERS = ("environments", "releases/churn", "manifests/staging")


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    """A repository with something in each folder, at `main`."""
    root = tmp_path_factory.mktemp("objects")
    subprocess.run(["git", "init", "-q", "--bare", str(root)], check=True)
    found = Objects(root)
    tree = found.tree([])
    for folder in FOLDERS:
        tree = found.put(tree, f"{folder}/a.yaml", ("100644", found.blob()))
    subprocess.run(["git", "update-ref", "refs/heads/main", found.commit(tree)], cwd=root, check=True)
    return found


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("shape", HOSTILE)
def test_no_reader_is_led_astray(objects: Objects, folder: str, shape: str) -> None:
    repository = Repository(objects.folder)
    before = repository.resolve("refs/heads/main")
    commit = objects.commit(objects.beside(before, folder, HOSTILE[shape](objects)), before)
    top = folder.partition("/")[0]
    with pytest.raises(UserError) as caught:
        repository.read(commit, [f"{top}/"])
    assert caught.value.reason == Reason.HOSTILE_OBJECT
    assert str(caught.value).isascii()
    states = States(repository, templates())
    fault = states.snapshot(commit).fault
    assert fault is not None
    assert top == "manifests" or fault.reason == Reason.HOSTILE_OBJECT
    assert list(states.releases([commit, before])) == []
    after = objects.commit(f"{before}^{{tree}}", commit)
    # What cannot be looked at counts as empty: whoever put things back added them once more.
    assert repository.history(after, top).changes(f"{folder}/a.yaml", "A")[-1] == before


@pytest.mark.parametrize("name", [b"policy.yaml", b"releases", b"x"])
def test_a_name_twice_at_the_top(objects: Objects, name: bytes) -> None:
    repository = Repository(objects.folder)
    before = repository.resolve("refs/heads/main")
    rows = [(mode, name, objects.put(before, "y", ("100644", objects.blob()))) for mode in (FOLDER, FOLDER)]
    commit = objects.commit(objects.tree([*objects.rows(before), *rows]), before)
    states = States(repository, templates())
    fault = states.snapshot(commit).fault
    assert fault is not None
    assert fault.reason == Reason.HOSTILE_OBJECT
    assert states.policy(commit) is None
    assert list(states.releases([commit, before])) == []
    assert repository.history(commit, "releases").changes("releases/churn/a.yaml", "A") == [before]
    assert repository.changes(commit, "releases/churn/a.yaml", "A") == [before]


@pytest.mark.parametrize("shape", ["a bomb", "a deep folder", "a name twice"])
def test_a_merge_of_what_cannot_be_looked_at_is_no_clean_one(objects: Objects, shape: str) -> None:
    """Both sides changed it, so every level has to be looked into."""
    repository = Repository(objects.folder)
    made = [objects.beside(repository.resolve("refs/heads/main"), "environments", HOSTILE[shape](objects))]
    for text in (b"left", b"right", b"merged"):
        other = Objects(objects.folder)
        other.blob = lambda *_, text=text: objects.blob(text)  # type: ignore[method-assign]
        made.append(
            other.beside(repository.resolve("refs/heads/main"), "environments", HOSTILE[shape](other))
        )
    base = objects.commit(made[0])
    sides = [objects.commit(each, base) for each in made[1:3]]
    (merge,) = repository.commits([objects.commit(made[3], *sides)])
    assert not repository.is_clean_merge(merge)


def every_verb_ends_well(world: World, said: Callable[[], str]) -> None:
    clone = world.enter("ravi")
    world.git("ravi", "fetch", "-q", "origin")
    for words in VERBS:
        with pytest.raises(SystemExit) as ended:
            main([*(each.format(out=clone.parent / "out.md") for each in words), "-C", str(clone)])
        assert ended.value.code in {0, 1, 2}, f"{words}: {said()}"


@pytest.fixture
def told(capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What was printed since the last call."""
    return lambda: "".join(capfd.readouterr())


@pytest.fixture
def spoiled(running: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which a verb may be called as from the terminal."""
    running.enter("ravi")
    for key, value in running.environment("ravi").items():
        monkeypatch.setenv(key, value)
    return running


def move_main(world: World, tree: str) -> str:
    """Put a tree onto main, as a forge does that checks nothing."""
    made = Objects(world.origin).commit(tree, world.head())
    world.run(world.origin, "git", "update-ref", "refs/heads/main", made)
    return made


@pytest.mark.slow
def test_all_of_them_in_one_history(spoiled: World, told: Callable[[], str]) -> None:
    """Each is merged and then mended by somebody; what runs stays, and the next change is deployed."""
    objects, rendered = Objects(spoiled.origin), spoiled.manifests()
    good = spoiled.run(spoiled.origin, "git", "rev-parse", "main^{tree}")
    for number, make in enumerate(HOSTILE.values()):
        rows = make(objects)
        move_main(spoiled, objects.beside(good, FOLDERS[number % 2], rows))
        if number == 7:
            move_main(spoiled, objects.tree([*objects.rows(good), *objects.rows(good)]))
        if number % 5 == 0:
            spoiled.reconcile()
            assert spoiled.manifests() == rendered
            good = objects.put(good, "manifests", (FOLDER, objects._git("rev-parse", "main:manifests")))
        move_main(spoiled, good)
    spoiled.reconcile()
    assert spoiled.manifests() == rendered
    every_verb_ends_well(spoiled, told)
    spoiled.deploy(spoiled.replicas("dana", 5), "ravi")
    assert spoiled.manifests() != rendered
    every_verb_ends_well(spoiled, told)


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["environments", "releases/churn"])
@pytest.mark.parametrize("shape", ["a bomb", "a deep folder", "a name twice"])
def test_the_newest_commit_is_such_a_one(
    spoiled: World, folder: str, shape: str, told: Callable[[], str]
) -> None:
    objects, rendered = Objects(spoiled.origin), spoiled.manifests()
    move_main(spoiled, objects.beside("main", folder, HOSTILE[shape](objects)))
    for _ in range(2):
        spoiled.reconcile()
        assert spoiled.manifests() == rendered
    every_verb_ends_well(spoiled, told)


ROOTS: dict[str, Callable[[Objects], list[Row]]] = {
    **{
        f"beside: {name}": HOSTILE[name]
        for name in ("named b'..'", "named b'.git'", "named b'.GIT'", "named b'git~1'", "a submodule",
                     "a symlink to a folder", "a folder called .git", "a bomb")
    },
    "a symlink for models.yaml": lambda objects: [(LINK, b"models.yaml", objects.blob(b"/etc/passwd"))],
    "a symlink for policy.yaml": lambda objects: [(LINK, b"policy.yaml", objects.blob(b"models.yaml"))],
    "a symlink for environments": lambda objects: [(LINK, b"environments", objects.blob(b".git/hooks"))],
    "a symlink for manifests": lambda objects: [(LINK, b"manifests", objects.blob(b"../elsewhere"))],
    "a submodule for releases": lambda objects: [(MODULE, b"releases", "1" * 40)],
    "a bomb for environments": lambda objects: [(FOLDER, b"environments", bomb(objects, 7))],
    "a file for manifests": lambda objects: [(FILE, b"manifests", objects.blob())],
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("shape", ROOTS)
def test_the_root_of_the_newest_commit_is_hostile(
    spoiled: World, shape: str, told: Callable[[], str]
) -> None:
    """Rendered manifests stay what they were, also where the root's own names lead elsewhere."""
    objects, rendered = Objects(spoiled.origin), spoiled.manifests()
    rows = ROOTS[shape](objects)
    kept = [each for each in objects.rows("main") if each[1] not in {row[1] for row in rows}]
    move_main(spoiled, objects.tree([*kept, *rows]))
    for _ in range(2):
        spoiled.reconcile()
        assert spoiled.manifests() == rendered
    every_verb_ends_well(spoiled, told)


def test_an_edit_unfolds_no_bomb(objects: Objects) -> None:
    """A file is put beside what stands for billions of files, and into a folder beside one."""
    repository = Repository(objects.folder)
    before = repository.resolve("refs/heads/main")
    rows = [*objects.rows(before), (FOLDER, b"zz", bomb(objects, 9))]
    commit = objects.commit(objects.tree(rows), before)
    made = repository.with_files(
        commit, {"environments/b.yaml": b"x", "new/deep/er": b"y", "releases/churn/a.yaml": None}
    )
    assert repository.read(made, ["environments/b.yaml", "new/"]) == {
        "environments/b.yaml": b"x",
        "new/deep/er": b"y",
    }
    assert {each[1] for each in objects.rows(made)} == {b"environments", b"manifests", b"new", b"zz"}
    assert repository.with_files(
        made, {"new/deep/er": None, "environments/b.yaml": None, "releases/churn/a.yaml": b"x\n"}
    ) == (objects.tree(rows))


def test_an_edit_goes_through_nothing_but_folders(objects: Objects) -> None:
    repository = Repository(objects.folder)
    commit = objects.commit(objects.tree([(LINK, b"environments", objects.blob(b"../.git/hooks"))]))
    with pytest.raises(UserError, match="where a folder must be") as caught:
        repository.with_files(commit, {"environments/b.yaml": b"x"})
    assert caught.value.reason == Reason.HOSTILE_OBJECT
    for odd in ("../x", ".git/hooks/pre-push", "a/.GIT./x", "/etc/x"):
        with pytest.raises(UserError):
            repository.with_files(commit, {odd: b"x"})
