"""`ordain append`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordain.cli.console import Console, clone_options

if TYPE_CHECKING:
    from ordain.services.releases.append import Made


@click.command()
@click.argument("models", nargs=-1)
@clone_options
def command(models: tuple[str, ...], as_json: bool, quiet: bool, root: Path) -> None:
    """Put pinned models into the runtime image, as one more layer, and push the result.

    For models with `model_delivery: appended`. Nothing is built: the layers of the runtime image stay what
    they are. The same runtime image and artifact give the same digest, which is written to `appended` in
    each environment's file: a change to approve, like the pin.

    \b
    Examples:
      ordain append
      ordain append churn
    """
    import msgspec

    from ordain.adapters.artifacts import store_of
    from ordain.adapters.registry import open_registry
    from ordain.services.releases.append import append
    from ordain.services.releases.publish import Desk

    done = append(root, models, Desk(store=store_of(root), registry=open_registry()))
    text = "\n".join(map(_told, done)) or "no pinned model is delivered by `model_delivery: appended`"
    Console(as_json=as_json, quiet=quiet).result({"appended": msgspec.to_builtins(done)}, text)


def _told(each: Made) -> str:
    verdict = "pushed" if each.sent else "is there already"
    written = ", named in its file" if each.written else ""
    return f"{each.release} for {each.environment} {verdict}{written}: {each.image}"
