"""The graph of commits: what is reachable from where, answered from memory.

A commit's generation is one more than the highest of its parents', so every path goes down in it. That
bounds each walk: nothing below the generation that is looked for needs to be seen.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator

_OURS, _THEIRS = 1, 2
_COMMON = _OURS | _THEIRS
_STALE = 4 | _COMMON


class Graph:
    """Commits and their parents, as far as they were added."""

    def __init__(self) -> None:
        self._parents: dict[str, tuple[str, ...]] = {}
        self._generation: dict[str, int] = {}

    def __contains__(self, commit: str) -> bool:
        return commit in self._parents

    def add(self, rows: Iterable[tuple[str, ...]]) -> None:
        """Add commits, each after its parents.

        Args:
            rows: a commit and its parents.

        Raises:
            KeyError: when a parent is not here.
        """
        for commit, *parents in rows:
            self._generation[commit] = 1 + max((self._generation[each] for each in parents), default=0)
            self._parents[commit] = tuple(parents)

    def first_parents(self, head: str) -> Iterator[str]:
        """A commit and its first-parent ancestors, newest first."""
        commit: str | None = head
        while commit is not None:
            yield commit
            commit = next(iter(self._parents[commit]), None)

    def first_parents_after(self, base: str, head: str) -> list[str] | None:
        """First-parent steps from one commit to another, newest first; None when they don't lead there."""
        found: list[str] = []
        for commit in self.first_parents(head):
            if commit == base:
                return found
            if self._generation[commit] < self._generation[base]:
                break
            found.append(commit)
        return None

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether one commit is reachable from another; each is from itself."""
        floor, seen, waiting = self._generation[old], {new}, [new]
        while waiting:
            commit = waiting.pop()
            if commit == old:
                return True
            for parent in self._parents[commit]:
                if parent not in seen and self._generation[parent] >= floor:
                    seen.add(parent)
                    waiting.append(parent)
        return False

    def between(self, after: str, until: str) -> list[str]:
        """Commits reachable from `until` and not from `after`, children before parents."""
        painted = self._painted(until, after, lambda waiting: _OURS not in waiting)
        return [commit for commit, sides in painted if sides == _OURS]

    def merge_bases(self, left: str, right: str) -> list[str]:
        """The newest commits that two have in common, none of which is reachable from another."""
        painted = self._painted(left, right, lambda waiting: waiting <= {_STALE})
        return [commit for commit, sides in painted if sides == _COMMON]

    def _painted(
        self, left: str, right: str, enough: Callable[[set[int]], bool]
    ) -> Iterator[tuple[str, int]]:
        """Commits by falling generation, and from which sides each is reached.

        What is reached from a common commit is stale: it is no newest one.

        Args:
            enough: whether nothing more can be found, by the sides of what waits; true of nothing at all.
        """
        sides = {left: _OURS}
        sides[right] = sides.get(right, 0) | _THEIRS
        heap = [(-self._generation[each], each) for each in sides]
        heapq.heapify(heap)
        while True:
            _, commit = heapq.heappop(heap)
            mine = sides[commit]
            passed = _STALE if mine == _COMMON else mine
            for parent in self._parents[commit]:
                if parent not in sides:
                    heapq.heappush(heap, (-self._generation[parent], parent))
                sides[parent] = sides.get(parent, 0) | passed
            yield commit, mine
            if enough({min(sides[each], _STALE) for _, each in heap}):
                return
