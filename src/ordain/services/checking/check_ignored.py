"""What `ordain check` finds that Git was told to leave out: a repository that works here and in no clone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ordain.adapters import files as disk
from ordain.core.pipelines.pipeline import FOLDER
from ordain.core.problems import Problem
from ordain.core.state.instance import Instance
from ordain.core.yaml.yamldoc import Document
from ordain.core.yaml.yamlscalars import Fault
from ordain.errors import UserError

_OF_DVC = ("dvc.yaml", "dvc.lock")


def ignored_problems(root: Path, instance: Instance, documents: Mapping[str, Document]) -> Iterator[Problem]:
    """Files that clones need and Git ignores, unless it has them nevertheless.

    Args:
        root: the repository's top folder, resolved. documents: the declared files, by path.
    """
    sources = {
        spec.data.source.path: name
        for name, spec in instance.models.models.items()
        if spec.data.source.path is not None and _is_gits(root, spec.data.source.path)
    }
    made = [f"{FOLDER}/{name}/{each}" for name in instance.models.models for each in _OF_DVC]
    for path, rule in sorted(_ignored(root, {*documents, *sources, *_OF_DVC, *made}).items()):
        fault = Fault("ignored", f"Git leaves {path} out, so no clone has it: {rule}", mended(path, rule))
        if path in sources:
            place = ("models", sources[path], "data", "source", "path")
            yield documents.get("models.yaml", Document(file="models.yaml")).at_value(place, fault)
        else:
            yield Document(file=path).at_value((), fault)


def mended(path: str, rule: str) -> str:
    """What brings a file into Git; DVC heeds the rule itself, whatever Git has."""
    if path.rpartition("/")[2] in _OF_DVC:
        return f"change that line of {rule.partition(':')[0]}, or add below it: !/{path}"
    return f"git add --force {path}"


def _is_gits(root: Path, source: str) -> bool:
    """Whether a data file is here and not DVC's, which has Git ignore what it holds."""
    there, tracked = _place(root, source), _place(root, f"{source}.dvc")
    return there is not None and there.is_file() and not (tracked is not None and tracked.is_file())


def _place(root: Path, path: str) -> Path | None:
    """Where a path leads; None behind a symlink, which is told already and where Git does not look."""
    try:
        return disk.inside(root, path)
    except UserError:
        return None


def _ignored(root: Path, paths: Iterable[str]) -> dict[str, str]:
    """Of these; nothing where there is no Git."""
    from ordain.adapters.git import find_repository

    try:
        repository = find_repository(root)
    except UserError:
        return {}
    if repository.folder.resolve() != root:
        return {}
    return repository.ignored(each for each in paths if _place(root, each) is not None)
