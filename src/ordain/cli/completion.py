"""`ordain completion`."""

from __future__ import annotations

from pathlib import Path

import click

from ordain.cli.console import Console, common_options


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@common_options
def command(*, shell: str, as_json: bool, quiet: bool, root: Path) -> None:
    """Print the script that makes SHELL complete Ordain's commands and options.

    \b
    Examples:
      ordain completion bash > ~/.local/share/bash-completion/completions/ordain
      ordain completion zsh > ~/.zfunc/_ordain          # a folder of $fpath
      ordain completion fish > ~/.config/fish/completions/ordain.fish
    """
    from click.shell_completion import get_completion_class

    from ordain.cli.main import ordain

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click can't complete in {shell}")
    script = kind(ordain, {}, "ordain", "_ORDAIN_COMPLETE").source()
    Console(as_json=as_json, quiet=quiet).result({"shell": shell, "script": script}, script.rstrip("\n"))
