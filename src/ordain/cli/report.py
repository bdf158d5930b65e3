"""`ordain report`."""

from __future__ import annotations

from pathlib import Path

import click

from ordain.cli.console import Console, common_options
from ordain.cli.plan import FORMS, reports_option, written

MARKER = "plan"


@click.command()
@click.option("--request", type=click.IntRange(min=1), metavar="N", help="Keep one comment on this request.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help='Write the whole report there, such as "$GITHUB_STEP_SUMMARY".',
)
@reports_option
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
    status of its newest commit for the whole and for each model. Its reviews are read, and count as they
    will when it is merged: who accepted, and which roles are missing.

    Unlike `ordain plan` it exits 0 either way. With the local forge only files are written.

    \b
    Examples:
      ordain report --request 12 --out "$GITHUB_STEP_SUMMARY" --report plan.html --report plan.json
      ordain report --out report.md
    """
    from ordain.cli import wiring
    from ordain.core.reports.report_status import statuses
    from ordain.services.reading.plan import plan
    from ordain.services.reading.report import plan_request

    setting = wiring.setting(root)
    forge = wiring.forge(setting.clone) if request is not None else None
    if request is None or forge is None:
        planned = plan(setting, None, None)
    else:
        planned = plan_request(setting, forge, request)
    body = written(planned, "markdown", colour=False)
    console = Console(as_json=as_json, quiet=quiet)
    for path, form in [*((each, FORMS[each.suffix]) for each in reports), *([(out, "full")] if out else [])]:
        console.save(path, written(planned, form, colour=False))
    if request is not None and forge is not None:
        forge.comment(request, MARKER, body)
        forge.status(setting.clone.resolve("HEAD"), statuses(planned))
    told = {"request": request, "commented": forge is not None, "out": str(out) if out else None}
    console.result(told, f"told request {request}" if forge else body)
