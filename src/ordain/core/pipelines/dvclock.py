"""What is read of a `dvc.lock`, which anybody may have edited: stages of the shape that DVC writes."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from ordain.core.yaml import yamlplain


class _Row(msgspec.Struct):
    path: str
    md5: str | None = None


class _Stage(msgspec.Struct):
    cmd: Any = None
    deps: list[_Row] = []
    params: dict[str, dict[str, Any]] = {}
    outs: list[_Row] = []


class _Lock(msgspec.Struct):
    stages: dict[str, _Stage]


def stages_of(data: bytes) -> dict[str, Any]:
    """`cmd`, `deps`, `params` and `outs` of each stage; of `deps` and `outs` the path and the MD5.

    Raises:
        ValueError: when it is no lock.
    """
    try:
        lock = msgspec.convert(yamlplain.load12(data), _Lock)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise ValueError(str(error).partition("\n")[0]) from error
    found: dict[str, Any] = msgspec.to_builtins(lock.stages)
    return found
