"""`ordain generate`."""

from __future__ import annotations

from pathlib import Path

import click

from ordain.cli.console import Console, clone_options


@click.command()
@clone_options
def command(as_json: bool, quiet: bool, root: Path) -> None:
    """Write the files that follow from models.yaml and params.yaml: pipelines, dvc.yaml, schemas.

    Runs nothing and needs no data. `ordain run` does it first; this is for whoever edited the YAML and lets
    CI train. Files of models and candidates that are gone are named and removed.

    \b
    Example:
      ordain generate && ordain commit
    """
    import msgspec

    from ordain.services.training.generate import generate

    console = Console(as_json=as_json, quiet=quiet)
    made = generate(root, console.say)
    lines = [f"wrote   {path}" for path in made.written] + [f"removed {path}" for path in made.removed]
    console.result(msgspec.to_builtins(made), "\n".join(lines) or "every generated file is as it should be")
