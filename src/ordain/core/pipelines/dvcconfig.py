"""DVC's own settings file, `.dvc/config`: the remote that it names, and one more remote in it."""

from __future__ import annotations

import configparser
import re

NAME = "storage"
# What this package's extra for the plug-in that DVC needs for an address is called, and its import name.
PLUGINS: dict[str, tuple[str, str]] = {
    "s3": ("s3", "dvc_s3"),
    "azure": ("azure", "dvc_azure"),
    "gs": ("gs", "dvc_gs"),
    "ssh": ("ssh", "dvc_ssh"),
}


def plugin_of(url: str) -> tuple[str, str] | None:
    """The extra of this package and the module that a remote's address needs; None when DVC has it."""
    return PLUGINS.get(url.partition("://")[0]) if "://" in url else None


def default_remote(text: str) -> str | None:
    """The address of the remote that `dvc push` uses; None when there is none.

    Raises:
        ValueError: when the text is no such file, or names a remote that it does not describe.
    """
    settings = _parsed(text)
    name = settings.get("core", "remote", fallback=None)
    if name is None:
        return None
    try:
        return settings.get(_section(name), "url")
    except configparser.Error as error:
        raise ValueError(f"the remote `{name}` has no `url`") from error


def with_remote(text: str, url: str) -> str:
    """The settings with a default remote; nothing else of the text changes.

    Raises:
        ValueError: when the text is no such file, or has a remote already.
    """
    if default_remote(text) is not None or _parsed(text).has_section(_section(NAME)):
        raise ValueError("there is a remote already")
    text = text if text.endswith("\n") or not text else text + "\n"
    core = re.search(r"^\[core\][ \t]*\n", text, re.MULTILINE)
    line = f"    remote = {NAME}\n"
    head = text[: core.end()] + line + text[core.end() :] if core else f"[core]\n{line}{text}"
    return f"{head}[{_section(NAME)}]\n    url = {url}\n"


def _section(name: str) -> str:
    return f"'remote \"{name}\"'"


def _parsed(text: str) -> configparser.ConfigParser:
    settings = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    try:
        settings.read_string(text)
    except configparser.Error as error:
        raise ValueError(str(error).split("\n", maxsplit=1)[0]) from error
    return settings
