"""One way to turn a value into bytes, and bytes into a digest that says what was hashed.

Every identity in Ordain (training slice, intent, subject, transition, release record) is
`digest(domain, value)`. The domain separates the kinds, so that a digest of one kind can never be
passed off as another.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

PREFIX = "sha256:"


def canonical_bytes(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys and no white space.

    Args:
        value: JSON-like data: mappings with text keys, sequences, text, numbers, booleans, None.

    Raises:
        ValueError: for NaN and infinities, which JSON cannot carry.
        TypeError: for anything that is not JSON-like.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode("utf-8")


def bytes_digest(data: bytes) -> str:
    """`sha256:<hex>` of the bytes as they are (the form that OCI and Kubernetes use)."""
    return PREFIX + hashlib.sha256(data).hexdigest()


def digest(domain: str, value: Any) -> str:
    """`sha256:<hex>` of a value in a domain such as `intent/v1`."""
    return bytes_digest(b"ordain:" + domain.encode("ascii") + b"\n" + canonical_bytes(value))


def is_digest(text: object) -> bool:
    """Whether this is `sha256:` and 64 lower-case hexadecimal digits."""
    return (
        isinstance(text, str)
        and len(text) == len(PREFIX) + 64
        and text.startswith(PREFIX)
        and all(c in "0123456789abcdef" for c in text[len(PREFIX) :])
    )


def rounded(number: float, digits: int = 6) -> float:
    """A finite number rounded for records that must be equal between two runs.

    Raises:
        ValueError: for NaN and infinities; missing evidence is never a number.
    """
    if not math.isfinite(number):
        raise ValueError(f"{number} is not finite")
    return round(float(number), digits) + 0.0
