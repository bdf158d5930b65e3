"""How long a forge asks to be left alone."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

_DAY = 86400.0


def rate_limited(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether an answer says "too often": 429, or GitHub's 403 with one of its three signs.

    Args:
        headers: names in lower case.
    """
    signs = (
        "retry-after" in headers,
        headers.get("x-ratelimit-remaining") == "0",
        b"rate limit" in body[:4096].lower(),
    )
    return status == 429 or (status == 403 and any(signs))


def asked_pause(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, from `Retry-After` or the end of a used-up rate window; None when neither says.

    Never negative and never more than a day, whatever a header claims.

    Args:
        headers: names in lower case. now: seconds since 1970.
    """
    seconds = _retry_after(headers.get("retry-after", ""), now)
    for prefix in ("x-ratelimit", "ratelimit"):
        reset = headers.get(f"{prefix}-reset", "")
        if seconds is None and headers.get(f"{prefix}-remaining") == "0" and _counts(reset):
            seconds = float(reset) - now
    return None if seconds is None else min(max(seconds, 0.0), _DAY)


def _counts(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12


def _retry_after(text: str, now: float) -> float | None:
    if _counts(text):
        return float(text)
    try:
        return parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError, TypeError):
        return None
