"""YAML that no person wrote (locks, records of durations and looks), read with bounds.

libyaml descends by C's own stack, so what is nested a hundred thousand times would end the process and not
the reading; and an alias costs nothing to read but, nested, everything to walk. Both are refused.
"""

from __future__ import annotations

from typing import Any

import yaml

MAX_DEPTH = 64


class PlainLoader(yaml.CSafeLoader):
    """libyaml's safe loader, for bounded nesting."""

    _depth = 0

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        """Called as each node begins; no document here has path resolvers to look for."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nested deeper than {MAX_DEPTH} levels")

    def ascend_resolver(self) -> None:
        """Called as each node ends."""
        self._depth -= 1


def load(data: bytes, loader: type[PlainLoader] = PlainLoader) -> Any:
    """The one document in these bytes, as JSON-like data.

    Raises:
        yaml.YAMLError: when it is not YAML, has an alias or a tag of its own, or is nested too deeply.
        ValueError: when a scalar has no value, such as a date in February's thirtieth.
    """
    reader = loader(data)
    try:
        node = reader.get_single_node()
        if b"&" in data:
            _refuse_aliases(node)
        return None if node is None else reader.construct_document(node)
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
