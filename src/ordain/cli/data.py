"""`ordain data pull`, `ordain data check`, `ordain data faults`, `ordain data pin` and `ordain data take`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ordain.cli.console import Console, clone_options, error_of, worst

if TYPE_CHECKING:
    from ordain.services.training.data_pins import SourceState, Unread


@click.group()
def command() -> None:
    """Fetch, compare, pin and renew the data of models.

    \b
    Examples:
      ordain data pull churn && dvc repro --allow-missing churn
      ordain data check
      ordain data pin churn
      ordain data take churn customers-2026-12.csv
    """


@command.command("pull")
@click.argument("models", nargs=-1)
@click.option(
    "--for",
    "purpose",
    type=click.Choice(["run", "release", "monitor"]),
    default="run",
    show_default=True,
    help="What comes next: changed stages run; champions are released; what is deployed is monitored.",
)
@clone_options
def pull_command(models: tuple[str, ...], purpose: str, as_json: bool, quiet: bool, root: Path) -> None:
    """Fetch what comes next from the DVC remote, no more, and fail unless all of it is there.

    After it, `dvc repro --allow-missing MODEL` runs what changed and neither fetches nor repeats
    anything else. (`dvc repro --pull` would train again what it fails to fetch.)

    \b
    Examples:
      ordain data pull churn && dvc repro --allow-missing churn
      ordain data pull --for release churn && ordain release churn
    """
    import msgspec

    from ordain.services.training.data_pull import PURPOSES, Pulled, pull

    console = Console(as_json=as_json, quiet=quiet)
    pulled = Pulled() if purpose == "monitor" else pull(root, models, PURPOSES[purpose], console.say)
    bring = {"run": lambda *_: (), "release": fetch_baselines, "monitor": fetch_running}[purpose]
    artifacts = bring(root, models)
    lines = [f"fetched {path}" for path in (*pulled.fetched, *artifacts)]
    lines += [f"had     {path}" for path in pulled.present]
    body = {**msgspec.to_builtins(pulled), "artifacts": list(artifacts)}
    console.result(body, "\n".join(lines) or "nothing is needed")


def fetch_baselines(root: Path, models: tuple[str, ...]) -> tuple[str, ...]:
    """What champions are compared with, from the registry where the store has it not."""
    from ordain.adapters.artifacts import store_of
    from ordain.adapters.registry import open_registry
    from ordain.services.releases.baselines import fetch

    return fetch(root, models, store_of(root), open_registry)


def fetch_running(root: Path, models: tuple[str, ...]) -> tuple[str, ...]:
    """What runs anywhere, likewise."""
    from ordain.adapters.artifacts import store_of
    from ordain.adapters.registry import open_registry
    from ordain.services.releases.baselines import fetch_running

    return fetch_running(root, models, store_of(root), open_registry)


@command.command("check")
@click.argument("models", nargs=-1)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help='Also add a line `models=["a", "b"]`, those with new data, to this file, such as "$GITHUB_OUTPUT".',
)
@click.option(
    "--evidence",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write MODEL.json into this folder for each of them, for `ordain retrain --because`.",
)
@click.option(
    "--gitlab",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write GitLab's child pipeline that opens a request for each of them.",
)
@clone_options
def check_command(
    *,
    models: tuple[str, ...],
    output: Path | None,
    evidence: Path | None,
    gitlab: Path | None,
    as_json: bool,
    quiet: bool,
    root: Path,
) -> int:
    """Compare what lies at each model's source with what the model was trained on.

    A source behind a URL is pinned piece by piece in pipelines/MODEL/source.json; a file of the
    repository is compared with the pipeline's lock. New data is held to the contract too, and what breaks
    it is named by column and row. Nothing is written here.

    A source that can't be read is an error, and the others are compared all the same: what they have goes to
    --output, --evidence and --gitlab, and the exit code is that of the worst.

    \b
    Examples:
      ordain data check
      ordain data check --output "$GITHUB_OUTPUT" --evidence evidence
    """
    import json

    from ordain.adapters.files import write_atomic
    from ordain.core.setup.automation import retrain_pipeline
    from ordain.services.training import data_pins
    from ordain.services.training.affected import append_lines

    found = data_pins.check_each(root, models)
    new = [each for each in found if isinstance(each, data_pins.SourceState) and each.state == "new"]
    names = [each.model for each in new]
    if output is not None:
        append_lines(output, [f"models={json.dumps(names)}"])
    if gitlab is not None:
        write_atomic(gitlab.absolute(), retrain_pipeline(names).encode())
    write_each(evidence, {each.model: data_pins.evidence(each) for each in new})
    return told(Console(as_json=as_json, quiet=quiet), found)


def write_each(folder: Path | None, files: Mapping[str, bytes]) -> None:
    """A file for each model, `MODEL.json`, where a folder is given."""
    from ordain.adapters.files import write_atomic

    if folder is not None:
        for model, content in files.items():
            write_atomic(folder.absolute() / f"{model}.json", content)


@command.command("faults")
@click.argument("models", nargs=-1)
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write MODEL.json into this folder for each that has any, for `ordain report --faults`.",
)
@clone_options
def faults_command(models: tuple[str, ...], to: Path | None, as_json: bool, quiet: bool, root: Path) -> None:
    """Name the columns and rows by which a pipeline stopped at its contract.

    Reads the data again of each model whose stage `contract` has yet to run, and says how many values
    break what, and in which rows first; values of personal columns never.

    \b
    Examples:
      ordain data faults churn
      ordain data faults churn --to faults
    """
    import msgspec

    from ordain.core.data.broken import encode
    from ordain.services.training.data_faults import faults

    found = faults(root, models)
    write_each(to, {each.model: encode(each) for each in found})
    lines = [f"{each.model}: {': '.join(filter(None, (fault.column, fault.what)))}"
             for each in found for fault in each.faults]  # fmt: skip
    body = [msgspec.to_builtins(each) for each in found]
    Console(as_json=as_json, quiet=quiet).result(body, "\n".join(lines) or "no data breaks its contract")


@command.command("pin")
@click.argument("models", nargs=-1)
@clone_options
def pin_command(models: tuple[str, ...], as_json: bool, quiet: bool, root: Path) -> None:
    """Pin each model's source to what is there now; commit what this writes.

    \b
    Example:
      ordain data pin churn && ordain run churn
    """
    from ordain.services.training import data_pins

    told(Console(as_json=as_json, quiet=quiet), data_pins.pin(root, models))


@command.command("take")
@click.argument("model")
@click.argument("file", type=click.Path(path_type=Path))
@clone_options
def take_command(model: str, file: Path, as_json: bool, quiet: bool, root: Path) -> None:
    """Put FILE, a new delivery, in the place of MODEL's data.

    It is held to the contract first, and what breaks that is named by column and row. What `ordain init`
    rewrote in the first file (separators, decimal commas, headings) is rewritten in this one too; FILE itself
    is never changed.

    \b
    Example:
      ordain data take churn ~/customers-2026-12.csv && ordain run churn
    """
    import msgspec

    from ordain.services.setup.new_data import take

    taken = take(root, model, file)
    lines = [f"{each}: {taken.path} is a copy without that" for each in taken.notes]
    lines += [f"{model}: {taken.rows} rows in {taken.path}", f"next: {taken.next}"]
    Console(as_json=as_json, quiet=quiet).result(msgspec.to_builtins(taken), "\n".join(lines))


def told(console: Console, found: Sequence[SourceState | Unread]) -> int:
    """One line a model, then what keeps any from being read; the exit code, that of the worst."""
    from ordain.services.training.data_pins import Unread

    errors = [each.error for each in found if isinstance(each, Unread)]
    console.result([body_of(each) for each in found], "\n".join(map(line_of, found)))
    if not console.as_json:
        for error in errors:
            console.failure(error)
    return worst(errors)


def line_of(state: SourceState | Unread) -> str:
    """What a person is told of one model's source."""
    from ordain.services.training.data_pins import Unread

    if isinstance(state, Unread):
        return f"{state.model}: unread"
    first = f"{state.model}: {state.state}{f': {state.told}' if state.told else ''}"
    return "\n  ".join([first, *state.faults.splitlines()])


def body_of(state: SourceState | Unread) -> dict[str, Any]:
    """The same for machines."""
    import msgspec

    from ordain.services.training.data_pins import Unread

    if isinstance(state, Unread):
        return {"model": state.model, "state": "unread", **error_of(state.error)}
    body: dict[str, Any] = msgspec.to_builtins(state)
    return body
