"""What `ordain check` finds of a merge in generated files: conflict markers, and files left undecided.

Git leaves no marker in a file that it was told not to merge (`-merge`, as every model's `dvc.lock`), so its
index is asked too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from ordain.adapters import files as disk
from ordain.core.pipelines.looks import FILE as LOOKS
from ordain.core.pipelines.pipeline import FOLDER
from ordain.core.problems import Problem
from ordain.core.state.instance import is_state_path
from ordain.core.yaml.conflicts import is_generated_path, mended_by
from ordain.core.yaml.yamldoc import Document
from ordain.core.yaml.yamlscalars import Fault
from ordain.core.yaml.yamltext import conflicts
from ordain.errors import UserError

# What is committed of a pipeline and read again by a later verb; DVC rewrites the rest.
_READ_AGAIN = ("dvc.lock", LOOKS)


def conflict_problems(root: Path, told: Collection[str]) -> Iterator[Problem]:
    """Conflicts that reading the declared state has not told of.

    Args:
        root: the repository's top folder, resolved. told: files with a conflict that is known.
    """
    try:
        files = disk.read_state(root, _is_read_again, tops=("dvc.lock", FOLDER))
    except UserError:
        files = {}  # what stands in the way is reported with the generated files
    torn = {path: found for path, data in files.items() if (found := conflicts(path, _text(data)))}
    for found in torn.values():
        yield from found[:1]
    for path in sorted(_unmerged(root) - torn.keys() - set(told)):
        if is_generated_path(path) or is_state_path(path):
            message = "two sides of a merge changed it, and it is not decided yet"
            yield Document(file=path).at_value((), Fault("merge-conflict", message, mended_by(path)))


def _is_read_again(path: str) -> bool:
    return path.rpartition("/")[2] in _READ_AGAIN


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _unmerged(root: Path) -> set[str]:
    """Paths that a merge under way has not decided; none outside Git."""
    from ordain.adapters.git import find_repository

    try:
        repository = find_repository(root)
    except UserError:
        return set()
    return repository.unmerged() if repository.folder.resolve() == root else set()
