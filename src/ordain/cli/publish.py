"""`ordain publish`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordain.cli.console import Console, clone_options
from ordain.cli.keys import model_key_option

if TYPE_CHECKING:
    from ordain.services.releases.publish import Desk, Published, SignModel


@click.command()
@click.argument("models", nargs=-1)
@click.option("--env", "environments", multiple=True, help="Only to this environment's registry; repeatable.")
@model_key_option
@clone_options
def command(
    models: tuple[str, ...],
    *,
    environments: tuple[str, ...],
    model_key: Path | None,
    as_json: bool,
    quiet: bool,
    root: Path,
) -> None:
    """Push the artifacts of pinned releases to their registries.

    Every release that an environment pins in this working tree goes to the registry of every environment,
    so that it is there before anything needs it. What is there already is not sent again. Logins are
    Docker's own (`docker login`), or DOCKER_AUTH_CONFIG.

    \b
    Examples:
      ordain publish
      ordain publish churn --env staging
      ordain publish --sign-with model-key.pem
    """
    import msgspec

    from ordain.services.releases.publish import Wanted, publish

    done = publish(root, Wanted(models=models, environments=environments), desk(root, model_key))
    text = "\n".join(map(_told, done)) or "no environment pins a release"
    Console(as_json=as_json, quiet=quiet).result({"published": msgspec.to_builtins(done)}, text)


def desk(root: Path, model_key: Path | None) -> Desk:
    """With what is published from a folder."""
    from ordain.adapters.artifacts import store_of
    from ordain.adapters.registry import open_registry
    from ordain.services.releases.publish import Desk

    return Desk(store=store_of(root), registry=open_registry(), sign=_signer(model_key))


def _signer(key: Path | None) -> SignModel | None:
    if key is None:
        return None
    from ordain.adapters.pem import model_key
    from ordain.core.artifacts.model_signature import sign_model

    loaded = model_key(key)
    return lambda name, files: sign_model(name, files, loaded)


def _told(each: Published) -> str:
    verdict = "pushed" if each.sent else "is there already"
    return f"{each.release} {verdict}{', and signed' if each.signed else ''}: {each.image}"
