"""Keys on the command line: a file, or the key itself where CI keeps it in a variable."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_BEGIN = "-----BEGIN "


class KeyFile(click.Path):
    """A private key's file. A value that is the key itself is put into one that only we can read.

    CI systems hand secrets to a step as variables and offer no file; the text never becomes part of an
    error, because it is taken out of the way before anything looks at it as a path.
    """

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        text = str(value)
        return super().convert(_kept(text) if text.startswith(_BEGIN) else value, param, ctx)


def _kept(text: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ordain-key-"))  # mode 0700
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "key"
    path.touch(mode=0o600)
    path.write_text(text.rstrip() + "\n", encoding="ascii")
    return path


Command = TypeVar("Command", bound=Callable[..., Any])


def model_key_option(command: Command) -> Command:
    """The key that signs artifacts, of every verb that publishes."""
    option = click.option(
        "--sign-with",
        "model_key",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="ORDAIN_MODEL_KEY",
        show_envvar=True,
        help="A PEM key on a NIST curve; attaches signatures in OpenSSF model-signing form.",
    )
    return option(command)
