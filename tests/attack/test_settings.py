"""Settings, attributes and objects of a hostile repository against the door to Git, with Git itself."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ordain.adapters.git import Repository, find_repository
from ordain.errors import RetryLater, UserError
from tests.attack.armed import Armed

ABSENT = "1" * 40
SUBSECTIONS = st.text(
    st.sampled_from('abcABC=. ":;#[]\\-_!/*é')
    | st.characters(exclude_characters="\0\n", exclude_categories=["Cs"]),
    min_size=1, max_size=8,
)  # fmt: skip


class Clone:
    """A repository with one commit, and marks beside it."""

    def __init__(self, root: Path) -> None:
        self.root, self.armed = root / "clone", Armed(root / "marks")
        self.root.mkdir()
        self.git("init", "-q", "-b", "main")
        for key, value in (("user.name", "A"), ("user.email", "a@x.example")):
            self.git("config", key, value)
        self.commit({"models.yaml": "a\nb\n"})

    def git(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(["git", *words], cwd=self.root, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, files: dict[str, str]) -> str:
        for path, text in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_an_object_that_is_not_here_is_not_fetched_in_passing(clone: Clone) -> None:
    """Git asks a "promisor" for it, by whatever command the repository names for that."""
    for key, value in {
        "remote.origin.url": "ssh://evil.example/x", "remote.origin.promisor": "true",
        "core.sshCommand": clone.armed.run("ssh"), "core.repositoryformatversion": "1",
        "extensions.partialClone": "origin",
    }.items():  # fmt: skip
        clone.git("config", key, value)
    clone.git("cat-file", "-p", ABSENT, check=False)
    assert clone.armed.left == ["ssh"], "the premise: Git itself fetches"
    (clone.armed.marks / "ssh").unlink()
    repository = Repository(clone.root)
    assert repository.find(ABSENT) is None
    with pytest.raises(UserError, match="not here"):
        repository.objects([ABSENT], "blob")
    with pytest.raises(UserError, match="not here"):
        repository.tree(ABSENT)
    assert repository.first_parents(clone.git("rev-parse", "HEAD"))
    assert clone.armed.left == []


@pytest.mark.parametrize("verb", ["fetch", "push", "has"])
def test_a_remote_is_reached_by_no_command_of_the_repository(clone: Clone, verb: str) -> None:
    head = clone.git("rev-parse", "HEAD")
    for key, value in {
        "core.sshCommand": clone.armed.run("ssh"), "core.askPass": clone.armed.run("askpass"),
        "credential.helper": f"!{clone.armed.run('helper')}",
        "credential.https://127.0.0.1:9.helper": f"!{clone.armed.run('helper')}",
        "url.ext::sh -c .insteadOf": "https://127.0.0.1:9/ext",
        "protocol.ext.allow": "always",
    }.items():  # fmt: skip
        clone.git("config", key, value)
    repository = Repository(clone.root)
    act: dict[str, Callable[[str], object]] = {
        "fetch": lambda address: repository.fetch(address, {"refs/heads/main": "refs/x"}),
        "push": lambda address: repository.push(address, head, "refs/heads/main"),
        "has": lambda address: repository.has(address, "refs/heads/main"),
    }
    for address in ("ssh://127.0.0.1:9/x", "https://127.0.0.1:9/x", "https://127.0.0.1:9/ext"):
        with pytest.raises((UserError, RetryLater)):
            act[verb](address)
    assert clone.armed.left == []


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=SUBSECTIONS)
def test_no_name_of_a_section_hides_its_program(clone: Clone, name: str) -> None:
    """Looked for in what a command is given: an attribute could not name every such driver."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    config = clone.root / ".git/config"
    before = config.read_bytes()
    config.write_bytes(
        before + f'[filter "{quoted}"]\n\tclean = evil\n[remote "{quoted}"]\n\tuploadpack = evil\n'.encode()
    )
    try:
        assert clone.git("config", f"filter.{name}.clean") == "evil"
        repository = Repository(clone.root)
        listed = repository.run("config", "--list", "-z", environment=repository._guards("ls-files"))
        seen = listed.output.decode()
        last = dict(entry.partition("\n")[::2] for entry in seen.split("\0"))
        assert "evil" not in last.values()
    finally:
        config.write_bytes(before)


