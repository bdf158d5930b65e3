"""`ordain promote`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordain.cli.console import Console, clone_options

if TYPE_CHECKING:
    from ordain.services.requests.pins import Proposal


@click.command()
@click.argument("model")
@click.option("--to", "environment", required=True, help="The environment to promote to.")
@clone_options
def command(model: str, environment: str, as_json: bool, quiet: bool, root: Path) -> None:
    """Pin in an environment the release of MODEL that runs in the one before it.

    Makes a branch with one commit on top of the base branch as it is at the origin, whatever is checked
    out here, and checks it out; push it, have it approved, merge it. Comments and layout of the
    environment's file stay as they are. It refuses where uncommitted changes would be lost.

    \b
    Example:
      ordain promote churn --to production
    """
    from ordain.cli import wiring
    from ordain.services.requests.promote import promote

    report(Console(as_json=as_json, quiet=quiet), promote(wiring.setting(root), model, environment))


def report(console: Console, proposal: Proposal) -> None:
    """Say what was proposed, and how it goes on."""
    import msgspec

    before = f"{proposal.model}@{proposal.before}" if proposal.before else "nothing"
    after = f"{proposal.model}@{proposal.release}"
    text = (
        f"{proposal.environment}: {before} -> {after}, on branch {proposal.branch}\n"
        f"  next: git push origin HEAD; then others run `ordain approve origin/{proposal.branch} --key …`"
    )
    console.result(msgspec.to_builtins(proposal), text)
