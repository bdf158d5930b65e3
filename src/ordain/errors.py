"""The two failures that a person or a scheduler can act on; anything else is a bug.

`UserError` says what is wrong, where, and the next command. `RetryLater` says that the same command
may succeed later without any change. Both are raised anywhere and turned into text and an exit code
at one place only, the command line.
"""

from __future__ import annotations


class UserError(Exception):
    """Something a person can mend.

    Args:
        what: one sentence that names the fault.
        where: file, `file:line` or `model / stage / file`; empty when the fault has no place.
        fix: the next command or edit; empty only when there is honestly none.
        reason: a word from a closed list where one applies (see `core.reasons`), for machines.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "", reason: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix
        self.reason = reason

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.what}"


class RetryLater(Exception):  # noqa: N818 - the name is the advice
    """A remote party was busy or away; nothing was changed.

    Args:
        what: one sentence that names the party and what it answered.
        after: seconds to wait before the next try, when the party said so.
    """

    def __init__(self, what: str, *, after: float | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.after = after
