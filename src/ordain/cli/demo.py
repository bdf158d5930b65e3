"""`ordain demo`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from ordain.cli.console import Console, common_options


@click.command()
@click.option("--keep", is_flag=True, help="Leave the scratch folder and say how to go on in it.")
@common_options
def command(keep: bool, as_json: bool, quiet: bool, root: Path) -> None:
    """Run the whole loop in a scratch folder, with commentary.

    No account, no server, no cluster: a bare Git repository and SSH-signed approvals.

    \b
    Examples:
      ordain demo
      ordain demo --keep
    """
    from ordain.adapters.package import example
    from ordain.services.demo.play import demo

    console = Console(as_json=as_json, quiet=quiet)
    started = time.monotonic()
    folder = demo(console.say, keep=keep, example=example())
    seconds = round(time.monotonic() - started)
    lines = [f"\nThe loop is closed, in {seconds} s."]
    if folder:
        lines.append(f"Go on in it:  export ORDAIN_STORE={folder / 'registry'} && cd {folder / 'dana'}")
        lines.append("              git switch main && git pull && ordain status")
        lines.append(f"Remove it:    rm -rf {folder}")
    console.result({"seconds": seconds, "folder": str(folder) if folder else None}, "\n".join(lines))
