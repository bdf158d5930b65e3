"""How commits descend from one another, and what each step of a branch changed."""

from __future__ import annotations

from pathlib import Path

from ordain.adapters.git.reading import Reader
from ordain.core import gitnames
from ordain.core.cleanmerge import is_clean_merge
from ordain.core.commitgraph import Graph
from ordain.core.commits import Commit
from ordain.core.pathhistory import PathHistory, difference

_CHANGES = (
    "log",
    "--first-parent",
    "--diff-merges=first-parent",
    "--no-renames",
    "--no-patch",
    "--format=%H",
)


class Ancestry(Reader):
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
            found = is_clean_merge(base, (left, right), commit.tree, self.tree)
            if found is not None:
                return found
        return self.merged_tree(ours, theirs) == commit.tree

    def merged_tree(self, ours: str, theirs: str) -> str | None:
        """The tree that merging two commits gives by itself; None when they conflict."""
        words = ("merge-tree", "--write-tree", "--no-messages")
        ran = self.run(*words, gitnames.object_id(ours), gitnames.object_id(theirs), fine=(0, 1))
        return ran.output.decode().split("\n", 1)[0].strip() if ran.code == 0 else None

    def changes(self, head: str, path: str, kinds: str = "") -> list[str]:
        """First-parent commits that changed something at or below a path, newest first.

        Args:
            kinds: letters of `git log --diff-filter`, such as `A` for added; empty for any change.
        """
        chosen = (f"--diff-filter={kinds}",) if kinds.isalpha() else ()
        return self.line(*_CHANGES, *chosen, gitnames.object_id(head), "--", gitnames.path(path)).split()

    def warm(self, head: str) -> None:
        """Read every commit up to one and its tree, in few questions: for who will look at most of them."""
        known = self.commits(self.reachable(head))
        self.objects([each.tree for each in known], "tree")

    def history(self, head: str, top: str) -> PathHistory:
        """What each first-parent step up to a commit changed below one top folder.

        It reads every step once; for a single path of a long history, `changes` is cheaper.
        """
        if (head, top) not in self._histories:
            chain = self.first_parents(head)
            ends = zip(chain, [*chain[1:], None], strict=True)
            self._histories[head, top] = PathHistory((now, self._step(now, old, top)) for now, old in ends)
        return self._histories[head, top]

    def known_history(self, commit: str, top: str) -> PathHistory | None:
        """A history of a top folder that was read already and has a commit as a step, if there is one."""
        found = (each for (_, name), each in self._histories.items() if name == top and commit in each)
        return next(found, None)

    def _step(self, now: str, before: str | None, top: str) -> dict[str, str]:
        old = self.tree(before).get(top) if before else None
        return dict(difference(top, (old, self.tree(now).get(top)), self.tree))

    def last_change(self, head: str, path: str) -> str | None:
        """The newest commit, on whichever side of a merge, that changed a path; None when there is none."""
        words = ("rev-list", "--max-count=1", gitnames.object_id(head), "--", gitnames.path(path))
        return self.line(*words) or None
