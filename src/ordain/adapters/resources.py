"""What ships inside the package: the templates of the manifests and the schemas of the declared files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

_TEMPLATES, _SCHEMA = (".j2", ".dashboard.json"), ".schema.json"


def templates() -> dict[str, str]:
    """Each manifest template's source, with those that it includes in their places, by its path below
    `ordain/templates`, such as `rest/deployment.yaml.j2`."""
    return dict(_templates())


def schemas() -> dict[str, dict[str, Any]]:
    """Each JSON Schema by its file name below `ordain/schemas`, such as `models.schema.json`."""
    return {name: json.loads(text) for name, text in _read("schemas", _SCHEMA)}


def edge_programs() -> dict[str, bytes]:
    """The two files that go into every bundle for devices, byte for byte as they are installed here."""
    folder = files("ordain").joinpath("runtime", "edge")
    return {name: folder.joinpath(name).read_bytes() for name in ("predict.py", "verify.py")}


@cache
def _templates() -> Mapping[str, str]:
    from ordain.core.rendering.objects import expanded  # Jinja is slow to import

    sources = dict(_read("templates", _TEMPLATES))
    return {name: expanded(name, sources) for name in sources}


@cache
def _read(folder: str, ending: str | tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Name and text of every such file of the installed package, which does not change while it runs."""
    root = files("ordain").joinpath(folder)
    return tuple(sorted(_walk(root, "", ending))) if root.is_dir() else ()


def _walk(folder: Traversable, prefix: str, ending: str | tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _walk(each, f"{prefix}{each.name}/", ending)
        elif each.name.endswith(ending):
            yield f"{prefix}{each.name}", each.read_text(encoding="utf-8")
