"""`ordain status`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordain.cli.console import Console, clone_options

if TYPE_CHECKING:
    from ordain.services.reading.status import Status


@click.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help='Also add a line `targets=[...]`, what runs and is watched, to this file, such as "$GITHUB_OUTPUT".',
)
@click.option(
    "--gitlab",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write GitLab's child pipeline that monitors what runs and is watched.",
)
@clone_options
def command(*, output: Path | None, gitlab: Path | None, as_json: bool, quiet: bool, root: Path) -> None:
    """Show where each model stands in each environment.

    Which release is pinned on the base branch, which one runs by the ledger and since when, its metric on
    the holdout, and what keeps the two apart. Reads this clone alone: `git fetch` first for the newest.

    \b
    Examples:
      ordain status
      ordain status --json
    """
    import msgspec

    from ordain.services.reading.status import status

    found = status(root)
    if output is not None:
        import json

        from ordain.services.training.affected import append_lines

        targets = [{"model": each.partition("@")[0], "name": each} for each in found.watched]
        append_lines(output, [f"targets={json.dumps(targets)}"])
    if gitlab is not None:
        from ordain.adapters.files import write_atomic
        from ordain.core.setup.automation import monitor_pipeline

        write_atomic(gitlab.absolute(), monitor_pipeline(found.watched).encode())
    Console(as_json=as_json, quiet=quiet).result(msgspec.to_builtins(found), told(found))


def told(found: Status) -> str:
    """The table, and what it was read from."""
    from ordain.cli.tables import grid
    from ordain.core.escaping import number, short, visible

    head = ("model", "environment", "pinned", "running", "since", "on the holdout", "")
    rows = []
    for each in found.standings:
        score = f"{each.metric} {number(each.score)}" if each.metric else "-"
        said = {
            "none": "up to date",
            "pending": "waits for approval or `ordain reconcile`",
            "refused": f"refused: {each.reason}" + (f" ({each.detail})" if each.detail else ""),
            "absent": f"not pinned; newest is {each.latest}" if each.latest else "no release yet",
        }[each.drift]
        cells = (each.pinned or "-", each.running or "-", each.since or "-")
        rows.append((each.model, each.environment, *cells, score, said))
    entry = f"ledger entry {found.entry} of {found.observed}" if found.entry else "an empty ledger"
    source = f"{visible(found.base.name)} ({short(found.base.commit, 7)}), {entry}"
    return "\n".join([*(grid()(head, rows) if rows else ["no model is declared"]), "", source])
