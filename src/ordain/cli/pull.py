"""`ordain pull`."""

from __future__ import annotations

from pathlib import Path

import click

from ordain.cli.console import Console, common_options


@click.command()
@click.argument("reference")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@common_options
def command(reference: str, folder: Path, as_json: bool, quiet: bool, root: Path) -> None:
    """Fetch the artifact REFERENCE from its registry into FOLDER.

    Every digest is checked before anything is written. Signatures that are attached to the artifact are
    written beside the folder, for `model_signing verify`.

    \b
    Example:
      ordain pull oci://registry.example.org/models/churn@sha256:4f0c… churn
    """
    import msgspec

    from ordain.adapters.registry import open_registry
    from ordain.core.artifacts.reference import parse_reference
    from ordain.services.releases.pull import pull

    done = pull(open_registry(), parse_reference(reference), root / folder)
    lines = [f"{done.digest} is in {done.folder}", *(f"  signature {each}" for each in done.signatures)]
    Console(as_json=as_json, quiet=quiet).result(msgspec.to_builtins(done), "\n".join(lines))
