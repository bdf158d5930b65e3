"""YAML that no person wrote (locks, records of durations and looks), read with bounds.

libyaml descends by C's own stack, so what is nested a hundred thousand times would end the process and not
the reading; and aliases of aliases cost nothing to read and everything to walk. Both have a bound here.
"""

from __future__ import annotations

from typing import Any

import yaml

from ordain.core.yaml import yaml12

MAX_DEPTH, MAX_NODES = 64, 1_000_000


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
        yaml.YAMLError: when it is not YAML, has a tag of its own, or is nested or grows too much.
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
            _check_extent(node)
        return None if node is None else reader.construct_document(node)
    except (LookupError, TypeError, AttributeError, OverflowError) as error:
        raise yaml.YAMLError(f"a value is not what its tag says: {error}") from error
    finally:
        reader.dispose()


def _check_extent(root: yaml.Node | None) -> None:
    """Count each alias as all that it stands for, by which whoever walks the value will meet it."""
    extents: dict[int, tuple[int, int]] = {}
    begun: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting[-1]
        inner = [] if id(node) in extents else _inner(node)
        unknown = [each for each in inner if id(each) not in extents]
        if unknown and id(node) in begun:
            raise yaml.YAMLError("an alias stands in what it stands for")
        begun.add(id(node))
        waiting += unknown
        if not unknown:
            known = [extents[id(each)] for each in inner]
            size, depth = 1 + sum(each for each, _ in known), 1 + max((each for _, each in known), default=0)
            if size > MAX_NODES or depth > MAX_DEPTH:
                raise yaml.YAMLError("aliases make it too large, or too deep")
            extents.setdefault(id(waiting.pop()), (size, depth))


def _inner(node: yaml.Node | None) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [each for pair in node.value for each in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
