"""`ordain report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordain.cli.console import Console, clone_options
from ordain.cli.plan import FORMS, reports_option, written
from ordain.errors import RetryLater, UserError

if TYPE_CHECKING:
    from ordain.core.people.request import Status
    from ordain.core.plans.plan import Plan
    from ordain.core.reports.report_failure import Failure
    from ordain.ports import Requests
    from ordain.services.judging.workspace import Setting

MARKER = "plan"
OUTRUN = (
    "request {} has a newer commit, whose own jobs tell of it: this commit got its status, and no comment"
)


@click.command()
@click.option("--request", type=click.IntRange(min=1), metavar="N", help="Keep one comment on this request.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help='Write the whole report there, such as "$GITHUB_STEP_SUMMARY".',
)
@click.option(
    "--failed",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The checks of this commit failed: say why. The file is that of `ordain release --refused`, if any.",
)
@click.option(
    "--faults",
    type=click.Path(path_type=Path, file_okay=False),
    help="With --failed: the folder of `ordain data faults`, if any.",
)
@reports_option
@clone_options
def command(
    *,
    request: int | None,
    out: Path | None,
    failed: Path | None,
    faults: Path | None,
    reports: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
    root: Path,
) -> None:
    """Tell a pull or merge request what merging it would change: one comment, kept up to date, and a
    status of its newest commit for the whole and for each model. Its reviews are read, and count as they
    will when it is merged: who accepted, and which roles are missing.

    With --failed the comment says first what stopped the jobs of this commit: problems of the declared state,
    the stage at which training stopped (by its lock), what in the data breaks a contract, gates that block.

    Unlike `ordain plan` it exits 0 either way. With the local forge only files are written.

    \b
    Examples:
      ordain report --request 12 --out "$GITHUB_STEP_SUMMARY" --report plan.html --report plan.json
      ordain report --request 12 --failed refused.json --faults faults
    """
    from ordain.cli import wiring
    from ordain.core.reports import report_failure, report_markdown

    setting = wiring.setting(root)
    forge = wiring.forge(setting.clone) if request is not None else None
    planned, failure = _told(setting, forge, request, (failed, faults))
    console = Console(as_json=as_json, quiet=quiet)
    _save(console, planned, failure, (reports, out))
    body = report_markdown.comment(planned, failure).rstrip("\n")
    answer = {"request": request, "commented": False, "out": str(out) if out else None}
    if request is not None and forge is not None:
        states = report_failure.statuses_of(planned, failure)
        answer["commented"] = _said(forge, (request, setting.clone.resolve("HEAD")), body, states)
        body = f"told request {request}" if answer["commented"] else OUTRUN.format(request)
    console.result(answer, body)


def _save(
    console: Console, planned: Plan | None, failure: Failure | None, to: tuple[tuple[Path, ...], Path | None]
) -> None:
    """Write the reports' files, those of the plan only where there is one. `to`: `--report` and `--out`."""
    from ordain.core.reports import report_markdown

    reports, out = to
    for path in reports:
        if planned is not None:
            console.save(path, written(planned, FORMS[path.suffix], colour=False))
    if out is not None:
        console.save(out, report_markdown.full(planned, failure).rstrip("\n"))


def _told(
    setting: Setting, forge: Requests | None, request: int | None, left: tuple[Path | None, Path | None]
) -> tuple[Plan | None, Failure | None]:
    """The plan; and beside a failure, where a plan can't be had, that failure alone. `left`: `--failed` and
    `--faults`."""
    failed, faults = left
    if failed is None:
        return _plan(setting, forge, request), None
    from ordain.services.checking.check import check
    from ordain.services.reading.failure import Left, failure

    planned, unplanned = None, ""
    try:
        planned = _plan(setting, forge, request)
    except (UserError, RetryLater) as error:  # a registry that is away may be the very reason
        unplanned = str(error)
    problems = check(setting.clone.folder).problems
    return planned, failure(setting.clone, problems, Left(refused=failed, faults=faults), unplanned)


def _said(forge: Requests, about: tuple[int, str], body: str, states: tuple[Status, ...]) -> bool:
    """Give a commit its status, and its request the comment; whether that is there, or was outrun.

    Args:
        about: the request, and the commit that this tells of.
    """
    request, commit = about
    commented = not outrun(forge, request, commit)
    if commented:
        forge.comment(request, MARKER, body)
    forge.status(commit, states)
    return commented


def outrun(forge: Requests, request: int, commit: str) -> bool:
    """Whether a request has a newer commit, of which its own jobs tell."""
    head = forge.head(request)
    return head is not None and head != commit


def _plan(setting: Setting, forge: Requests | None, request: int | None) -> Plan:
    from ordain.services.reading.plan import plan
    from ordain.services.reading.report import plan_request

    if request is None or forge is None:
        return plan(setting, None, None)
    return plan_request(setting, forge, request)
