"""The one exception that becomes an HTTP answer other than 200."""

from __future__ import annotations

Headers = list[tuple[bytes, bytes]]


class Refusal(Exception):  # noqa: N818 - a refusal is a decision, not a fault of the server
    """A request that is not served, and why.

    Args:
        status: HTTP status code.
        message: one sentence for the caller; never repeats a value of the request.
        headers: sent with the answer, such as `Retry-After` or `Allow`.
    """

    def __init__(self, status: int, message: str, headers: Headers | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers: Headers = headers or []
