"""A failed stage as one error: which model, which stage, which file, and the stage's own sentence.

Stages end with `error: <model> / <stage> / <file>: <what>` and `  fix: <how>` (`adapters.stage`). What ends
otherwise (a crash, a signal) is named by its script and its last words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from ordain.core.escaping import visible, visible_lines
from ordain.errors import RetryLater, UserError

_EXIT = re.compile(r"WARNING: failed to run: .*, exited with (-?\d+)")
_ERROR, _FIX, _LATER = "error: ", "  fix: ", "later: "
_KILLED = {-9, 137}
_FULL = ("No space left on device", "database or disk is full", "File too large", "Disk quota exceeded")


# What DVC says of a remote whose plug-in is not there.
NO_PLUGIN = "to be installed"
_PLUGIN = re.compile(rf"requires 'dvc-([a-z0-9]+)' {NO_PLUGIN}")


def known_fault(said: Sequence[str]) -> UserError | None:
    """What DVC's words say of the machine it runs on: no space, or a plug-in that is not installed."""
    return disk_full(said) or missing_plugin(said)


def missing_plugin(said: Sequence[str]) -> UserError | None:
    """The package that DVC lacks for a remote."""
    found = _PLUGIN.search("\n".join(said))
    if found is None:
        return None
    fix = f"pip install dvc-{found[1]}"
    return UserError(f"DVC's plug-in for {found[1]} is not installed", where=".dvc/config", fix=fix)


def disk_full(said: Sequence[str]) -> UserError | None:
    """The error for a full disk, when the lines speak of one."""
    if not any(word in line for line in said for word in _FULL):
        return None
    return UserError(
        "the disk is full; what was written whole is kept", fix="free some space, then: ordain run"
    )


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One stage that failed.

    Attributes:
        model: its name. stage: such as `train-xgboost`.
        said: what the stage and then DVC printed.
    """

    model: str
    stage: str
    said: tuple[str, ...] = ()

    @property
    def later(self) -> str:
        """What a remote party answered, when the stage says that it may work later."""
        return next((each.removeprefix(_LATER) for each in self.said if each.startswith(_LATER)), "")

    def error(self, log: str) -> UserError:
        """The failure as one error.

        Args:
            log: where everything that it printed can be read.
        """
        start = next((place for place, each in enumerate(self.said) if each.startswith(_ERROR)), None)
        if start is None:
            return self._full() or self._crash(log)
        lines = [self.said[start].removeprefix(_ERROR)]
        fix = f"mend it, then: ordain run {self.model}"
        for line in self.said[start + 1 :]:
            if line.startswith(_FIX):
                fix = visible(line.removeprefix(_FIX))
            if line.startswith(_FIX) or not line.startswith("  "):
                break
            lines.append(line)
        where, colon, what = "\n".join(lines).partition(": ")
        if not colon:
            return UserError(visible_lines(where), where=f"{self.model} / {self.stage}", fix=fix)
        return UserError(visible_lines(what), where=visible(where), fix=fix)

    def _full(self) -> UserError | None:
        full = disk_full(self.said)
        return full and UserError(full.what, where=f"{self.model} / {self.stage}", fix=full.fix)

    def _crash(self, log: str) -> UserError:
        own = [line for line in self.said if line.strip() and not line.startswith("WARNING: ")]
        dvc = [line.removeprefix("WARNING: ") for line in self.said if line.startswith("WARNING: ")]
        codes = [int(found[1]) for found in map(_EXIT.fullmatch, self.said) if found]
        script = self.stage.split("-")[0]
        where = f"{self.model} / {self.stage} / stages/{script}.py"
        last = f": {visible((own or dvc)[-1].strip())}" if own or (dvc and not codes) else ""
        if codes and codes[0] in _KILLED:
            return UserError(
                "the stage was killed; perhaps the memory was full", where=where, fix="ordain run"
            )
        ended = f"the stage ended with exit code {codes[0]}" if codes else "the stage could not be run"
        return UserError(f"{ended}{last}", where=where, fix=f"all that it printed is in {log}")


def as_error(failures: Sequence[Failure], total: int, log: str) -> UserError | RetryLater:
    """All failures of a run as one error.

    Args:
        failures: at least one.
        total: how many models were run.
        log: see `Failure.error`.
    """
    if all(each.later for each in failures):
        return RetryLater("; ".join(visible(each.later) for each in failures))
    errors = [each.error(log) for each in failures]
    if len(errors) == 1:
        return errors[0]
    models = len({each.model for each in failures})
    listed = "".join(f"\n  {each}" for each in errors)
    return UserError(f"{models} of {total} models failed:{listed}", fix=errors[0].fix)
