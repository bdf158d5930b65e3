"""`ordain serve`."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ordain.cli.console import Console, FiniteRange, common_options
from ordain.cli.digests import check_told

if TYPE_CHECKING:
    from ordain.ports import Registry
    from ordain.runtime.fetch import Located
    from ordain.runtime.settings import Settings

SALT_BYTES = 4096  # more is no secret that somebody made


def _said(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """An address that is one: what a shell makes of an unset variable would mean every address."""
    if not value.strip():
        raise click.BadParameter("it is empty; 0.0.0.0 stands for every address")
    return value


def _unless_unset(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """What is said, unless that is nothing: an unset variable must not end the log, or name a model."""
    said = context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    if said and not all(each.strip() for each in ((value,) if isinstance(value, str) else value)):
        raise click.BadParameter("it is empty; leave it out for its default")
    return value


@click.command()
@click.argument("artifacts", nargs=-1, required=True)
@click.option(
    "--name",
    "names",
    multiple=True,
    callback=_unless_unset,
    help="The model's name; once per artifact, in order.",
)
@click.option(
    "--digest",
    "digests",
    multiple=True,
    help="The approved digest; once per artifact, in order. Default: $ORDAIN_ARTIFACT, for one artifact.",
)
@click.option("--host", default="127.0.0.1", show_default=True, callback=_said, help="Address to listen on.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."
)
@click.option(
    "--invalid-input",
    "policy",
    type=click.Choice(["reject", "accept"]),
    default="reject",
    show_default=True,
    help="What to do with values outside the contract: refuse the request, or count them.",
)
@click.option(
    "--log",
    default="",
    envvar="ORDAIN_PREDICTION_LOG",
    show_envvar=True,
    callback=_unless_unset,
    help="Folder or URL of the prediction log; none without.",
)
@click.option(
    "--max-rows", default=10_000, show_default=True, type=click.IntRange(1), help="Rows in a request."
)
@click.option(
    "--max-body", default=16, show_default=True, type=click.IntRange(1, 1024), help="MiB in a request."
)
@click.option(
    "--drain",
    default=0.0,
    show_default=True,
    type=FiniteRange(0, 20),
    help="Seconds to go on serving, unready, after SIGTERM.",
)
@click.option(
    "--threads", default=1, show_default=True, type=click.IntRange(1, 64), help="Threads of one run."
)
@click.option(
    "--traces", is_flag=True, help="Send a span of each scoring request to an OpenTelemetry collector."
)
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes at this address."
)
@common_options
def command(artifacts: tuple[str, ...], as_json: bool, quiet: bool, root: Path, **options: Any) -> None:
    """Serve ARTIFACTS over HTTP.

    An artifact is a folder with model.onnx, signature.json and profile.json, an OCI layout folder, or a
    reference oci://HOST/NAME@sha256:…, which is fetched once and kept. It is refused, before anything in it
    is loaded, unless its digest is the approved one.

    \b
    Examples:
      ordain serve pipelines/churn/artifact
      ordain serve models/churn --host 0.0.0.0 --log log/predictions
      ordain serve oci://registry.example.org/models/churn@sha256:4f0c…
    """
    from ordain.runtime.fetch import located
    from ordain.runtime.messages import Limits
    from ordain.runtime.settings import Settings
    from ordain.runtime.structured import configure

    configure(logging.WARNING if quiet else logging.INFO)
    names, digests = options.pop("names"), options.pop("digests")
    places = [located(each, root, _registry) for each in artifacts]
    sources = sources_of(places, names, digests, os.environ)
    body = options.pop("max_body") * 2**20
    limits = Limits(rows=options.pop("max_rows"), body=body, bodies=max(Limits().bodies, 2 * body))
    workers = options.pop("workers")
    settings = Settings(sources=sources, salt=salt_of(os.environ), limits=limits, **options)
    console = Console(as_json=as_json, quiet=quiet)

    def started(facts: dict[str, Any]) -> None:
        host = f"[{facts['host']}]" if ":" in facts["host"] else facts["host"]
        console.result(facts, f"serving {', '.join(facts['models'])} on http://{host}:{facts['port']}")

    _serve(settings, workers, started)


def _serve(settings: Settings, workers: int, started: Callable[[dict[str, Any]], None]) -> None:
    """In this process; or in several, of which this one is only the parent and loads nothing heavy."""
    if workers == 1:
        from ordain.runtime.server import serve

        serve(settings, started)
        return
    from ordain.runtime.workers.supervisor import supervise

    supervise(settings, workers, started)


def salt_of(environment: Mapping[str, str]) -> str:
    """What keys the hashes of personal columns in the log; empty leaves them out.

    Raises:
        UserError: when the file that should hold it can't be read, or is empty.
    """
    from ordain.errors import UserError

    named = environment.get("ORDAIN_LOG_SALT_FILE", "")
    if not named:
        return environment.get("ORDAIN_LOG_SALT", "")
    fix = "mount the Secret whose key it is, or leave ORDAIN_LOG_SALT_FILE out"
    try:
        with Path(named).open("rb") as stream:
            salt = stream.read(SALT_BYTES).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("the salt of the prediction log can't be read", where=named, fix=fix) from error
    if not salt:
        raise UserError("the salt of the prediction log is empty", where=named, fix=fix)
    return salt


def _registry() -> Registry:
    from ordain.adapters.registry import open_registry

    return open_registry()


def sources_of(
    places: list[Located], names: tuple[str, ...], digests: tuple[str, ...], environment: Any
) -> tuple[Any, ...]:
    """What to serve: arguments first; the pod's environment speaks about one artifact only."""
    from ordain.runtime.settings import Source

    for given, option in ((names, "--name"), (digests, "--digest")):
        if given and len(given) != len(places):
            raise click.UsageError(f"give {option} once per artifact, or not at all")
    told = [each for each in ("ORDAIN_ARTIFACT", "ORDAIN_RELEASE", "ORDAIN_INTENT") if each in environment]
    if len(places) > 1 and told and not digests:
        raise click.UsageError(f"{told[0]} is for one artifact; give --digest once per artifact")
    alone = environment if len(places) == 1 else {}
    check_told(*digests, alone.get("ORDAIN_ARTIFACT"))
    return tuple(
        Source(
            path=each.path,
            name=names[place] if names else "",
            digest=digests[place] if digests else alone.get("ORDAIN_ARTIFACT") or each.digest,
            release=alone.get("ORDAIN_RELEASE", ""),
            intent=alone.get("ORDAIN_INTENT", ""),
            environment=environment.get("ORDAIN_ENVIRONMENT", ""),
        )
        for place, each in enumerate(places)
    )
