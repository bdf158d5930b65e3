"""`ordain init`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ordain.cli.console import Console, common_options

if TYPE_CHECKING:
    from ordain.services.setup.init import Outcome, Request


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the person asked for."""

    name: str | None = None
    data: Path | None = None
    target: str | None = None
    task: str | None = None
    policy: Path | None = None
    reviewer: tuple[tuple[str, Path], ...] = ()
    origin: str | None = None
    forge: str | None = None
    repository: str | None = None
    registry: str | None = None
    gitops: str | None = None
    remote: str | None = None
    branch: str | None = None


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", help="The first model's name, such as churn.")
@click.option("--data", type=click.Path(path_type=Path), help="Its data: a CSV or Parquet file.")
@click.option("--target", help="The column to predict.")
@click.option(
    "--task", type=click.Choice(["classification", "regression"]), help="What to learn; default: a guess."
)
@click.option("--policy", type=click.Path(path_type=Path), help="Start from this policy.yaml.")
@click.option(
    "--reviewer",
    metavar="'NAME <EMAIL>' KEY",
    nargs=2,
    multiple=True,
    type=(str, click.Path(path_type=Path)),
    help="A second person for the policy, and the file of their public SSH key. May be given more than once.",
)
@click.option(
    "--origin",
    metavar="FOLDER|URL",
    help="The remote `origin`: a bare repository that is made there, or the address of one on a server.",
)
@click.option("--forge", type=click.Choice(["local", "github", "gitlab"]), help="Whose CI runs it.")
@click.option("--repository", metavar="OWNER/NAME", help="Its name on the forge; default: as `origin` says.")
@click.option(
    "--branch",
    metavar="NAME",
    help="The branch that requests are merged into; default: a guess, such as main.",
)
@click.option("--registry", metavar="HOST/PATH", help="Where artifacts are published.")
@click.option("--gitops", type=click.Choice(["argocd", "flux"]), help="What brings manifests to clusters.")
@click.option("--remote", metavar="URL", help="Where DVC keeps data and outputs, such as s3://bucket/path.")
@click.option("--yes", is_flag=True, help="Ask nothing; take the guesses and say what they are.")
@common_options
def command(folder: Path, as_json: bool, quiet: bool, root: Path, yes: bool, **asked: Any) -> None:
    """Give FOLDER the shape of an Ordain repository.

    Reads the data once and guesses the task, the type of each column, which columns to leave out and the
    first gates; says what it guessed, and writes it to models.yaml. Data with another separator, decimal
    commas or words for missing numbers is copied without them; the file itself is never changed.

    Running it again upgrades what Ordain generated and keeps what you edited. A flag then adds what is
    missing, or is refused with the file that says otherwise; nothing is written in that case.

    Nobody can approve their own work: --reviewer names a second person for the policy.

    With --forge it also writes that forge's CI jobs; docs/automation.md says which secrets they need.

    \b
    Examples:
      ordain init shop --name churn --data customers.csv --target churned --yes
      ordain init shop --reviewer 'Mei Tanaka <mei@example.org>' mei.pub --origin shop.git --yes
      ordain init shop --forge github --origin git@github.com:acme/shop.git --gitops argocd --yes
      ordain init . --registry ghcr.io/acme/models --remote s3://acme/dvc
      ordain init .                      # upgrade the schemas, stages and jobs here
    """
    from ordain.adapters.top import refuse_inside
    from ordain.services.setup.init import initialise

    console = Console(as_json=as_json, quiet=quiet)
    refuse_inside(root / folder)
    upgrade = (root / folder / "policy.yaml").exists()  # where everything was answered once
    wanted = complete(Asked(**asked), ask=not (yes or as_json or quiet or upgrade))
    outcome = initialise(root / folder, request_of(wanted, root))
    console.result(msgspec.to_builtins(outcome), "\n".join(_told(outcome)))


def _told(outcome: Outcome) -> Iterator[str]:
    """A line for each file, guess and note."""
    none = "this version has no such file"
    yield from (f"wrote {path}" for path in outcome.written)
    for path in outcome.kept:
        yield f"kept  {path}: it was edited; delete it and run this again for the new one"
    yield from (f"removed  {path}: {none}" for path in outcome.removed)
    for path in outcome.outlived:
        yield f"kept  {path}: {none}, and it was edited; delete it unless it is yours now"
    yield from (f"guess {sentence}" for sentence in outcome.guessed)
    yield from outcome.notes


def request_of(wanted: Asked, root: Path) -> Request:
    """What was asked for, as the service takes it: an origin is an address, or a folder below `root`."""
    from ordain.services.setup.init import Request
    from ordain.services.setup.init_forge import Around, is_address

    told = msgspec.structs.asdict(wanted)
    around = {key: told.pop(key) for key in Around.__struct_fields__}
    told["reviewers"] = told.pop("reviewer")
    if around["origin"] and not is_address(around["origin"]):
        told["origin"] = root / around.pop("origin")
    return msgspec.convert({**told, "around": around}, Request)


def complete(asked: Asked, *, ask: bool) -> Asked:
    """Ask for what was left out: of a person at a terminal all of it, else only what belongs together
    (`--name`, `--data` and `--target` are one answer)."""
    given = (asked.name, asked.data, asked.target)
    at_terminal = ask and sys.stdin.isatty()
    if at_terminal:
        asked = _with_surroundings(asked)
    some = any(each is not None for each in (*given, asked.task))
    if all(each is not None for each in given) or not (some or at_terminal):
        return asked
    if not ask:
        raise click.UsageError("--name, --data and --target go together")
    if not some and not click.confirm("Declare a first model now?", default=True):
        return asked
    return msgspec.structs.replace(
        asked,
        name=asked.name or click.prompt("Name of the model"),
        data=asked.data or Path(click.prompt("Its data file")),
        target=asked.target or click.prompt("Column to predict"),
    )


def _with_surroundings(asked: Asked) -> Asked:
    """Forge, origin, registry, GitOps tool and DVC remote; an empty answer leaves one to be guessed."""
    questions = {
        "forge": ("Forge (local, github, gitlab)", ("local", "github", "gitlab")),
        "origin": ("Remote `origin` (URL, or a folder to make one in)", None),
        "registry": ("Registry for artifacts (HOST/PATH)", None),
        "gitops": ("GitOps tool (argocd, flux)", ("argocd", "flux")),
        "remote": ("DVC remote (URL)", None),
    }
    answers = {}
    for field, (question, choices) in questions.items():
        if getattr(asked, field) is None:
            kind = click.Choice([*choices, ""]) if choices else str
            said = click.prompt(question, default="", show_default=False, show_choices=False, type=kind)
            answers[field] = said or None
    return msgspec.structs.replace(asked, **answers)
