"""Identities leave out defaults (ADR 0008), so the default of a declared field never changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from ordain.core.specs import deployment, governance, parts, spec
from ordain.core.specs.identity import essence

GOLDEN = Path(__file__).parent / "golden"


def declared_types() -> Iterator[type[msgspec.Struct]]:
    """Every type that a person's YAML is read into."""
    for module in (spec, deployment, governance):
        for each in vars(module).values():
            if isinstance(each, type) and issubclass(each, parts.Part) and each is not parts.Part:
                yield each


def written(default: Any) -> Any:
    """A default as JSON; one that means "not said" has a word of its own."""
    return "(unset)" if default is msgspec.UNSET else msgspec.to_builtins(default, str_keys=True)


def defaults_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    fields = msgspec.structs.fields(kind)
    optional = (each for each in fields if not each.required)
    return {
        each.encode_name: written(
            each.default if each.default_factory is msgspec.NODEFAULT else each.default_factory()
        )
        for each in optional
    }


def test_no_default_of_a_declared_field_has_changed(golden: Callable[[Path, bytes], None]) -> None:
    """A new line here is a new field; a changed line silently changes what old digests mean."""
    found = {kind.__name__: defaults_of(kind) for kind in declared_types()}
    golden(GOLDEN / "defaults.json", json.dumps(found, indent=1, sort_keys=True).encode() + b"\n")


def test_a_default_spelt_out_and_one_left_out_are_one_identity() -> None:
    quiet, spelt = deployment.Replicas(), deployment.Replicas(**defaults_of(deployment.Replicas))
    assert essence(quiet) == essence(spelt) == {}
