"""`ordain check`: every problem in the declared state, without running or changing anything.

What the files say is `core.instance`'s business. Here is what only the repository can tell: symlinks,
generated files that drifted, records and manifests that differ from what Git holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from ordain._version import __version__
from ordain.adapters import files as disk
from ordain.core.pipelines.pipeline import CODE_TOPS, context_of, is_code_path, pipeline_files
from ordain.core.problems import Problem
from ordain.core.state import schema
from ordain.core.state.accounts import unlisted_accounts
from ordain.core.state.branches import branch_problems
from ordain.core.state.declared import Declared
from ordain.core.state.instance import Instance, is_state_path, load
from ordain.core.state.placeholders import placeholder_images
from ordain.core.yaml.yamldoc import Document
from ordain.core.yaml.yamlscalars import Fault
from ordain.errors import UserError
from ordain.services.checking.check_conflicts import conflict_problems
from ordain.services.checking.check_history import history_problems
from ordain.services.checking.check_ignored import ignored_problems

# Also the misspelt names, so that a `models.yml` is not simply never read.
TOPS = (
    *("models.yaml", "params.yaml", "policy.yaml", "environments", "releases"),
    *("models.yml", "params.yml", "policy.yml"),
)


class Checked(Struct, frozen=True, kw_only=True):
    """The answer of `ordain check`.

    Attributes:
        problems: sorted by file, line and column. notes: the same of what is sound and yet will not work.
        files: how many files of declared state were read.
        models, environments, releases: how many are declared; 0 where a file could not be read.
    """

    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()
    files: int = 0
    models: int = 0
    environments: int = 0
    releases: int = 0


def check(root: Path) -> Checked:
    """Every problem in the working tree of one repository.

    Args:
        root: its top folder.

    Raises:
        UserError: when there is no such folder.
    """
    if not root.is_dir():
        raise UserError("there is no such folder", where=str(root), fix="use -C DIR")
    root = root.resolve()
    files, problems = _read(root, TOPS, is_state_path)
    unread = {problem.file for problem in problems}
    loaded = load(files)
    problems += [each for each in loaded.problems if each.code != "missing-file" or each.file not in unread]
    problems += _schema_problems(root)
    problems += conflict_problems(root, {each.file for each in problems if each.code == "merge-conflict"})
    instance = loaded.instance
    problems += history_problems(root, files)
    if instance is None:
        return Checked(problems=tuple(sorted(set(problems))), files=len(files))
    declared = Declared(instance=instance, documents=loaded.documents)
    problems += [*branch_problems(declared), *_source_problems(root, instance, loaded.documents)]
    problems += ignored_problems(root, instance, loaded.documents)
    if not loaded.problems:
        problems += _generated_problems(root, instance)
    return Checked(
        problems=tuple(sorted(set(problems))),
        notes=(*placeholder_images(declared), *unlisted_accounts(declared)),
        files=len(files),
        models=len(instance.models.models),
        environments=len(instance.environments),
        releases=sum(len(records) for records in instance.releases.values()),
    )


def _read(
    root: Path, tops: tuple[str, ...], wanted: Callable[[str], bool]
) -> tuple[dict[str, bytes], list[Problem]]:
    """Files below each top, and what kept a top from being read."""
    files: dict[str, bytes] = {}
    problems = []
    for top in tops:
        try:
            files.update(disk.read_state(root, wanted, tops=(top,)))
        except UserError as error:
            problems.append(_from_error(error, top))
    return files, problems


def _from_error(error: UserError, place: str) -> Problem:
    fault = Fault(error.reason or "unreadable", error.what, error.fix)
    return Document(file=error.where or place).at_value((), fault)


def _pin_problems(root: Path, model: str, document: Document) -> Iterator[Problem]:
    """A source behind a URL that nothing pins."""
    from ordain.services.training.data_pins import pinned

    where = ("models", model, "data", "source", "url")
    try:
        if pinned(root, model) is None:
            what = "nothing says which data behind this URL the model is trained on"
            yield document.at_value(where, Fault("missing-pin", what, f"ordain data pin {model}"))
    except UserError as error:
        yield document.at_value(where, Fault(error.reason or "unreadable", error.what, error.fix))


def _source_problems(root: Path, instance: Instance, documents: Mapping[str, Document]) -> Iterator[Problem]:
    """Data files that are not there, or are reached through a symlink."""
    document = documents.get("models.yaml", Document(file="models.yaml"))
    for name, spec in instance.models.models.items():
        source = spec.data.source.path
        if source is None:
            yield from _pin_problems(root, name, document)
            continue
        where = ("models", name, "data", "source", "path")
        try:
            there = disk.inside(root, source).is_file()
            tracked = disk.inside(root, f"{source}.dvc").is_file()
        except UserError as error:
            yield document.at_value(where, Fault(error.reason, error.what, error.fix))
            continue
        if not there and not tracked:
            fix = "correct the path, or add the file (`dvc add` or `git add`)"
            yield document.at_value(where, Fault("missing-data", f"there is no file {source}", fix))


def _schema_problems(root: Path) -> Iterator[Problem]:
    """Copies of the schemas that are not those of this Ordain; a repository without any has none."""
    folder = schema.FOLDER
    found, problems = _read(root, (folder,), lambda path: path.endswith(".schema.json"))
    yield from problems
    if not found:
        return
    for name, data in schema.schema_files().items():
        path = f"{folder}/{name}"
        if found.get(path) != data:
            said = "differs from that" if path in found else "is missing: it is one"
            message = f"{said} of Ordain {__version__}, by which editors complete and check"
            yield Document(file=path).at_value((), Fault("generated-drift", message, "ordain generate"))


def _generated_problems(root: Path, instance: Instance) -> Iterator[Problem]:
    """Pipeline files that are not what the declared state gives."""
    from ordain.services.training.regenerate import leftover_paths

    try:
        context = context_of(disk.read_state(root, is_code_path, tops=CODE_TOPS), __version__)
        generated = pipeline_files(instance, context)
        on_disk = disk.read_state(root, generated.__contains__)
        leftovers = leftover_paths(root, generated)
    except UserError as error:
        yield _from_error(error, "pipelines")
        return
    for path, data in generated.items():
        if on_disk.get(path) != data:
            asked = "models.yaml and params.yaml"
            message = (
                f"differs from what {asked} give" if path in on_disk else f"is missing: {asked} ask for it"
            )
            yield Document(file=path).at_value((), Fault("generated-drift", message, "ordain generate"))
    for path in leftovers:
        message = "belongs to no model or candidate any more"
        yield Document(file=path).at_value((), Fault("leftover", message, "ordain generate"))
