"""`ordain retrain`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordain.cli.console import CHANGES, OK, Console, FiniteRange, clone_options
from ordain.cli.keys import KeyFile, model_key_option

if TYPE_CHECKING:
    from ordain.adapters.git import Repository
    from ordain.core.specs.governance import Policy
    from ordain.services.monitoring.retrain import Bench


@click.command()
@click.argument("model")
@click.option(
    "--because",
    "evidence",
    metavar="EVIDENCE.json",
    required=True,
    help="What a monitor or `ordain data check` wrote: its file, or the JSON itself.",
)
@click.option(
    "--cooldown",
    type=FiniteRange(min=0, max=8760),
    default=72,
    show_default=True,
    help="Hours after a request in which no other is made.",
)
@click.option(
    "--key",
    type=KeyFile(),
    envvar="ORDAIN_BOT_KEY",
    help="Sign with this SSH key; default: $ORDAIN_BOT_KEY, a file or the key itself, else as Git is set up.",
)
@model_key_option
@click.option("--exit-code", is_flag=True,
              help="Exit with 2 when log or labels have an alarm, which no request mends.")  # fmt: skip
@clone_options
def command(
    *, model: str, evidence: str, cooldown: float, key: Path | None, model_key: Path | None, exit_code: bool,
    as_json: bool, quiet: bool, root: Path,
) -> int:  # fmt: skip
    """Open one request with MODEL trained anew, carrying the evidence that calls for it.

    On a branch: pins the newest data, runs, releases, publishes the artifact, pushes what DVC tracks, then
    the branch, and opens the request. One is open for a model at a time, the same evidence is good for one,
    and after each there is a pause. Its author can't approve it. When training fails the request says why,
    and its checks fail in the same way. Killed anywhere, run it again. The artifact goes to the registry;
    with the local forge only if ORDAIN_ARTIFACTS=registry says so, else the store of this machine has it.

    Exits 0 when a request was opened or is not called for, also when there is nothing new to learn from (see
    `answer` of --json); 1 when it can't be done; 75 when somebody was busy or away.

    \b
    Examples:
      ordain retrain churn --because evidence.json
      ordain monitor churn@production --json > evidence.json && ordain retrain churn --because evidence.json
    """
    import msgspec

    from ordain.adapters.git import find_repository
    from ordain.services.monitoring.retrain import Wish, retrain

    console = Console(as_json=as_json, quiet=quiet)
    clone = find_repository(root)
    data, where = document(evidence)
    wish = Wish(model=model, evidence=data, where=where, cooldown=dt.timedelta(hours=cooldown))
    asked = retrain(bench(clone, (key, model_key), console), wish)
    mend = f"{', '.join(asked.unmended)}: an alarm that people have to mend" if asked.unmended else ""
    console.result(msgspec.to_builtins(asked), "\n".join(filter(None, (asked.request, asked.told, mend))))
    return CHANGES if exit_code and asked.unmended else OK


def bench(clone: Repository, keys: tuple[Path | None, Path | None], console: Console) -> Bench:
    """Where it is done and with what, by the approved policy, which is asked for once.

    Args:
        keys: that commits are signed with, and models.
    """
    from ordain.adapters.ssh import public_key
    from ordain.cli import wiring
    from ordain.cli.data import fetch_baselines
    from ordain.cli.run import Lines
    from ordain.services.judging.workspace import governed
    from ordain.services.monitoring.retrain import Bench

    (key, model_key), ground = keys, governed(clone)
    return Bench(
        clone=clone, ground=ground, requests=wiring.proposals(clone, ground.policy),
        author=wiring.author(key), watcher=Lines(console), baselines=fetch_baselines,
        publish=publisher(ground.policy, model_key), key=public_key(key).fingerprint if key else None,
    )  # fmt: skip


def publisher(policy: Policy, model_key: Path | None) -> Callable[[Path, tuple[str, ...]], object]:
    """What makes artifacts available to whoever is to run them, by the approved policy.

    On one machine, with the local forge, `ordain release` has done so: they are in the store.
    """
    from ordain.cli import wiring
    from ordain.cli.publish import desk
    from ordain.services.releases.publish import Wanted, publish

    if wiring.artifact_place() == "store" and policy.forge == "local":
        return lambda *_: ()
    return lambda root, models: publish(root, Wanted(models=models), desk(root, model_key))


def document(evidence: str) -> tuple[bytes, str]:
    """The evidence, given as itself or as its file, and what to call it in an error."""
    from ordain.adapters.files import read_bytes
    from ordain.core.drift.retraining import EVIDENCE_LIMIT

    if evidence.lstrip().startswith("{"):
        return evidence.encode(), "--because"
    return read_bytes(Path(evidence).absolute(), EVIDENCE_LIMIT), evidence
