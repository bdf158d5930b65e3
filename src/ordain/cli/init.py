"""`ordain init`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from ordain.cli.console import Console, common_options


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the person asked for."""

    name: str | None
    data: Path | None
    target: str | None
    policy: Path | None
    origin: Path | None


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", help="The first model's name, such as churn.")
@click.option("--data", type=click.Path(path_type=Path), help="Its data: a CSV or Parquet file.")
@click.option("--target", help="The column to predict.")
@click.option("--policy", type=click.Path(path_type=Path), help="Start from this policy.yaml.")
@click.option("--origin", type=click.Path(path_type=Path), help="Also make this bare repository the origin.")
@click.option("--yes", is_flag=True, help="Ask nothing; take the guesses and say what they are.")
@common_options
def command(folder: Path, as_json: bool, quiet: bool, root: Path, yes: bool, **asked: Any) -> None:
    """Give FOLDER the shape of an Ordain repository.

    Running it again upgrades what Ordain generated and keeps what you edited.

    \b
    Examples:
      ordain init shop --name churn --data customers.csv --target churned --yes
      ordain init .                      # upgrade the schemas and stages here
    """
    from ordain.services.init import Request, initialise

    console = Console(as_json=as_json, quiet=quiet)
    wanted = complete(Asked(**asked), ask=not (yes or as_json or quiet))
    outcome = initialise(root / folder, Request(**msgspec.structs.asdict(wanted)))
    lines = [f"wrote {path}" for path in outcome.written]
    lines += [
        f"kept  {path}: it was edited; delete it and run this again for the new one" for path in outcome.kept
    ]
    lines += [f"guess {sentence}" for sentence in outcome.guessed]
    lines += list(outcome.notes)
    console.result(msgspec.to_builtins(outcome), "\n".join(lines))


def complete(asked: Asked, *, ask: bool) -> Asked:
    """Ask for what belongs together and was left out; `--name`, `--data`, `--target` are one answer."""
    given = (asked.name, asked.data, asked.target)
    if all(each is None for each in given) or all(each is not None for each in given):
        return asked
    if not ask:
        raise click.UsageError("--name, --data and --target go together")
    return msgspec.structs.replace(
        asked,
        name=asked.name or click.prompt("Name of the model"),
        data=asked.data or Path(click.prompt("Its data file")),
        target=asked.target or click.prompt("Column to predict"),
    )
