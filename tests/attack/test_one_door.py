"""Processes begin at a few known places, and Git at one of them."""

from __future__ import annotations

import ast
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from ordain.adapters.git import Repository
from ordain.adapters.git.batch import Batch
from ordain.adapters.git.command import Command, Ran
from ordain.errors import UserError

ROOT = Path(__file__).parents[2]
GIT = "adapters/git/"
# Who may start a process, and which one.
STARTS = {
    "adapters/git/command.py": "git, by GitPython",
    "adapters/dvc.py": "DVC",
    "adapters/dvc_remote.py": "DVC",
    "adapters/ssh.py": "ssh-keygen",
    "adapters/registry/logins.py": "a credential helper that the person's Docker settings name",
    "runtime/edge/verify.py": "ssh-keygen, on a device",
    "services/demo/theatre.py": "what the narrated demo shows, in its own scratch folder",
    "services/demo/pod.py": "the server of the narrated demo",
    "dependencies.py": "pip, for the environment that the wheel is in",
}
# Who may hand words of their own to the door: they found a repository and have nothing from outside.
RAW = {"services/setup/init.py", "services/setup/init_forge.py", "services/setup/init_people.py"}
STARTERS = {
    "subprocess", "pty", "multiprocessing", "asyncio.subprocess", "git", "gitdb", "dulwich", "pygit2",
    "scmrepo",
}  # fmt: skip
CALLS = {"system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp", "startfile", "execv", "execve",
         "execvp", "spawnv", "spawnl", "create_subprocess_exec", "create_subprocess_shell"}  # fmt: skip


@cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    top = ROOT / "src/ordain"
    paths = sorted(top.rglob("*.py"))
    return tuple((path.relative_to(top).as_posix(), ast.parse(path.read_text("utf-8"))) for path in paths)


def imported(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return found


def called(tree: ast.Module) -> set[str]:
    names = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in names}


def test_processes_begin_at_known_places() -> None:
    starting = {
        name
        for name, tree in modules()
        if any(each.split(".")[0] in STARTERS or each in STARTERS for each in imported(tree))
    }
    assert starting == set(STARTS)


def test_no_other_way_to_start_one_is_used() -> None:
    found = {name: called(tree) & CALLS for name, tree in modules() if called(tree) & CALLS}
    copies = {"adapters/copies.py": {"fork"}, "runtime/workers/supervisor.py": {"fork"}}
    assert found == copies, "copies of this process, and no other program"


def test_git_is_named_by_its_door_alone() -> None:
    """No other list of words begins with `git`; the demo shows commands, and starts them as a person does."""
    for name, tree in modules():
        if name.startswith((GIT, "services/demo/")):
            continue
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.List | ast.Tuple)
                and node.elts
                and isinstance(node.elts[0], ast.Constant)
            ):
                assert node.elts[0].value != "git", f"{name}:{node.lineno}"


def test_gitpython_is_handed_words_and_nothing_else() -> None:
    """`git.Repo` would take URLs and revisions unchecked; only the runner of commands is used."""
    for name, tree in modules():
        used = {each for each in imported(tree) if each.split(".")[0] == "git"}
        assert used <= ({"git.cmd", "git.cmd.Git"} if name == f"{GIT}command.py" else set())


@pytest.mark.parametrize("method", ["run", "line", "start"])
def test_only_the_door_makes_up_commands(method: str) -> None:
    """What services hand over goes through methods that check it, never through a command of their own."""
    held = {"clone", "repository", "repo"}
    for name, tree in modules():
        if name.startswith(GIT) or name in RAW:
            continue
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == method
            ):
                owner = node.func.value
                word = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
                assert word.strip("_") not in held, f"{name}:{node.lineno}"


def test_nothing_asks_for_a_shell() -> None:
    for name, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "shell":
                assert isinstance(node.value, ast.Constant), name
                assert node.value.value is False, name


