"""Data that breaks its contract, as CI hands it on from the job that trains to the job that tells people."""

from __future__ import annotations

import re

from ordain.core.jobfiles import decoded, encoded
from ordain.core.value import Value
from ordain.errors import UserError

# How `learn` names a column at the beginning of a sentence.
_COLUMN = re.compile(r"`([^`\n]+)`: (.*)", re.DOTALL)


class Fault(Value, frozen=True, kw_only=True):
    """One way in which data breaks the contract.

    Attributes:
        column: empty for what is about no single column.
        what: how many values, what was expected, and the first rows; never a value of a personal column.
    """

    column: str
    what: str


class Broken(Value, frozen=True, kw_only=True):
    """One model whose data breaks its contract: every fault, and what to do."""

    model: str
    faults: tuple[Fault, ...]
    fix: str = ""


class _File(Value, frozen=True, kw_only=True):
    version: int
    broken: Broken


def broken(model: str, error: UserError) -> Broken:
    """What reading a model's data, or holding it to its contract, ended with.

    Several faults come as one error: a line that counts them, then each on its own.
    """
    first, *more = error.what.splitlines() or [""]
    where = f"{error.where}: " if error.where else ""
    said = [each.strip() for each in more] or [f"{where}{first}"]
    return Broken(model=model, faults=tuple(map(_fault, said)), fix=error.fix)


def _fault(text: str) -> Fault:
    named = _COLUMN.fullmatch(text)
    return Fault(column=named[1], what=named[2]) if named else Fault(column="", what=text)


def encode(found: Broken) -> bytes:
    """The file."""
    return encoded(_File(version=1, broken=found))


def decode(data: bytes, where: str) -> Broken:
    """What a file says.

    Raises:
        UserError: when it is none of these files.
    """
    fix = "write it with `ordain data faults --to FOLDER`"
    refusal = UserError("this does not say where data breaks its contract", where=where, fix=fix)
    return decoded(data, _File, refusal).broken
