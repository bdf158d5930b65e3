"""Read YAML by the rules of version 1.2, which DVC writes by.

`dvc exp run --set-param` writes a pipeline's `params.yaml` anew. By 1.2 the label `No` needs no quotes, nor
does 1e-05 need a dot; PyYAML, which follows 1.1, would read a boolean and a text. Generated files are
written so that both agree; this reads what DVC made of them.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_NULL = re.compile(r"~|null|Null|NULL|")
_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.CSafeLoader):
    """The core schema of YAML 1.2: no `yes`, no sexagesimal numbers, no dates, no merge keys."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


def _int(_: yaml.CSafeLoader, node: yaml.ScalarNode) -> int:
    return int(node.value, 0 if node.value[:2] in {"0o", "0x"} else 10)


def _float(_: yaml.CSafeLoader, node: yaml.ScalarNode) -> float:
    return float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan"))


for _name, _pattern in (("null", _NULL), ("bool", _BOOL), ("int", _INT), ("float", _FLOAT)):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern.pattern})\Z"), None)
_Loader.add_constructor(_TAG + "int", _int)
_Loader.add_constructor(_TAG + "float", _float)


def load(data: bytes) -> Any:
    """The one document in these bytes, as JSON-like data.

    Raises:
        yaml.YAMLError: when it is not YAML, or has a tag that is not of the core schema.
    """
    return yaml.load(data, _Loader)  # noqa: S506 - a safe loader
