"""`ordain fragment pack` and `ordain fragment join`."""

from __future__ import annotations

from pathlib import Path

import click

from ordain.cli.console import Console, clone_options


@click.group()
def command() -> None:
    """Carry what parallel training jobs made to the job that records it.

    \b
    Examples:
      ordain fragment pack churn --to fragment
      ordain fragment join fragments
    """


@command.command("pack")
@click.argument("model")
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder.")
@clone_options
def pack_command(model: str, to: Path, as_json: bool, quiet: bool, root: Path) -> None:
    """Copy MODEL's lock and the outputs that Git holds into a folder.

    Fails when a stage ran again that was to be fetched, so a lost download never retrains in silence.

    \b
    Example:
      ordain fragment pack churn --to fragment
    """
    import msgspec

    from ordain.services.training.fragments import pack

    packed = pack(root, model, to)
    text = f"{packed.model}: {len(packed.files)} files in {to}"
    Console(as_json=as_json, quiet=quiet).result(msgspec.to_builtins(packed), text)


@command.command("join")
@click.argument("source", type=click.Path(path_type=Path, file_okay=False))
@clone_options
def join_command(source: Path, as_json: bool, quiet: bool, root: Path) -> None:
    """Bring fragments into the working tree: SOURCE is one, or a folder of them.

    Takes only what each pipeline declares, byte for byte as its lock says, and merges the locks by model.

    \b
    Example:
      ordain fragment join fragments
    """
    import msgspec

    from ordain.services.training.fragments import join

    joined = join(root, source)
    text = "\n".join(f"{each.model}: {len(each.files)} files" for each in joined)
    Console(as_json=as_json, quiet=quiet).result([msgspec.to_builtins(each) for each in joined], text)
