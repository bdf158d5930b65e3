"""`ordain monitor`."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ordain.cli.console import CHANGES, OK, Console, FiniteRange, clone_options
from ordain.cli.monitor_options import Delay, Times, Window, ask_of, said_by, settings_of

if TYPE_CHECKING:
    from ordain.core.drift.evidence import Evidence
    from ordain.ports import Dispatches
    from ordain.services.monitoring.watched import Approved, Watched


@click.command()
@click.argument("target", metavar="MODEL@ENV")
@click.option("--artifact", type=click.Path(path_type=Path), help="Its folder; default: what the clone pins.")
@click.option("--log", default="", help="Folder or URL of the prediction log; default: the declared one.")
@click.option(
    "--labels", default="", help="Folder or URL of labels that have come since; default: the spec's."
)
@click.option("--label-id", default="id", show_default=True, help="Their column of prediction ids.")
@click.option(
    "--label-column", default="label", show_default=True, help="Their column of true classes or values."
)
@click.option("--label-delay", default="0h", show_default=True, type=Delay(),
              help="How long labels take, such as 30d; none is expected before.")  # fmt: skip
@click.option("--gates", default="", help="Gates by which labels are judged in a pod; a clone has them.")
@click.option("--window", default="1d", show_default=True, type=Window(), help="Such as 6h, 1d or 1000rows.")
@click.option("--alarm", default="2/3", show_default=True, type=Times(), help="k of the newest m windows.")
@click.option("--horizon", type=click.IntRange(1, 1000),
              help="Windows to look back; default: 30, or what --label-delay and --season need.")  # fmt: skip
@click.option("--season", type=Window(), help="Compare with the same time before, such as 7d.")
@click.option("--level", default=0.05, show_default=True, type=FiniteRange(1e-6, 0.5),
              help="Largest share of false flags in a window.")  # fmt: skip
@click.option("--effect", default=0.1, show_default=True, type=FiniteRange(0, 2),
              help="Smallest drift worth a flag, in standard deviations.")  # fmt: skip
@click.option("--fewest", default=50, show_default=True, type=click.IntRange(20),
              help="Predictions below which a window is insufficient.")  # fmt: skip
@click.option("--until", metavar="TIME", help="End of the newest window; default: the last whole one.")
@click.option("--evidence", type=click.Path(path_type=Path, dir_okay=False), help="Write the evidence there.")
@click.option("--format", "form", type=click.Choice(["text", "markdown"]), default="text", show_default=True,
              help="markdown is what stands in a request.")  # fmt: skip
@click.option("--exit-code", is_flag=True, help="Exit with 2 when there is an alarm.")
@click.option("--tell", default="", metavar="URL", help="Page of a repository whose jobs open a request.")
@click.option("--forge", type=click.Choice(["github", "gitlab"]), default="github", show_default=True,
              help="What it is on; its token is in $GITHUB_TOKEN_FILE or $GITLAB_TOKEN_FILE.")  # fmt: skip
@click.option("--branch", default="main", show_default=True, help="The branch whose jobs GitLab starts.")
@clone_options
def command(
    *,
    target: str, artifact: Path | None, evidence: Path | None, form: str, exit_code: bool,
    as_json: bool, quiet: bool, root: Path, **options: Any,
) -> int:  # fmt: skip
    """Say what the prediction log shows: drift, performance by late labels, fairness, a broken feed.

    A column drifts when its difference from the release's profile is more than chance (false discoveries
    are controlled over all columns) and large enough to matter, in k of the last m windows. With too few
    predictions the answer is `insufficient`, never "no drift". It reads; it changes and deploys nothing.

    In a clone, the artifact is the one pinned in the environment, the spec's gates judge what labels say,
    and options that are left out are as its `monitoring.watch` says. In a pod (--artifact), the artifact
    must be the approved one ($ORDAIN_ARTIFACT).

    \b
    Examples:
      ordain monitor churn@production --log s3://logs/churn
      ordain monitor churn@production --log log --labels labels.csv --evidence evidence.json
      ordain monitor churn@production --log log --window 1000rows --alarm 1/1 --json
    """
    forge = told_forge(options)
    found = looked(root, target, artifact, options)
    return tell_of(Console(as_json=as_json, quiet=quiet), found, (evidence, form, exit_code), forge)


def looked(root: Path, target: str, artifact: Path | None, options: dict[str, Any]) -> Evidence:
    """What there is to say."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the matrices are small: more threads only wait
    import msgspec

    from ordain.core.specs.bounds import decode
    from ordain.services.monitoring.monitor import monitor
    from ordain.services.monitoring.watched import watched

    subject = watched(root, target, artifact, approved_of(artifact))
    subject = msgspec.structs.replace(subject, told=decode(options["gates"]) if options["gates"] else None)
    watch = subject.spec.monitoring.watch if subject.spec else None
    options = {**options, **said_by(watch, click.get_current_context())}
    ask = ask_of(options, dt.datetime.now(dt.UTC))
    ask = msgspec.structs.replace(ask, log=ask.log or declared_log(subject))
    return monitor(subject, ask, settings_of(options))


def tell_of(
    console: Console, found: Evidence, how: tuple[Path | None, str, bool], forge: Dispatches | None
) -> int:
    """Write, print and pass on what was found; the exit code.

    Args:
        how: the file for the evidence, the form in which it is printed, and whether an alarm is an error.
    """
    import msgspec

    from ordain.adapters.files import write_atomic
    from ordain.core.drift.evidence import encode
    from ordain.core.drift.text import document, text
    from ordain.services.monitoring.tell import tell

    evidence, form, exit_code = how
    if evidence is not None:
        write_atomic(evidence.absolute(), encode(found))
    told = document(found).rstrip("\n") if form == "markdown" else text(found)
    console.result(msgspec.to_builtins(found), told)
    if forge is not None:
        click.echo(tell(forge, found), err=True)
    return CHANGES if exit_code and found.outcome == "fail" else OK


def approved_of(artifact: Path | None) -> Approved:
    """What a pod's environment says about the artifact that it was given; nothing about a clone's own."""
    from ordain.services.monitoring.watched import Approved

    told = os.environ if artifact else {}
    return Approved(release=told.get("ORDAIN_RELEASE", ""), artifact=told.get("ORDAIN_ARTIFACT", ""))


def told_forge(options: dict[str, Any]) -> Dispatches | None:
    """The forge that is told, with its token; None without --tell.

    Raises:
        UserError: for what is no page of a repository, and when there is no token.
    """
    if not options["tell"]:
        return None
    from ordain.adapters.forges import teller

    return teller(options["forge"], options["tell"], options["branch"])


def declared_log(subject: Watched) -> str:
    """Where the spec, or else the environment, says that the log is.

    Raises:
        UserError: when it does not, or there is no spec.
    """
    from ordain.errors import UserError

    if subject.log is None:
        where = f"models.yaml: models.{subject.model}.monitoring.watch"
        raise UserError("no prediction log is named", where=where, fix="name it with --log FOLDER|URL")
    return subject.log
