"""Images that nobody can pull: what `init` and examples write until a real digest is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ordain.core.problems import Problem
from ordain.core.state.declared import MODELS, Declared, environment_path
from ordain.core.yaml.yamldoc import Path
from ordain.core.yaml.yamlscalars import Fault

# No content has this digest, so a cluster waits for such an image for ever.
UNSET = "@sha256:" + "0" * 64
ADVICE = "build one with scripts/image, and name it here by its digest (docs/containers.md)"


def placeholder_images(declared: Declared) -> Iterator[Problem]:
    """Every image of the declared state whose digest is all zeros, in the order of the files.

    It stops nobody from training, judging and approving, so it is worth a note and no refusal.
    """
    instance = declared.instance
    files = {environment_path(name): each for name, each in sorted(instance.environments.items())}
    for file, content in {**files, MODELS: instance.models}.items():
        for path, value in _leaves(msgspec.to_builtins(content)):
            if isinstance(value, str) and value.endswith(UNSET):
                message = "the image is a placeholder: no cluster can pull it, so nothing will run"
                yield declared.at_value(file, path, Fault("placeholder-image", message, ADVICE))


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(each, (*path, key))
    elif isinstance(value, list | tuple):
        for place, each in enumerate(value):
            yield from _leaves(each, (*path, place))
    else:
        yield path, value
