"""`ordain bundle`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordain.cli.console import Console, clone_options

if TYPE_CHECKING:
    from ordain.services.releases.bundle import Desk


@click.command()
@click.argument("target", metavar="MODEL@ENV")
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="ORDAIN_BUNDLE_KEY",
    show_envvar=True,
    required=True,
    help="The SSH key that signs; a .pub of a key that your agent or token holds will do.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    show_default=True,
    help="The folder for the archive.",
)
@clone_options
def command(target: str, *, key: Path, out: Path, as_json: bool, quiet: bool, root: Path) -> None:
    """Pack what runs as MODEL in ENV, by the ledger, into one signed archive for devices.

    It holds the graph, its signature and reference profile, a predictor that needs only numpy and
    onnxruntime, and what verifies all of it first, offline. The same release and an Ed25519 key give the
    same bytes.

    \b
    Examples:
      ordain bundle churn@production --key ~/.ssh/id_ed25519
      python3 verify.py churn-1-production.tar --signers allowed_signers --install /srv/churn
    """
    import re

    import msgspec

    from ordain.adapters.ssh import public_key
    from ordain.core.artifacts.bundle import NAMESPACE
    from ordain.core.specs.identity import Target
    from ordain.core.specs.parts import NAME_PATTERN
    from ordain.services.releases.bundle import make_bundle

    model, _, environment = target.partition("@")
    if not all(re.fullmatch(NAME_PATTERN, each) for each in (model, environment)):
        raise click.UsageError(f"{target!r} is not MODEL@ENV; write it as in churn@production")
    done = make_bundle(root, Target(environment=environment, model=model), out, _desk(root, key))
    signers = f'{NAMESPACE} namespaces="{NAMESPACE}" {public_key(key).text}'
    lines = [
        f"{done.release} for {done.environment}: {done.path} ({done.size / 1000:.0f} kB)",
        f"  {done.digest}",
        "  devices accept it when this line is in their allowed_signers:",
        f"  {signers}",
    ]
    Console(as_json=as_json, quiet=quiet).result(
        {**msgspec.to_builtins(done), "signers": signers}, "\n".join(lines)
    )


def _desk(root: Path, key: Path) -> Desk:
    from ordain.adapters.artifacts import store_of
    from ordain.adapters.git import find_repository
    from ordain.adapters.registry import open_registry
    from ordain.adapters.resources import edge_programs
    from ordain.adapters.ssh import signer
    from ordain.core.artifacts.bundle import NAMESPACE
    from ordain.core.evidence import sshsig
    from ordain.services.releases.bundle import Desk

    sign = signer(key, NAMESPACE)
    return Desk(
        store=store_of(find_repository(root).folder),
        open_registry=open_registry,
        programs=edge_programs(),
        sign=lambda data: sshsig.armor(sign(data)),
    )
