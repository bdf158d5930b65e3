"""`ordain gc`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordain.cli.console import Console, clone_options

if TYPE_CHECKING:
    from ordain.services.releases.gc import Swept


@click.command()
@click.option("--remove", is_flag=True, help="Remove what nothing needs; without it, only look.")
@clone_options
def command(*, remove: bool, as_json: bool, quiet: bool, root: Path) -> None:
    """Show which artifacts of the local store are kept, and why; remove the rest when asked to.

    What runs, the baseline that it was judged against, every release that an environment may go back to,
    and whatever a branch or a working tree of this repository pins is never garbage. A branch that can't be
    read keeps everything that it could name; where no ledger is found, every record keeps its artifact.
    `git fetch` first: a branch that is not here can't be asked, and neither can another clone that shares
    the store.

    \b
    Examples:
      ordain gc
      ordain gc --remove
    """
    import msgspec

    from ordain.adapters.artifacts import store_of
    from ordain.adapters.git import find_repository
    from ordain.services.releases.gc import sweep

    found = sweep(root, store_of(find_repository(root).folder), remove=remove)
    Console(as_json=as_json, quiet=quiet).result(msgspec.to_builtins(found), told(found))


def told(found: Swept) -> str:
    """One line an artifact, and the sum."""
    from ordain.core.escaping import short, visible
    from ordain.core.reports.report_text import table

    rows = [
        ("keep", short(each.digest), ", ".join(each.releases), "; ".join(map(visible, each.reasons)))
        for each in found.kept
    ]
    word = "removed" if found.removed else "garbage"
    rows += [(word, short(digest), "", "nothing needs it") for digest in found.garbage]
    kilobytes = f"{found.freed / 1000:.0f} kB"
    total = f"{len(found.kept)} kept, {len(found.garbage)} {word} ({kilobytes})"
    unread = [f"can't be read: {visible(name)}: {visible(fault)}" for name, fault in found.unread.items()]
    advice = ["next: ordain gc --remove"] if found.garbage and not found.removed else []
    return "\n".join([*table(rows, ""), "", total, *unread, *advice])
