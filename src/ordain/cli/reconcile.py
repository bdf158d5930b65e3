"""`ordain reconcile`."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordain.cli.console import Console, clone_options
from ordain.cli.keys import KeyFile

if TYPE_CHECKING:
    from ordain.services.reconciling.reconcile import Order, Outcome


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
    "policy's `live` branch; with the local forge the base branch.",
)
@clone_options
def command(key: Path, target: str | None, as_json: bool, quiet: bool, root: Path) -> None:
    """Turn approved state into manifests and ledger, in one push without force.

    Reads commits at the origin, never the working tree. Each step of the base branch is judged under the
    policy approved before it; what is not approved stays as it was, and the refusal is recorded once.
    Run it as often as you like, anywhere, at the same time: the result is the same.

    Exits 0 when everything was judged, refusals included (see --json); 1 when the branch, the ledger or
    the key can't be used; 75 when the origin was busy or away.

    \b
    Examples:
      ordain reconcile --key /run/secrets/collector
      ordain reconcile --target '#live'
    """
    from ordain.cli import wiring
    from ordain.services.reconciling.reconcile import reconcile

    outcome = reconcile(order(root, key, target))
    body = {
        "commit": outcome.commit,
        "entries": [each.sequence for each in outcome.entries],
        "decisions": [wiring.shown(each) for entry in outcome.entries for each in entry.decisions],
        "standing": [wiring.shown(each) for each in outcome.standing],
        "repaired": list(outcome.repaired),
    }
    Console(as_json=as_json, quiet=quiet).result(body, "\n".join(_lines(outcome)))


def order(root: Path, key: Path, target: str | None) -> Order:
    """What to reconcile, from a clone and the command line."""
    from ordain.adapters.forge_local import LocalForge
    from ordain.adapters.git import find_repository
    from ordain.adapters.ledger_memory import LedgerMemory
    from ordain.adapters.resources import templates
    from ordain.cli import wiring
    from ordain.core.specs.governance import ledger_branch
    from ordain.services.judging.workspace import committed_policy
    from ordain.services.reconciling.reconcile import Order, Place

    clone = find_repository(root)
    policy = committed_policy(clone)
    source = Place(clone.remote(), policy.branch)
    place, _, branch = (target or "").partition("#")
    if place and "://" not in place and Path(place).is_dir():
        place = str(Path(place).absolute())
    goal = Place(place or source.address, branch or ledger_branch(policy))
    return Order(
        source=source,
        target=goal,
        borrow=clone.folder,
        memory=LedgerMemory(clone.git_folder(), f"{goal.address}#{goal.branch}"),
        collector=wiring.collector(key),
        forge=LocalForge,
        requests=wiring.requests(clone),
        templates=templates(),
        present=wiring.published(clone),
        clock=wiring.now,
        pause=pause,
    )


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
