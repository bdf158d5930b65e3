"""`ordain rollback`."""

from __future__ import annotations

from pathlib import Path

import click

from ordain.cli.console import Console, clone_options
from ordain.cli.promote import report


@click.command()
@click.argument("model")
@click.option("--env", "environment", required=True, help="The environment to roll back.")
@click.option("--release", type=click.IntRange(min=1), help="Which release; default: the one before.")
@clone_options
def command(
    *, model: str, environment: str, release: int | None, as_json: bool, quiet: bool, root: Path
) -> None:
    """Pin a release of MODEL that ran in an environment before.

    Makes a branch with one commit on top of the base branch as it is at the origin, whatever is checked
    out here, and checks it out; it refuses where uncommitted changes would be lost. Once approved and
    reconciled, the manifests are byte for byte what they were, if nothing else about the environment
    changed since.

    \b
    Examples:
      ordain rollback churn --env production
      ordain rollback churn --env production --release 3
    """
    from ordain.cli import wiring
    from ordain.services.requests.rollback import rollback

    proposal = rollback(wiring.setting(root), model, environment, release)
    report(Console(as_json=as_json, quiet=quiet), proposal)
