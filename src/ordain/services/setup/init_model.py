"""The first model that `ordain init` declares: drafted from a table that nobody has described."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ordain.adapters import files as disk
from ordain.adapters import scratch
from ordain.adapters.datasource import BYTE_LIMIT
from ordain.core.setup import scaffold
from ordain.core.specs.parts import NAME_PATTERN, PATH_PATTERN
from ordain.core.specs.spec import Spec
from ordain.core.state.instance import Instance
from ordain.core.yaml.yamldoc import read_yaml
from ordain.errors import UserError

if TYPE_CHECKING:
    from ordain.learn.tidy import Tidied

# Beyond this the name that was made of it tells as much.
LONGEST_HEADING = 200
# The team that a drafted model belongs to until somebody says otherwise.
OWNER = "data-science"
# Beyond this a data file is no good guest in Git (forges refuse files not much larger): DVC holds it.
GIT_LIMIT = 50 * 2**20
FILES = ("models.yaml", "params.yaml")


class Drafted(msgspec.Struct, frozen=True, kw_only=True):
    """A model's entry as the data suggests it.

    Attributes:
        path: where the data will lie in the repository. data: its bytes. guesses: what to tell of it.
        wanted: the kind of task that was asked for.
    """

    draft: scaffold.Draft
    wanted: scaffold.Kind | None
    path: str
    data: bytes
    guesses: tuple[str, ...]


class First(msgspec.Struct, frozen=True, kw_only=True):
    """The first model as it was asked for.

    Attributes:
        name, data, target: its name, its data file and the column to predict; all, or there is no model.
        task: the kind of task, where a person said so.
    """

    name: str | None = None
    data: Path | None = None
    target: str | None = None
    task: scaffold.Kind | None = None


def draft_model(folder: Path, first: First) -> Drafted | None:
    """Read the data once, draft the model's entry from it and rehearse the first stages with it.

    Args:
        folder: the repository, perhaps still to be made. first: as asked for.

    Raises:
        UserError: when the name, the file, a column or the target won't do; nothing was written.
    """
    name, source = first.name, first.data
    if not (name and source and first.target):
        return None
    if not re.fullmatch(NAME_PATTERN, name):
        what = f"{name!a} can't name a model: lower-case letters, digits and inner dashes, at most 40"
        raise UserError(what, where="--name", fix="choose a name such as churn-eu")
    if not source.is_file():
        raise UserError("there is no such data file", where=str(source), fix="name a CSV or Parquet file")
    kind: Literal["csv", "parquet"] = "parquet" if source.suffix == ".parquet" else "csv"
    data = disk.read_bytes(source, BYTE_LIMIT)
    try:
        unknown = Unknown(name=name, source=source, kind=kind, data=data)
        return _drafted(folder, unknown, first.target, first.task)
    except ValueError as error:
        fix = "correct the data, or name another column with --target, another kind of task with --task"
        raise UserError(str(error), where=str(source), fix=fix) from error


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A table that nobody has described: the model's name, the file and its bytes."""

    name: str
    source: Path
    kind: Literal["csv", "parquet"]
    data: bytes


def plain_data(unknown: Unknown, target: str) -> Tidied:
    """The data as a pipeline can read it.

    Args:
        unknown: the file. target: the heading of the column to predict.

    Raises:
        ValueError: when it is no table, or its target can't be predicted. UserError: when it is no Parquet.
    """
    from ordain.learn.tidy import Tidied, tidy
    from ordain.learn.tidy_typed import plain_columns

    if unknown.kind == "csv":
        return tidy(unknown.data)
    table, notes, names = plain_columns(scratch.typed(unknown.data, unknown.source), target)
    return Tidied(scratch.as_parquet(table) if notes else unknown.data, tuple(notes), names)


def _drafted(folder: Path, unknown: Unknown, heading: str, wanted: scaffold.Kind | None) -> Drafted:
    from ordain.learn.infer import infer

    plain = plain_data(unknown, heading)
    target = plain.called(heading)
    table = scratch.as_source(plain.data, unknown.kind, unknown.source)
    guess = infer(table.to_pandas(), target, wanted)
    path = place_of(folder, unknown.source, unknown.kind, rewritten=bool(plain.notes))
    plain_heading = heading.isprintable() and len(heading) <= LONGEST_HEADING
    draft = scaffold.Draft(
        name=unknown.name, source={"path": path, "format": unknown.kind}, target=target,
        heading=heading if plain_heading else target, task=guess.task,
        positive=guess.positive, id=guess.id_column, sensitive=guess.sensitive, compared=guess.compared,
        columns=guess.columns,
    )  # fmt: skip
    rehearse(table, msgspec.convert(scaffold.model_block(draft, OWNER), Spec), unknown.source)
    notes = [f"{each}: {path} is a copy without that" for each in plain.notes]
    return Drafted(draft=draft, wanted=wanted, path=path, data=plain.data, guesses=(*guess.notes, *notes))


