"""`ordain report`."""

from __future__ import annotations

from pathlib import Path

import click

from ordain.cli.console import Console, common_options
from ordain.cli.plan import FORMS, known_endings, written

MARKER = "plan"


@click.command()
@click.option("--request", type=click.IntRange(min=1), metavar="N", help="Keep one comment on this request.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help='Write the whole report there, such as "$GITHUB_STEP_SUMMARY".',
)
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    callback=known_endings,
    help="Also write the full report there: a .html, .md or .json file. May be given more than once.",
)
@common_options
def command(
    *,
    request: int | None,
    out: Path | None,
    reports: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
    root: Path,
) -> None:
    """Tell a pull or merge request what merging it would change: one comment, kept up to date, and a
    status of its newest commit for the whole and for each model.

    Unlike `ordain plan` it exits 0 whether or not something would change. With the local forge there is
    nobody to tell, and only files are written.

    \b
    Examples:
      ordain report --request 12 --out "$GITHUB_STEP_SUMMARY" --report plan.html --report plan.json
      ordain report --out report.md
    """
    from ordain.cli import wiring
    from ordain.core.report_status import statuses
    from ordain.services.plan import plan

    setting = wiring.setting(root)
    planned = plan(setting, None, None)
    body = written(planned, "markdown", colour=False)
    console = Console(as_json=as_json, quiet=quiet)
    for path, form in [*((each, FORMS[each.suffix]) for each in reports), *([(out, "full")] if out else [])]:
        console.save(path, written(planned, form, colour=False))
    forge = wiring.forge(setting.clone) if request is not None else None
    told = forge is not None
    if request is not None and forge is not None:
        forge.comment(request, MARKER, body)
        forge.status(setting.clone.resolve("HEAD"), statuses(planned))
    console.result({"request": request, "commented": told, "out": str(out) if out else None},
                   f"told request {request}" if told else body)  # fmt: skip
