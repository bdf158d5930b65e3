"""The graph of commits: what is reachable from where, answered from memory.

A commit's generation is one more than the highest of its parents', so every path goes down in it. That
bounds each walk: nothing below the generation that is looked for needs to be seen.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

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
        found = []
        for commit, sides, waiting in self._painted(until, after):
            if sides == _OURS:
                found.append(commit)
            if _OURS not in waiting:
                break
        return found

    def merge_bases(self, left: str, right: str) -> list[str]:
        """The newest commits that two have in common, none of which is reachable from another."""
        found: list[str] = []
        for commit, sides, waiting in self._painted(left, right):
            if sides == _COMMON:
                found.append(commit)
            if waiting <= {_STALE}:
                break
        return found

    def _painted(self, left: str, right: str) -> Iterator[tuple[str, int, set[int]]]:
        """Commits by falling generation, from which sides each is reached, and the same of those to come.

        What is reached from a common commit is stale: it is no newest one.
        """
        sides = {left: _OURS}
        sides[right] = sides.get(right, 0) | _THEIRS
        heap = [(-self._generation[each], each) for each in sides]
        heapq.heapify(heap)
        while heap:
            _, commit = heapq.heappop(heap)
            mine = sides[commit]
            passed = _STALE if mine == _COMMON else mine
            for parent in self._parents[commit]:
                if parent not in sides:
                    heapq.heappush(heap, (-self._generation[parent], parent))
                sides[parent] = sides.get(parent, 0) | passed
            yield commit, mine, {min(_STALE, sides[each]) for _, each in heap}
