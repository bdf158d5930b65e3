"""Which step of a branch added, changed or removed which file below one folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from ordain.core.git import trees
from ordain.core.git.trees import Entry, Tree


class PathHistory:
    """The steps of a branch at which a file was touched.

    Args:
        steps: each commit, newest first, and what it changed: `A`dded, `M`odified or `D`eleted, by path.
    """

    def __init__(self, steps: Iterable[tuple[str, Mapping[str, str]]]) -> None:
        self._places: dict[str, int] = {}
        self._touched: dict[str, list[tuple[int, str, str]]] = {}
        for place, (commit, changed) in enumerate(steps):
            self._places[commit] = place
            for path, kind in changed.items():
                self._touched.setdefault(path, []).append((place, commit, kind))

    def __contains__(self, commit: str) -> bool:
        return commit in self._places

    def paths(self, kinds: str) -> list[str]:
        """Files that were touched in some way: `A`dded, `M`odified or `D`eleted, sorted."""
        return sorted(path for path, each in self._touched.items() if any(kind in kinds for *_, kind in each))

    def changes(self, path: str, kinds: str = "AMD", head: str | None = None) -> list[str]:
        """The commits that touched a file, newest first.

        Args:
            kinds: letters of what counts. head: a step; what came later is left out.
        """
        first = self._places[head] if head is not None else 0
        touched = self._touched.get(path, ())
        return [commit for place, commit, kind in touched if place >= first and kind in kinds]


def difference(
    path: str, ends: tuple[Entry | None, Entry | None], read: Callable[[str], Tree]
) -> Iterator[tuple[str, str]]:
    """Files at and below a path that differ, each with `A`, `M` or `D`; arguments as of `trees.changed`."""
    for found, was, now in trees.changed(path, ends, read):
        yield found, "M" if was and now else ("D" if was else "A")
