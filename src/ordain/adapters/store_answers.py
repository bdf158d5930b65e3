"""What a store's refusal means to whoever reads from it: a wrong URL, a missing right, or another time.

fsspec's drivers raise what they like. The one for HTTP turns whatever happens into `FileNotFoundError`, with
the reason behind it; others let the exceptions of their own libraries through.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ordain.errors import RetryLater, UserError

# By RFC 9110, RFC 8470 and RFC 6585: the same request may be answered later.
_LATER = frozenset({408, 425, 429})
ABSENT, _FORBIDDEN = frozenset({404, 410}), frozenset({401, 403, 407})
# Where drivers' exceptions keep the status of an HTTP answer.
_STATUS = ("status", "status_code", "code")


@contextmanager
def answering(url: str) -> Iterator[None]:
    """Turn whatever a driver raises within into what a person or a scheduler can act on.

    Raises:
        UserError: nothing is there, it may not be read, or there is no driver. RetryLater: its host did not
            answer, or was busy.
    """
    try:
        yield
    except (UserError, RetryLater):
        raise
    except Exception as error:
        raise refusal(url, error) from error


def refusal(url: str, error: BaseException) -> UserError | RetryLater:
    """What an exception of a driver means."""
    reasons = _chain(error)
    status = next((found for each in reasons if (found := _status(each))), 0)
    kinds = [type(each) for each in reasons]
    if is_later(status) or (not status and any(map(_away, kinds))):
        return RetryLater(f"{url} did not answer: {_said(reasons[-1])}")
    if status in _FORBIDDEN or (not status and any(issubclass(each, PermissionError) for each in kinds)):
        fix = "set the credentials of this store, or have them allowed to read"
        return UserError("this URL may not be read", where=url, fix=fix)
    if status in ABSENT or (not status and kinds[-1] is FileNotFoundError):
        return UserError("there is nothing at this URL", where=url, fix="correct `data.source.url`")
    fix = "correct `data.source.url`, or install the fsspec package of its protocol"
    return UserError(f"cannot read this URL: {_said(reasons[-1])}", where=url, fix=fix)


def is_later(status: int) -> bool:
    """Whether an HTTP status means that the same request may be answered another time."""
    return status in _LATER or status >= 500


def _chain(error: BaseException) -> list[BaseException]:
    """An exception and what lies behind it, the deepest last."""
    found: list[BaseException] = []
    behind: BaseException | None = error
    while behind is not None and behind not in found:
        found.append(behind)
        behind = behind.__cause__ or behind.__context__
    return found


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _status(error: BaseException) -> int:
    found = (getattr(error, name, None) for name in _STATUS)
    return next((each for each in found if isinstance(each, int)), 0)


def _away(kind: type[BaseException]) -> bool:
    """Whether this is a connection that failed, as far as an exception's type can tell."""
    known = (FileNotFoundError, PermissionError, ImportError)
    return issubclass(kind, OSError) and not issubclass(kind, known)
