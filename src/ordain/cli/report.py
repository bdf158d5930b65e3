"""`ordain report`."""

from __future__ import annotations

from pathlib import Path

import click

from ordain.cli.console import Console, common_options

MARKER = "plan"


@click.command()
@click.option("--request", type=click.IntRange(min=1), metavar="N", help="Keep one comment on this request.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help='Write the whole report there, such as "$GITHUB_STEP_SUMMARY".',
)
@common_options
def command(request: int | None, out: Path | None, as_json: bool, quiet: bool, root: Path) -> None:
    """Tell a pull or merge request what merging it would change: one comment, kept up to date, and a
    status of its newest commit for the whole and for each model.

    Unlike `ordain plan` it exits 0 whether or not something would change. With the local forge there is
    nobody to tell, and only --out is written.

    \b
    Examples:
      ordain report --request 12 --out "$GITHUB_STEP_SUMMARY"
      ordain report --out report.md
    """
    from ordain.adapters.files import write_atomic
    from ordain.cli import wiring
    from ordain.cli.plan import written
    from ordain.core.report_status import statuses
    from ordain.services.plan import plan

    setting = wiring.setting(root)
    planned = plan(setting, None, None)
    body = written(planned, "markdown", colour=False)
    if out is not None:
        whole = written(planned, "full", colour=False)
        write_atomic(out.absolute(), (whole + "\n").encode("utf-8", "replace"))
    forge = wiring.forge(setting.clone) if request is not None else None
    told = forge is not None
    if request is not None and forge is not None:
        forge.comment(request, MARKER, body)
        forge.status(setting.clone.resolve("HEAD"), statuses(planned))
    console = Console(as_json=as_json, quiet=quiet)
    console.result({"request": request, "commented": told, "out": str(out) if out else None},
                   f"told request {request}" if told else body)  # fmt: skip
