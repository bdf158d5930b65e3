"""YAML that no person wrote (locks, records of durations and looks), read with bounds.

libyaml descends by C's own stack, so what is nested a hundred thousand times would end the process and not
the reading; and an alias costs nothing to read but, nested, everything to walk. Both are refused.
"""

from __future__ import annotations

from typing import Any

import yaml

from ordain.core import yaml12

MAX_DEPTH = 64


class _Bounded:
    """What makes a loader stop where nesting goes too deep."""

    _depth = 0

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        """Called as each node begins; no document here has path resolvers to look for."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nested deeper than {MAX_DEPTH} levels")

    def ascend_resolver(self) -> None:
        """Called as each node ends."""
        self._depth -= 1


class _Loader11(_Bounded, yaml.CSafeLoader):
    """As PyYAML reads."""


class _Loader12(_Bounded, yaml12._Loader):  # noqa: SLF001 - its rules, with bounds
    """As DVC reads."""


def load(data: bytes) -> Any:
    """The one document in these bytes by YAML 1.1, as JSON-like data.

    Raises:
        yaml.YAMLError: when it is not YAML, has an alias or a tag of its own, or is nested too deeply.
        ValueError: when a scalar has no value, such as a date in February's thirtieth.
    """
    return _read(data, _Loader11(data))


def load12(data: bytes) -> Any:
    """The same by YAML 1.2 (`yaml12`), by which DVC writes; errors as `load`."""
    return _read(data, _Loader12(data))


def _read(data: bytes, reader: Any) -> Any:
    try:
        node = reader.get_single_node()
        if b"&" in data:
            _refuse_aliases(node)
        return None if node is None else reader.construct_document(node)
    except (LookupError, TypeError, AttributeError, OverflowError) as error:
        raise yaml.YAMLError(f"a value is not what its tag says: {error}") from error
    finally:
        reader.dispose()


def _refuse_aliases(root: yaml.Node | None) -> None:
    """An alias is the very node that it stands for, so nodes with content are met once or refused."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, yaml.CollectionNode):
            continue
        if id(node) in seen:
            raise yaml.YAMLError("an alias stands here")
        seen.add(id(node))
        pairs = isinstance(node, yaml.MappingNode)
        waiting += [each for pair in node.value for each in pair] if pairs else node.value
