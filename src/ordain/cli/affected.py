"""`ordain affected`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ordain.cli.console import CHANGES, OK, Console, clone_options


@click.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help='Also add a line `models=["a", "b"]` to this file, such as "$GITHUB_OUTPUT".',
)
@click.option(
    "--gitlab",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write GitLab's child pipeline that trains, records and reports them.",
)
@click.option("--exit-code", is_flag=True, help="Exit with 2 when there is any.")
@clone_options
def command(
    *, output: Path | None, gitlab: Path | None, exit_code: bool, as_json: bool, quiet: bool, root: Path
) -> int:
    """Name the models that have to run or be released, from the declaration and the locks alone.

    CI makes its training jobs of the answer, one a model, so that work follows the change and not the
    fleet. Needs no data and starts no DVC.

    \b
    Examples:
      ordain affected
      ordain affected --output "$GITHUB_OUTPUT"    # then: matrix: model: ${{ fromJSON(...) }}
    """
    from ordain.adapters.files import write_atomic
    from ordain.core.setup.automation import train_pipeline
    from ordain.services.training.affected import affected, append_lines

    found = affected(root)
    names = [each.model for each in found]
    if output is not None:
        append_lines(output, [f"models={json.dumps(names)}"])
    if gitlab is not None:
        write_atomic(gitlab.absolute(), train_pipeline(names).encode())
    body = [{"model": each.model, "stages": list(each.stages), "why": list(each.why)} for each in found]
    lines = [
        f"{each.model}: {len(each.stages)} stages would run: {'; '.join(each.why[:3])}" for each in found
    ]
    console = Console(as_json=as_json, quiet=quiet)
    console.result({"models": body}, "\n".join(lines) or "nothing has to run or be released")
    return CHANGES if exit_code and found else OK
