"""Champions that `ordain release` did not record, as CI hands them on to the job that tells people."""

from __future__ import annotations

from ordain.core.gating.verdicts import Verdict
from ordain.core.jobfiles import decoded, encoded
from ordain.core.value import Value
from ordain.errors import UserError


class Refused(Value, frozen=True, kw_only=True):
    """One model that is not released.

    Attributes:
        what, fix: of the error. verdicts: of every gate, those that pass included; none when not judged.
    """

    model: str
    what: str
    fix: str = ""
    verdicts: tuple[Verdict, ...] = ()


class NotReleasedError(UserError):
    """Why models are not released, in words and as values."""

    def __init__(self, error: UserError, refused: tuple[Refused, ...]) -> None:
        super().__init__(error.what, where=error.where, fix=error.fix, reason=error.reason)
        self.refused = refused


class RefusedError(UserError):
    """Why one champion is not released: what its gates said."""

    def __init__(self, error: UserError, verdicts: tuple[Verdict, ...]) -> None:
        super().__init__(error.what, where=error.where, fix=error.fix, reason=error.reason)
        self.verdicts = verdicts


class _File(Value, frozen=True, kw_only=True):
    version: int
    refused: tuple[Refused, ...]


def encode(refused: tuple[Refused, ...]) -> bytes:
    """The file."""
    return encoded(_File(version=1, refused=refused))


def decode(data: bytes, where: str) -> tuple[Refused, ...]:
    """What a file says.

    Raises:
        UserError: when it is none of these files.
    """
    fix = "write it with `ordain release --refused FILE`"
    refusal = UserError("this is no list of refused champions", where=where, fix=fix)
    return decoded(data, _File, refusal).refused
