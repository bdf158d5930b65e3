"""How text is written into YAML that people review: so that YAML 1.1 and 1.2 read the same, and visibly."""

from __future__ import annotations

from typing import Any

import yaml

from ordain.core.yaml.yamlscalars import LOOKS_NUMERIC


class Dumper(yaml.SafeDumper):
    """Quotes text that YAML 1.2 takes for a number, and escapes text with invisible characters in it."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "'" if LOOKS_NUMERIC.fullmatch(text) else None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


Dumper.add_representer(str, _text)


def dump(value: Any, **layout: Any) -> str:
    """A value as YAML, keys in their own order.

    Args:
        value: JSON-like data. layout: PyYAML's options, such as `width`.
    """
    text: str = yaml.dump(value, Dumper=Dumper, sort_keys=False, **layout)
    return text