def test_what_a_branch_includes_is_switched_off_on_that_branch(clone: Clone) -> None:
    """`includeIf.onbranch` shows its settings only once one is there."""
    clone.commit({".gitattributes": "*.yaml filter=evil\n"})
    for key in ("clean", "smudge"):
        clone.git("config", "--file", ".git/more", f"filter.evil.{key}", f"{clone.armed.run(key)} ; cat")
    clone.git("config", "includeIf.onbranch:promote/**.path", "more")
    repository = Repository(clone.root)
    repository.start_branch("promote/x", clone.git("rev-parse", "HEAD"))
    (clone.root / "models.yaml").write_text("c\n")
    assert repository.unrecorded(["models.yaml"]) == ["models.yaml"]
    repository.restore(["models.yaml"])
    assert (clone.root / "models.yaml").read_text() == "a\nb\n"
    repository.leave_branch("promote/x", "main")
    assert clone.armed.left == []
    clone.git("checkout", "-q", "-b", "promote/y")
    (clone.root / "models.yaml").write_text("d\n")
    clone.git("status", check=False)
    clone.git("checkout", "-q", "--", ".", check=False)
    assert clone.armed.left, "the premise: Git itself runs them there"


@pytest.mark.parametrize("place", ["working tree", "info", "settings"])
def test_what_a_merge_gives_does_not_depend_on_attributes(clone: Clone, place: str) -> None:
    """Else a conflict that somebody decided could pass for what Git makes of two parents by itself."""
    clone.git("checkout", "-q", "-b", "left")
    left = clone.commit({"models.yaml": "a\nb\nleft\n"})
    clone.git("checkout", "-q", "main")
    right = clone.commit({"models.yaml": "a\nb\nright\n"})
    text = "* merge=union\n"
    if place == "settings":
        text = "* merge=evil\n"
        clone.git("config", "merge.evil.driver", f"{clone.armed.run('driver')} ; true")
    where = ".git/info/attributes" if place == "info" else ".gitattributes"
    (clone.root / where).parent.mkdir(exist_ok=True)
    (clone.root / where).write_text(text)
    asked = clone.git("merge-tree", "--write-tree", left, right, check=False)
    assert "CONFLICT" not in asked, "the premise: Git itself follows"
    assert Repository(clone.root).merged_tree(left, right) is None
    for mark in clone.armed.marks.iterdir():
        mark.unlink()
    assert Repository(clone.root).merged_tree(left, right) is None
    assert clone.armed.left == []


def test_a_bare_repository_that_was_committed_as_a_folder_is_no_repository(clone: Clone) -> None:
    inner = clone.root / "data"
    subprocess.run(["git", "init", "-q", "--bare", str(inner)], check=True)
    subprocess.run(
        ["git", "config", "--file", str(inner / "config"), "core.worktree", str(clone.root.parent)],
        check=True,
    )
    subprocess.run(["git", "config", "--file", str(inner / "config"), "core.bare", "false"], check=True)
    with pytest.raises(UserError, match="in no Git repository"):
        find_repository(inner)
    assert find_repository(clone.root).folder == clone.root


def test_repositories_of_the_longer_ids_merge_too(tmp_path: Path) -> None:
    clone = Clone.__new__(Clone)
    clone.root, clone.armed = tmp_path, Armed(tmp_path / "marks")
    clone.git("init", "-q", "--object-format=sha256", "-b", "main")
    for key, value in (("user.name", "A"), ("user.email", "a@x.example")):
        clone.git("config", key, value)
    base = clone.commit({"a": "1\n2\n3\n4\n5\n"})
    left = clone.commit({"a": "0\n1\n2\n3\n4\n5\n"})
    clone.git("checkout", "-q", "-b", "right", base)
    right = clone.commit({"a": "1\n2\n3\n4\n5\n6\n"})
    tree = Repository(tmp_path).merged_tree(left, right)
    assert tree is not None
    assert Repository(tmp_path).read(tree, ["a"]) == {"a": b"0\n1\n2\n3\n4\n5\n6\n"}
