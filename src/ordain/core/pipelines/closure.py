"""Which of the package's own files a script runs on: its import closure, from source text alone.

A generated stage depends on exactly these files, so a change of code retrains what it affects and nothing
else. Imports inside functions count as much as those at the top, because a stage reaches them too; so do
the `__init__.py` of every package on the way.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

PACKAGE = "ordain"
SOURCE = "src/"


def import_closures(entries: Iterable[str], sources: Mapping[str, bytes]) -> dict[str, tuple[str, ...]]:
    """For each entry: itself and every file of the package that it can import, sorted.

    Args:
        entries: paths of scripts, keys of `sources`.
        sources: Python files of the repository by path; the package lies in `src/ordain`.

    Raises:
        SyntaxError: when a reached file is not Python.
    """
    direct: dict[str, list[str]] = {}

    def imports_of(path: str) -> list[str]:
        if path not in direct:
            names = imported(path, sources[path])
            direct[path] = [each for name in names for each in files_of(name, sources)]
        return direct[path]

    closures = {}
    for entry in entries:
        reached: set[str] = set()
        waiting = [entry]
        while waiting:
            path = waiting.pop()
            if path not in reached:
                reached.add(path)
                waiting += imports_of(path)
        closures[entry] = tuple(sorted(reached))
    return closures


def imported(path: str, source: bytes) -> Iterator[str]:
    """Dotted names of the package that a file may import.

    `from ordain.a import b` gives `ordain.a.b`, whether `b` turns out to be a module or a name in one.
    """
    for node in ast.walk(ast.parse(source, path)):
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _base(path, node)
            names = [f"{base}.{each.name}" for each in node.names]
        else:
            continue
        yield from (each for each in names if each.split(".")[0] == PACKAGE)


def _base(path: str, node: ast.ImportFrom) -> str:
    """The absolute package or module that a `from` names; relative ones start at the file's package."""
    parts = path.removeprefix(SOURCE).split("/")[: -node.level] if node.level else []
    return ".".join([*parts, *filter(None, [node.module])])


def files_of(name: str, sources: Mapping[str, bytes]) -> list[str]:
    """The files that importing a dotted name runs: every package on the way, then the module."""
    parts = name.split(".")
    stems = [SOURCE + "/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    paths = [f"{stem}{end}" for stem in stems for end in ("/__init__.py", ".py")]
    return [each for each in paths if each in sources]
