"""`ordain renumber`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordain.cli.console import Console, clone_options

if TYPE_CHECKING:
    from ordain.services.releases.renumber import Renumbered


@click.command()
@click.argument("model")
@clone_options
def command(model: str, as_json: bool, quiet: bool, root: Path) -> None:
    """Give this branch's release of MODEL the next free number where the base branch took its own.

    Run it on the later request's branch, best in the middle of the `git merge` that conflicted. The base's
    record is restored, this branch's is written under the new number, and the pins that this branch set
    follow it.

    \b
    Example:
      git merge origin/main        # CONFLICT (add/add): releases/churn/2.yaml
      ordain renumber churn
    """
    import msgspec

    from ordain.services.releases.renumber import renumber

    done = renumber(root, model)
    Console(as_json=as_json, quiet=quiet).result(msgspec.to_builtins(done), "\n".join(told(done)))


def told(done: Renumbered) -> list[str]:
    """What was done, and how it goes on."""
    lines = [f"{old} is now {new}; {old} is that of {done.base}" for old, new in done.moved]
    lines += [f"{each}: pins this branch's release of {done.model}" for each in done.pinned]
    lines.append(
        f"  next: git add {' '.join(done.written)} && git commit" if done.written else "nothing to do"
    )
    if done.written and not done.merging:
        lines.append(f"  then: git merge {done.base}; where it conflicts, run this again")
    return [*lines, "  approvals of the old number don't count for the new one: have it approved again"]