ID = "1" * 40
METHODS: dict[str, Callable[[Repository, str], object]] = {
    "find": lambda door, word: door.find(word),
    "resolve": lambda door, word: door.resolve(word),
    "tree": lambda door, word: door.tree(word),
    "extent": lambda door, word: door.extent(word),
    "read": lambda door, word: door.read(word, ["x"]),
    "read a path": lambda door, word: door.read(ID, [word]),
    "objects": lambda door, word: door.objects([word], "blob"),
    "commits": lambda door, word: door.commits([word]),
    "refs": lambda door, word: door.refs(word),
    "commits below": lambda door, word: door.commits_below(word),
    "graph": lambda door, word: door.graph(word),
    "between": lambda door, word: door.between(ID, word),
    "reachable": lambda door, word: door.reachable(word),
    "merged tree": lambda door, word: door.merged_tree(ID, word),
    "changes": lambda door, word: door.changes(word, "x"),
    "changes of a path": lambda door, word: door.changes(ID, word),
    "last change": lambda door, word: door.last_change(ID, word),
    "names ever": lambda door, word: door.names_ever(word),
    "remote": lambda door, word: door.remote(word),
    "has remote": lambda door, word: door.has_remote(word),
    "fetch from": lambda door, word: door.fetch(word, {"refs/heads/x": "refs/x"}),
    "fetch theirs": lambda door, word: door.fetch("/x", {word: "refs/x"}),
    "fetch ours": lambda door, word: door.fetch("/x", {"refs/x": word}),
    "has": lambda door, word: door.has(word, "refs/x"),
    "has a ref": lambda door, word: door.has("/x", word),
    "push to": lambda door, word: door.push(word, ID, "refs/x"),
    "push": lambda door, word: door.push("/x", word, "refs/x"),
    "push as": lambda door, word: door.push("/x", ID, word),
    "unrecorded": lambda door, word: door.unrecorded([word]),
    "tracked": lambda door, word: door.tracked([word]),
    "adopt": lambda door, word: door.adopt(word),
    "commit as user": lambda door, word: door.commit_as_user(ID, word, "x"),
    "a tree as user": lambda door, word: door.commit_as_user(word, ID, "x"),
    "start branch": lambda door, word: door.start_branch(word, ID),
    "start branch at": lambda door, word: door.start_branch("x", word),
    "leave branch": lambda door, word: door.leave_branch(word, "main"),
    "leave for": lambda door, word: door.leave_branch("x", word),
    "restore": lambda door, word: door.restore([word]),
    "set ref": lambda door, word: door.set_ref(word, ID),
    "set ref to": lambda door, word: door.set_ref("refs/x", word),
}  # fmt: skip
OPTIONS = ["--upload-pack=touch x", "-c", "--output=x", "-", "../x", ":(top)x"]
WORDS = ["--upload-pack=touch x", "-c", "--output=x", "ext::sh -c touch% x", "fd::3", "../x", ":(top)x",
         "a\0b", "a\nb", "refs/heads/../x", "@{-1}", "x\u202ey", "-"]  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_no_method_hands_a_hostile_word_to_git(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused, or it is the odd but harmless name of a file, which stands behind `--`."""
    given: list[list[str]] = []

    def runs(self: Command, *words: str, stdin: bytes | None = None, **options: object) -> Ran:
        given.append([*words, *(stdin or b"").decode().split("\n")])
        return Ran(0, b"", "")

    monkeypatch.setattr(Command, "run", runs)
    monkeypatch.setattr(Batch, "sizes", lambda self, ids: {})
    monkeypatch.setattr(Batch, "contents", lambda self, ids: {})
    for word in WORDS:
        given.clear()
        with suppress(UserError):
            METHODS[name](Repository(Path("/")), word)
        for words in given:
            told = words[: words.index("--")] if "--" in words and word not in OPTIONS else words
            assert not [each for each in told if each == word or (len(word) > 2 and word in each)], word
