"""What is answered from memory is what Git answers, over random histories with merges."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from ordain.adapters.git import Repository
from ordain.errors import UserError

WHO = {f"GIT_{role}_{part}": "a@x" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}


class Grown:
    """A repository that grows at random; everything from one seed.

    Args:
        root: an empty folder.
    """

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.random = random.Random(seed)
        self.git("init", "-q", "-b", "main")
        self.commits = [self.commit()]

    def git(self, *words: str, fine: tuple[int, ...] = (0,)) -> str:
        env = {**os.environ, **WHO}
        done = subprocess.run(["git", *words], cwd=self.root, env=env, capture_output=True, check=False)
        assert done.returncode in fine, done.stderr
        return done.stdout.decode().strip()

    def commit(self) -> str:
        name = self.random.choice(["a", "b", "c/d", "c/e", "f/g/h"])
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and self.random.random() < 0.2:
            path.unlink()
        else:
            lines = path.read_text().splitlines() if path.exists() else ["0"] * 9
            lines[self.random.randrange(9)] = str(self.random.random())
            path.write_text("\n".join(lines) + "\n")
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        return self.git("rev-parse", "HEAD")

    def grow(self) -> None:
        self.git("checkout", "-q", "--detach", self.random.choice(self.commits))
        if self.random.random() < 0.4:
            other = self.random.choice(self.commits)
            self.git("merge", "-q", "--no-ff", "-m", "m", other, fine=(0, 1, 2))
            if self.git("status", "--porcelain"):
                self.git("add", "-A")
                self.git("commit", "-q", "-m", "by hand")
            self.commits.append(self.git("rev-parse", "HEAD"))
        else:
            self.commits.append(self.commit())


@pytest.mark.parametrize("seed", range(3))
def test_random_histories(tmp_path: Path, seed: int) -> None:
    grown = Grown(tmp_path, seed)
    for _ in range(40):
        grown.grow()
    repository = Repository(tmp_path)
    for _ in range(60):
        left, right = grown.random.choice(grown.commits), grown.random.choice(grown.commits)
        words = ["git", "merge-base", "--is-ancestor", left, right]
        answer = subprocess.run(words, cwd=tmp_path, check=False).returncode
        assert repository.is_ancestor(left, right) == (answer == 0)
        assert set(repository.between(left, right)) == set(grown.git("rev-list", right, f"^{left}").split())
        bases = grown.git("merge-base", "--all", left, right).split()
        assert repository.merge_base(left, right) in bases
        assert repository.first_parents(right) == grown.git("rev-list", "--first-parent", right).split()
        through = grown.git("rev-list", "--ancestry-path", right, f"^{left}").split()
        assert repository.through(left, right) == set(through)


@pytest.mark.parametrize("seed", range(3))
def test_a_clean_merge_is_what_git_makes_of_it(tmp_path: Path, seed: int) -> None:
    grown = Grown(tmp_path, seed + 10)
    for _ in range(60):
        grown.grow()
    repository = Repository(tmp_path)
    merges = [each for each in repository.commits(dict.fromkeys(grown.commits)) if len(each.parents) == 2]
    assert merges
    for each in merges:
        assert repository.is_clean_merge(each) == (repository.merged_tree(*each.parents) == each.tree)


def test_the_history_of_paths_is_that_of_git_log(tmp_path: Path) -> None:
    grown = Grown(tmp_path, 99)
    for _ in range(40):
        grown.grow()
    repository, head = Repository(tmp_path), grown.commits[-1]
    history = repository.history(head, "c")
    for path in ("c/d", "c/e", "c/nothing"):
        for kinds in ("A", "M", "D", "AMD"):
            assert history.changes(path, kinds) == repository.changes(head, path, kinds)


def test_objects_that_are_not_here_or_of_another_kind(tmp_path: Path) -> None:
    grown = Grown(tmp_path, 5)
    repository, head = Repository(tmp_path), grown.commits[0]
    with pytest.raises(UserError, match="the blob"):
        repository.objects([head], "blob")
    for absent in ("0" * 40, "f" * 40):
        assert repository.find(absent) is None
        with pytest.raises(UserError, match="is not here"):
            repository.tree(absent)
    blob = grown.git("rev-parse", f"{head}:{grown.git('ls-tree', '-r', '--name-only', head).split()[0]}")
    assert repository.find(blob) is None
    with pytest.raises(UserError, match="the tree"):
        repository.tree(blob)


def test_more_objects_than_one_pipe_holds(tmp_path: Path) -> None:
    Grown(tmp_path, 6)
    repository = Repository(tmp_path)
    content = [str(number).encode() * 5000 for number in range(600)]
    ids = repository.write_blobs(content)
    assert list(repository.objects(ids, "blob").values()) == content
    late = repository.write_blobs([b"later"])
    assert repository.objects(late, "blob")[late[0]] == b"later"
