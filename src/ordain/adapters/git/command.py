"""How every Git command is run: settings that switch off what a repository could make it do."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ordain.adapters.stopping import listening
from ordain.core.git import gitsettings
from ordain.core.reasons import Reason
from ordain.errors import RetryLater, UserError

_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    # What a merge gives must not depend on who asks; these are what Git does by itself.
    "merge.renames": "true",
    "merge.directoryRenames": "conflict",
    "merge.renameLimit": "7000",
    "core.quotePath": "true",
    "core.logAllRefUpdates": "false",
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    "push.recurseSubmodules": "no",
    "push.followTags": "false",
    "log.showSignature": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
}
_FIXED = {
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
}
# Whoever has this asked means the token that it holds; a runner's own helper would answer before it.
_ASKPASS = "ordain-askpass"
_REMOTE = {"fetch", "push", "ls-remote"}
# Verbs by which Git only looks at objects, refs and settings, or writes objects and refs: they run nothing
# that the repository's own settings name, so these need not be asked first.
_PLAIN = {
    "cat-file", "config", "for-each-ref", "hash-object", "init", "log", "merge-tree", "mktree", "read-tree",
    "rev-list", "rev-parse", "symbolic-ref", "update-index", "update-ref", "var", "write-tree",
}  # fmt: skip
# What the person at the terminal may have set for themselves; the rest of GIT_* is taken out.
_KEPT = {
    "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_AUTHOR_DATE", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL",
    "GIT_COMMITTER_DATE", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_SYSTEM", "GIT_SSH",
    "GIT_SSH_COMMAND", "GIT_ASKPASS",
}  # fmt: skip
_RACED = (
    "non-fast-forward", "fetch first", "cannot lock ref", "failed to update ref", "stale info",
    "incorrect old value", "reference already exists", "failed to lock", "Unable to create",
)  # fmt: skip
# What keeps the other end from taking a ref, however often it is sent.
_STUCK = (
    "exists; cannot create", "directory/file conflict", "File name too long", "No space left on device",
    "Disk quota exceeded", "Read-only file system", "Permission denied",
)  # fmt: skip
_AWAY = (
    "Could not resolve", "timed out", "Connection ", "early EOF", "unable to access", "hung up",
    "unable to read",
)  # fmt: skip

_NOBODY = ("empty ident name", "Please tell me who you are", "unable to auto-detect email address")


class PushRacedError(Exception):
    """Somebody else moved the ref first; read again, then push again."""


class StoreError(UserError):
    """A repository does not give an object that it should hold: no fault of whatever stands in the object."""


class Ran(msgspec.Struct, frozen=True):
    """What one Git command answered."""

    code: int
    output: bytes
    errors: str


def failure(verb: str, ran: Ran) -> Exception:
    """What a command that ended badly means to the caller."""
    said = ran.errors + ran.output.decode("utf-8", "replace") if verb == "push" else ran.errors
    if verb == "push" and any(each in said for each in _STUCK):
        fix = "mend what Git names here: a name in the way, space, or the right to write"
        return UserError(f"the repository cannot take this ref: {said[-300:]}", fix=fix)
    if verb == "push" and any(each in said for each in _RACED):
        return PushRacedError(said[-300:])
    if verb in {"push", "fetch", "ls-remote"} and any(each in said for each in _AWAY):
        return RetryLater(f"the remote repository did not answer: {said[-300:]}")
    if any(each in ran.errors for each in _NOBODY):
        fix = "set both; the jobs of CI take them from the variables ORDAIN_BOT_NAME and ORDAIN_BOT_EMAIL"
        return UserError(
            "Git knows no name or address of whoever commits", where="user.name, user.email", fix=fix
        )
    return UserError(f"`git {verb}` failed: {said[-500:] or ran.code}", fix="run it by hand to see more")


def hostile(where: str, what: str) -> UserError:
    """A Git object that must not be there."""
    fix = "replace it by a plain file, in a new commit"
    return UserError(what, where=ascii(where)[1:-1], fix=fix, reason=Reason.HOSTILE_OBJECT)


def _words(passed: Mapping[str, str], words: Iterable[str]) -> list[str]:
    """The command line: GitPython only adds to the environment, so `env` takes away."""
    settings = [word for key, value in _SETTINGS.items() for word in ("-c", f"{key}={value}")]
    dropped = {name for name in os.environ if name.startswith("GIT_")} - _KEPT - set(passed)
    prefix = ["env", *(word for name in sorted(dropped) for word in ("-u", name))] if dropped else []
    return [*prefix, "git", "--no-pager", "--no-optional-locks", *settings, *words]


class Command:
    """Git commands in one folder.

    Args:
        folder: a working tree, a folder in one, or a bare repository.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(
        self,
        *words: str,
        stdin: bytes | None = None,
        fine: Iterable[int] = (0,),
        environment: Mapping[str, str] | None = None,
    ) -> Ran:
        """One Git command, its words already validated: for this module and its like only.

        Raises:
            UserError: when it ends with a code that is not `fine`, carrying what Git said.
        """
        from git.cmd import Git  # GitPython is slow to import

        passed = {**self._guards(words[0]), **(environment or {})}
        with tempfile.TemporaryFile() as stream:
            stream.write(stdin or b"")
            stream.seek(0)
            code, output, errors = Git(self.folder).execute(
                _words(passed, words),
                istream=stream,
                with_extended_output=True,
                with_exceptions=False,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
                shell=False,
                env=passed,
                start_new_session=listening(),
            )
        ran = Ran(int(code), output, errors.strip())
        if ran.code not in set(fine):
            raise failure(words[0], ran)
        return ran

    def start(self, *words: str) -> Any:
        """A Git command that is asked and answers for as long as it is needed, as a `subprocess.Popen`."""
        from git.cmd import Git

        passed = self._guards(words[0])
        return Git(self.folder).execute(
            _words(passed, words), istream=subprocess.PIPE, as_process=True, shell=False, env=passed,
            start_new_session=listening(),
        )  # fmt: skip

    def _guards(self, verb: str) -> dict[str, str]:
        """The variables that keep a command to what it is for.

        The settings are asked for each time: which files are included can depend on the branch.
        """
        # Stands above every `protocol.*.allow`, of which a more precise one would stand above ours. Without
        # a protocol, an object that is not here is not fetched from a "promisor" in passing either.
        fixed = {**_FIXED, "GIT_ALLOW_PROTOCOL": "file:ssh:https" if verb in _REMOTE else "none"}
        if verb in _PLAIN:
            return fixed
        listed = self.run("config", "--list", "-z", "--show-scope").output
        settings = gitsettings.overrides(gitsettings.parse(listed))
        if Path(os.environ.get("GIT_ASKPASS", "")).name == _ASKPASS:
            settings.append(("credential.helper", ""))
        return {**fixed, **gitsettings.as_environment(settings)}

    def line(self, *words: str, fine: Iterable[int] = (0,)) -> str:
        """The one line that a command prints."""
        return self.run(*words, fine=fine).output.decode("utf-8", "replace").strip()
