"""`ordain reconcile`."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ordain.cli.console import Console, FiniteRange, clone_options
from ordain.cli.keys import KeyFile
from ordain.errors import RetryLater, UserError

if TYPE_CHECKING:
    from ordain.adapters.round_metrics import RoundMetrics
    from ordain.services.reconciling.order import Order, Outcome


@click.command()
@click.option(
    "--key",
    type=KeyFile(),
    envvar="ORDAIN_COLLECTOR_KEY",
    required=True,
    help="The collector's SSH key; default: $ORDAIN_COLLECTOR_KEY, a file or the key itself.",
)
@click.option(
    "--target",
    metavar="REPO#BRANCH",
    help="Where manifests and ledger go; either part may be left out. Default: this repository and the "
    "policy's `live` branch; with the local forge the base branch. Who reads finds it elsewhere only by "
    "`git config ordain.ledger REVISION`.",
)
@click.option("--watch", "watching", is_flag=True, help="Go on, round after round, until SIGTERM or Ctrl-C.")
@click.option(
    "--interval",
    default=60.0,
    show_default=True,
    type=FiniteRange(0.1, 86400),
    help="Seconds between rounds of --watch; after failures twice as many each time, at most 900 or this.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="With --watch: serve /metrics, /livez and /readyz on this port; 0: any free one.",
)
@click.option(
    "--metrics-host", default="127.0.0.1", show_default=True, help="Address that --metrics-port listens on."
)
@clone_options
def command(
    *,
    key: Path,
    target: str | None,
    watching: bool,
    interval: float,
    metrics_port: int | None,
    metrics_host: str,
    as_json: bool,
    quiet: bool,
    root: Path,
) -> None:
    """Turn approved state into manifests and ledger, in one push without force.

    Reads commits at the origin, never the working tree, and tells this clone what is there. Each step of
    the base branch is judged under the policy approved before it; what is not approved stays as it was, and
    the refusal is recorded once.
    Run it as often as you like, anywhere, at the same time: the result is the same.

    Exits 0 when everything was judged, refusals included (see --json); 1 when the branch, the ledger or
    the key can't be used; 75 when the origin was busy or away. With --watch all of these are told and tried
    again; each round that has something to say prints it, with --json as one line. It ends with 0 after the
    round in which SIGTERM or Ctrl-C asked for it; a second one ends it at once, and nothing is lost.

    \b
    Examples:
      ordain reconcile --key /run/secrets/collector
      ordain reconcile --target '#live'
      ordain reconcile --watch --interval 30 --metrics-port 9464
    """
    once = partial(_once, root, key, target)
    console = Console(as_json=as_json, quiet=quiet)
    if metrics_port is not None and not watching:
        raise click.UsageError("--metrics-port is for --watch: one round has nobody to ask it")
    if watching:
        with _metrics(metrics_host, metrics_port, console) as metrics:
            _watch(once, interval, console, metrics)
    else:
        outcome = once()
        console.result(_body(outcome), "\n".join(_lines(outcome)))


def _once(root: Path, key: Path, target: str | None) -> Outcome:
    from ordain.services.reconciling.reconcile import reconcile

    return reconcile(order(root, key, target))


@contextmanager
def _metrics(host: str, port: int | None, console: Console) -> Iterator[RoundMetrics | None]:
    """What counts rounds and is served meanwhile; None without a port."""
    if port is None:
        yield None
        return
    try:
        from ordain.adapters.round_metrics import MetricsServer, RoundMetrics
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "prometheus_client":
            raise
        raise UserError(
            "--metrics-port needs the package prometheus-client, which is not installed",
            where=sys.executable,
            fix="pip install prometheus-client, or install Ordain with its extra `serve`; or leave it out",
        ) from error
    metrics = RoundMetrics()
    with MetricsServer((host, port), metrics) as server:
        found = server.server_address[:2]
        console.say(f"metrics on http://{found[0]!s}:{found[1]}/metrics")
        yield metrics


def _count(metrics: RoundMetrics, ended: Outcome | UserError | RetryLater) -> None:
    if isinstance(ended, UserError | RetryLater):
        metrics.ended("busy" if isinstance(ended, RetryLater) else "failed")
        return
    verdicts = [each.approved for entry in ended.entries for each in entry.decisions]
    metrics.ended("good", applied=verdicts.count(True), refused=verdicts.count(False))


def _watch(
    once: Callable[[], Outcome], interval: float, console: Console, metrics: RoundMetrics | None
) -> None:
    from ordain.adapters.stopping import Stopping
    from ordain.services.reconciling.watch import delay_of, watch

    def timed() -> Outcome:
        with metrics.timed() if metrics else nullcontext():
            return once()

    def tell(ended: Outcome | UserError | RetryLater) -> None:
        if metrics:
            _count(metrics, ended)
        if isinstance(ended, UserError | RetryLater):
            console.failure(ended)
        elif ended.entries or ended.repaired:
            console.line(_body(ended), "\n".join(_lines(ended)))

    def delay(failed: int) -> float:
        return delay_of(interval, failed, random.random())  # noqa: S311 - jitter, not a secret

    with Stopping() as stopping:
        console.say(f"reconciling every {interval:g} seconds")
        watch(timed, tell, stopping.within, delay)


def _body(outcome: Outcome) -> dict[str, Any]:
    from ordain.cli import wiring

    return {
        "commit": outcome.commit,
        "entries": [each.sequence for each in outcome.entries],
        "decisions": [wiring.shown(each) for entry in outcome.entries for each in entry.decisions],
        "standing": [wiring.shown(each) for each in outcome.standing],
        "repaired": list(outcome.repaired),
    }


def order(root: Path, key: Path, target: str | None) -> Order:
    """What to reconcile, from a clone and the command line."""
    from ordain.adapters.forge_local import LocalForge
    from ordain.adapters.git import find_repository
    from ordain.adapters.ledger_memory import LedgerMemory
    from ordain.adapters.resources import templates
    from ordain.cli import wiring
    from ordain.services.reconciling.order import Order, Place

    clone = find_repository(root)
    source = Place(_resolved(clone.remote()))
    place, _, branch = (target or "").partition("#")
    if branch.startswith("refs/"):
        # It would make a branch of that very name, with a second ledger in it.
        raise UserError(
            f"--target {target!a} names a ref", fix="give the branch's short name, such as '#live'"
        )
    goal = Place(_resolved(place) if place else source.address, branch or None)
    return Order(
        source=source,
        target=goal,
        borrow=clone.folder,
        memory=partial(LedgerMemory, clone.git_folder()),
        collector=wiring.collector(key),
        forge=LocalForge,
        requests=wiring.requests(clone),
        templates=templates(),
        present=wiring.published(clone),
        clock=wiring.now,
        pause=pause,
    )


def _resolved(address: str) -> str:
    """An address; one that is a folder here by its only name, so that a link to it is no other ledger."""
    local = Path(address.removeprefix("file://"))
    with suppress(OSError):  # what is too long for a name is none
        return str(local.resolve()) if local.is_dir() else address
    return address


def pause(attempt: int) -> None:
    """Wait before the next attempt: longer each time, and never in step with others."""
    time.sleep(random.uniform(0, min(3.0, 0.1 * 2**attempt)))  # noqa: S311 - jitter, not a secret


def _lines(outcome: Outcome) -> list[str]:
    from ordain.cli.wiring import told

    lines = [f"restored {path}, which somebody had edited" for path in outcome.repaired]
    for entry in outcome.entries:
        lines.append(f"entry {entry.sequence}, {entry.source[:12]}:")
        lines += [f"  {told(each)}" for each in entry.decisions]
    lines += [f"still {told(each)}" for each in outcome.standing]
    if not outcome.entries:
        return [*lines, "nothing new to decide; manifests and ledger are as they should be"]
    return [*lines, f"pushed {(outcome.commit or '')[:12]}"]
