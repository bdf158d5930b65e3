"""How commits descend from one another, and what each step of a branch changed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

from ordain.adapters.git.command import Command
from ordain.adapters.git.walking import Walker
from ordain.core import gitnames
from ordain.core.git.cleanmerge import is_clean_merge
from ordain.core.git.commitgraph import Graph
from ordain.core.git.commits import Commit
from ordain.core.git.pathhistory import PathHistory, difference
from ordain.core.git.trees import TREE, Tree
from ordain.errors import UserError

_CHANGES = (
    "log",
    "--first-parent",
    "--diff-merges=first-parent",
    "--no-renames",
    "--no-patch",
    "--format=%H",
)


# Few objects can stand for any number of files. What is beyond these is taken for no clean merge.
MERGE_READS, MERGE_FILES, MERGE_DEPTH = 100_000, 5_000_000, 256


class _TooMuchError(Exception):
    """There is more to look at than a merge is worth."""


class Ancestry(Walker):
    """What can be asked of a repository's history.

    Args:
        folder: a working tree, a folder in one, or a bare repository.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._graph = Graph()
        self._heads: list[str] = []
        self._histories: dict[tuple[str, str], PathHistory] = {}

    def graph(self, *heads: str) -> Graph:
        """The graph of commits, with everything that is reachable from some."""
        for head in heads:
            if gitnames.object_id(head) not in self._graph:
                known = [f"^{each}" for each in self._heads]
                words = ("rev-list", "--topo-order", "--reverse", "--parents", head, "--stdin")
                rows = self.run(*words, stdin="\n".join([*known, ""]).encode()).output.decode().splitlines()
                self._graph.add(tuple(row.split()) for row in rows)
                self._heads.append(head)
        return self._graph

    def first_parents(self, head: str) -> list[str]:
        """A commit and its first-parent ancestors, newest first."""
        return list(self.graph(head).first_parents(head))

    def steps(self, after: str, until: str) -> list[str] | None:
        """First-parent steps from one commit to another, oldest first; None when they don't lead there."""
        graph = self.graph(until)
        found = graph.first_parents_after(after, until) if after in graph else None
        return found[::-1] if found is not None else None

    def between(self, after: str, until: str) -> list[str]:
        """Commits reachable from `until` and not from `after`, children before parents."""
        return self.graph(after, until).between(after, until)

    def through(self, after: str, until: str) -> set[str]:
        """Commits between two that descend from the first."""
        graph = self.graph(after, until)
        return {each for each in graph.between(after, until) if graph.is_ancestor(after, each)}

    def merge_base(self, left: str, right: str) -> str | None:
        """The newest commit that two have in common; None when there is none."""
        return next(iter(self.graph(left, right).merge_bases(left, right)), None)

    def reachable(self, commit: str) -> frozenset[str]:
        """A commit and all its ancestors."""
        return frozenset(self.line("rev-list", gitnames.object_id(commit)).split())

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether one commit is reachable from another."""
        return self.graph(old, new).is_ancestor(old, new)

    def is_clean_merge(self, commit: Commit) -> bool:
        """Whether a merge of two commits is what Git makes of them by itself."""
        ours, theirs = commit.parents
        bases = self.graph(ours, theirs).merge_bases(ours, theirs)
        if len(bases) == 1:
            base, left, right = (each.tree for each in self.commits((*bases, ours, theirs)))
            try:
                found = is_clean_merge(base, (left, right), commit.tree, self._read_sparingly())
            except (_TooMuchError, RecursionError):
                return False
            if found is not None:
                return found
        return self.merged_tree(ours, theirs) == commit.tree

    def merged_tree(self, ours: str, theirs: str) -> str | None:
        """The tree that merging two commits gives by itself; None when they conflict, or hold too much.

        No attribute and no driver of the repository's has a say: the answer is that of any other clone.
        """
        words = ("merge-tree", "--write-tree", "--no-messages")
        ends = (gitnames.object_id(ours), gitnames.object_id(theirs))
        if not all(self._mergeable(each) for each in ends):
            return None
        with tempfile.TemporaryDirectory(prefix="ordain-merge-") as folder:
            # Even in a bare repository Git looks for attributes in the folder that it is called in.
            apart = Command(_laid_out(Path(folder), len(ours)))
            objects = {"GIT_OBJECT_DIRECTORY": self.objects_folder}
            ran = apart.run(*words, *ends, fine=(0, 1), environment=objects)
        return ran.output.decode().split("\n", 1)[0].strip() if ran.code == 0 else None

    def changes(self, head: str, path: str, kinds: str = "") -> list[str]:
        """First-parent commits that changed something at or below a path, newest first.

        Args:
            kinds: any of `A`dded, `M`odified and `D`eleted; empty for any change. Git could filter by them
                only by going through all that a folder holds, however much that is.
        """
        found = self.line(*_CHANGES, gitnames.object_id(head), "--", gitnames.path(path)).split()
        if not kinds:
            return found
        return [each for each in found if any(kind in kinds for _, kind in self._difference(each, path))]

    def touched(self, head: str, path: str, kinds: str = "AMD") -> list[str]:
        """First-parent commits that touched one file, newest first; kinds as of `changes`.

        Git is asked only where no history that was read already has the commit.
        """
        known = self.known_history(head, path.partition("/")[0])
        return self.changes(head, path, kinds) if known is None else known.changes(path, kinds, head)

    def _difference(self, commit: str, path: str) -> Iterator[tuple[str, str]]:
        """What a first-parent step changed at and below a path."""
        parents = self.commits([commit])[0].parents
        before = self.stood(parents[0], path) if parents else None
        return difference(path, (before, self.stood(commit, path)), self.within)

    def _read_sparingly(self) -> Callable[[str], Tree]:
        """Reading trees for one question: as many as a large repository needs, and none that is hostile."""
        left = count(MERGE_READS, -1)

        def read(name: str) -> Tree:
            if next(left) == 0:
                raise _TooMuchError
            try:
                return self.tree(name)
            except UserError as error:
                raise _TooMuchError from error

        return read

    def _mergeable(self, commit: str) -> bool:
        """Whether Git can be asked to look through all that a commit holds."""
        try:
            files, depth = self.extent(self.commits([commit])[0].tree)
        except UserError:
            return False
        return files <= MERGE_FILES and depth <= MERGE_DEPTH

    def names_ever(self, folder: str) -> set[str]:
        """Every name that stood in a folder in any commit of any ref."""
        words = ("rev-list", "--all", "--full-history", "--", gitnames.path(folder))
        entries = {self.stood(each, folder) for each in self.line(*words).split()}
        return {name for entry in entries if entry and entry[0] == TREE for name in self.within(entry[1])}

    def warm(self, head: str, tops: Sequence[str]) -> None:
        """Read every commit up to one, and what its tree holds under some names, in few questions: for who
        will look at most of that."""
        known = self.reachable(head)
        self.commits(known)
        self.preload(self.below(known, tops))

    def history(self, head: str, top: str) -> PathHistory:
        """What each first-parent step up to a commit changed below one top folder.

        It reads every step once; for a single path of a long history, `changes` is cheaper.
        """
        if (head, top) not in self._histories:
            chain = self.first_parents(head)
            self.below(chain, (top,))
            ends = zip(chain, [*chain[1:], None], strict=True)
            self._histories[head, top] = PathHistory((now, self._step(now, old, top)) for now, old in ends)
        return self._histories[head, top]

    def known_history(self, commit: str, top: str) -> PathHistory | None:
        """A history of a top folder that was read already and has a commit as a step, if there is one."""
        found = (each for (_, name), each in self._histories.items() if name == top and commit in each)
        return next(found, None)

    def _step(self, now: str, before: str | None, top: str) -> dict[str, str]:
        old = self.stood(before, top) if before else None
        return dict(difference(top, (old, self.stood(now, top)), self.within))

    def last_change(self, head: str, path: str) -> str | None:
        """The newest commit, on whichever side of a merge, that changed a path; None when there is none."""
        words = ("rev-list", "--max-count=1", gitnames.object_id(head), "--", gitnames.path(path))
        return self.line(*words) or None


def _laid_out(folder: Path, id_length: int) -> Path:
    """The folder, as a bare repository without an object, a setting or an attribute of its own.

    Args:
        folder: an empty one. id_length: of object ids, in hexadecimal digits.
    """
    (folder / "refs").mkdir()
    (folder / "HEAD").write_text("ref: refs/heads/none\n", encoding="ascii")
    settings = "[core]\n\tbare = true\n"
    if id_length == 64:
        settings += "\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n"
    (folder / "config").write_text(settings, encoding="ascii")
    return folder