def rehearse(table: Any, spec: Spec, source: Path) -> None:
    """Run the stages that look at rows alone, so that what is drafted passes them.

    Args:
        table: the cells as text. spec: the drafted model. source: the file, for errors.

    Raises:
        UserError: as those stages, with the column; nothing of it was written.
    """
    from ordain.learn.contract import Checked, check
    from ordain.learn.ingest import ID, ingest
    from ordain.learn.labels import labels_of
    from ordain.learn.split import Splitting, check_labels, fold_numbers, split

    advice = "correct the data, or give it more rows of each class"
    try:
        rows = scratch.as_rows(ingest(table, spec.data))
        different = rows[ID].nunique()
        if not isinstance(spec.data.id, str) and different < len(rows) / 2:
            advice = (
                f"add a column such as `id` that names each row: by their own values only {different} of "
                f"{len(rows)} rows differ, and equal rows stay on one side of the split"
            )
        classes = check(rows, Checked(task=spec.task, data=spec.data))["classes"]
        train, _ = split(rows, Splitting(spec.data, spec.split), classes)
        folds = fold_numbers(train[ID], spec.selection.folds, spec.selection.seed)
        for fold in range(spec.selection.folds):
            inside = train[folds == fold]
            labels = labels_of(inside[spec.data.target]) if classes else inside[ID].tolist()
            check_labels(labels, list(classes or ()), f"fold {fold + 1} of {spec.selection.folds}")
    except UserError as error:
        target = f"`{spec.data.target}`"
        what = error.what if target in error.what else f"{error.what} (target {target})"
        raise UserError(what, where=str(source), fix=advice) from error


def place_of(folder: Path, source: Path, kind: str, *, rewritten: bool) -> str:
    """The data file's path inside the repository: where it is, or below `data/` when it lies outside, has
    a name that can't be declared, or is a copy with other bytes."""
    resolved, top = source.resolve(), folder.resolve()
    if not rewritten and resolved.is_relative_to(top):
        inside = resolved.relative_to(top).as_posix()
        if re.search(PATH_PATTERN, inside):
            return inside
    plain = re.sub(r"[^A-Za-z0-9_.=+-]+", "-", source.stem).strip(".-=+")[:100] or "table"
    place = f"data/{plain}.{kind}"
    return place if resolved != (top / place).resolve() else f"data/{plain}-plain.{kind}"


def left_to_dvc(drafted: Drafted) -> tuple[str, ...]:
    """What to do with data that is too large for Git; nothing for other data."""
    if len(drafted.data) <= GIT_LIMIT:
        return ()
    size, path = len(drafted.data) // 2**20, drafted.path
    return (f"{path} has {size} MiB and is not committed: `dvc add {path}`, commit {path}.dvc, `dvc push`",)


def occupied(folder: Path, drafted: Drafted) -> list[str]:
    """Why the data can't be put where it belongs: other bytes are there."""
    target = disk.inside(folder, drafted.path)
    if target.is_file() and target.read_bytes() != drafted.data:
        return [f"--data: {drafted.path} holds something else; new data of a model: `ordain data take`"]
    return []


def declared_otherwise(instance: Instance, drafted: Drafted) -> list[str]:
    """Why the model can't be declared: there is one of that name, of other data."""
    spec = instance.models.models.get(drafted.draft.name)
    if spec is None:
        return []
    if (spec.data.source.path, spec.data.target) == (drafted.path, drafted.draft.target):
        other = drafted.wanted is not None and spec.task != drafted.draft.task
        return [f"--task: models.yaml has `{drafted.draft.name}` as {spec.task}"] if other else []
    return [f"--name: models.yaml has a model `{drafted.draft.name}` with other data or another target"]


def declarations(texts: Mapping[str, bytes], drafted: Drafted) -> dict[str, bytes]:
    """The data file, and `models.yaml` and `params.yaml` with the model and its candidates.

    Args:
        texts: the two files as they are, or will be. drafted: the model.

    Raises:
        UserError: when the model can't be appended to a file.
    """
    draft, changed = drafted.draft, {drafted.path: drafted.data}
    additions = (
        ("models.yaml", "models", scaffold.model_block(draft, OWNER)),
        ("params.yaml", "candidates", scaffold.candidates_block(draft.task)),
    )
    for path, key, block in additions:
        if (key, draft.name) in read_yaml(path, texts[path]).keys:
            continue
        text = texts[path].decode("utf-8")
        try:
            changed[path] = scaffold.add_entry(text, key, draft.name, block).encode()
        except ValueError as error:
            raise UserError(str(error), where=path, fix=f"move `{key}:` to the end of {path}") from error
    return changed
