"""What every value of the core is built on."""

from __future__ import annotations

from msgspec import Struct


class Value(Struct, frozen=True, kw_only=True):
    """Base of recorded values: immutable, named fields only."""
