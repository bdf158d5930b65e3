"""Which refs, revisions, paths and addresses may be handed to Git at all.

Option injection cannot be denied word by word, so each kind of argument has one allowed form, and
nothing that could be read as an option, a remote helper or a pathspec with magic has that form.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from ordain.core.reasons import Reason
from ordain.errors import UserError

MAX_LENGTH = 1024
MAX_SEGMENT = 255
_ID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@=-]*(/[A-Za-z0-9_][A-Za-z0-9_.+@=-]*)*")
_SUFFIX = re.compile(r"([~^][0-9]{0,6})*")
_HOST = r"([A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*"
_URL = re.compile(rf"(https|ssh)://{_HOST}(:[0-9]{{1,5}})?/[A-Za-z0-9_./~+=@-]*")
# `//` behind the colon would let any scheme pass for a host.
_SCP = re.compile(rf"{_HOST}:(?!//)[A-Za-z0-9_./~+=@][A-Za-z0-9_./~+=@-]*")
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Names that some file system takes for `.git`: its short form, and what lies behind a dot, blank or colon.
_GIT_FOLDER = re.compile(r"(\.git|git~[0-9]+)([. ]*|:.*)", re.IGNORECASE)


def page_of(address: str) -> str:
    """The page of a repository on its forge, by the address that Git fetches it from.

    Ports and users of ssh are left out; what is no address on a server comes back as it is.
    """
    ssh = re.fullmatch(r"ssh://(?:[^@/]+@)?(?P<host>[^:/]+)(?::[0-9]+)?/(?P<path>.+)", address)
    scp = re.fullmatch(r"(?:[^@/]+@)?(?P<host>[^:/]+):(?!//)/?(?P<path>.+)", address)
    found = ssh or (scp if "://" not in address else None)
    page = f"https://{found['host']}/{found['path']}" if found else address
    return page.removesuffix("/").removesuffix(".git")


def _refused(what: str, value: str, reason: str = "") -> UserError:
    shown = ascii(value[:120])
    return UserError(f"{shown} is not {what}", fix="use a plain name", reason=reason)


def is_object_id(text: str) -> bool:
    """Whether a text is a full object id in hexadecimal."""
    return _ID.fullmatch(text) is not None


def object_id(text: str) -> str:
    """A full object id in hexadecimal, as it came."""
    if not is_object_id(text):
        raise _refused("an object id", text)
    return text


def ref(text: str) -> str:
    """A branch or ref name such as `main` or `refs/heads/promote/churn-1`, as it came.

    Raises:
        UserError: for a leading `-` in any part, `..`, `@{`, `.lock`, white space, and all else that
            is not a letter, a digit or one of `_ . + @ = - /`.
    """
    bad = ".." in text or text.endswith((".", ".lock")) or ".lock/" in text or "./" in text or text == "@"
    if len(text) > MAX_LENGTH or bad or not _REF.fullmatch(text):
        raise _refused("a name of a branch or ref", text)
    return text


def revision(text: str) -> str:
    """A commit id, abbreviated or not, a ref, or `HEAD`, each with `~n` and `^n` behind it."""
    stem = text.rstrip("~^0123456789")
    # A name may itself end in digits: take back what `rstrip` took too much of.
    name = re.match(r"[0-9]*", text[len(stem) :])
    stem += name.group() if name else ""
    if not _SUFFIX.fullmatch(text[len(stem) :]):
        raise _refused("a revision", text)
    try:
        ref(stem)
    except UserError as error:
        raise _refused("a revision", text) from error
    return text


@lru_cache(maxsize=1 << 14)
def path(text: str) -> str:
    """A path inside a repository, relative, with `/`, as it came.

    Raises:
        UserError: reason `hostile-object` for an absolute or empty path, `.`, `..` or `.git` as a
            segment, a leading `-` or `:` in a segment, a backslash, and characters that don't show.
    """
    if any(unicodedata.category(each) in _UNSEEN for each in text):
        raise _refused("a path without invisible characters", text, Reason.HOSTILE_OBJECT)
    if len(text) > MAX_LENGTH:
        raise _refused("a path of bearable length", text, Reason.HOSTILE_OBJECT)
    for segment in text.split("/"):
        odd = segment in {"", ".", ".."} or _GIT_FOLDER.fullmatch(segment)
        if odd or segment.startswith(("-", ":")) or "\\" in segment or len(segment.encode()) > MAX_SEGMENT:
            raise _refused("a path inside the repository", text, Reason.HOSTILE_OBJECT)
    return text


def url(text: str) -> str:
    """Where a repository is: an absolute path or `file:`, `ssh:` or `https:`, or `user@host:path`.

    No remote helper (`ext::`), no option, and no password: a secret in an address ends up in logs.
    """
    local = text.removeprefix("file://")
    shown = len(text) <= MAX_LENGTH and not any(unicodedata.category(each) in _UNSEEN for each in text)
    if (
        shown and local.startswith("/") and "::" not in local and "://" not in local
    ):  # Git reads `/x://` as one
        return text
    if shown and "::" not in text and (_URL.fullmatch(text) or _SCP.fullmatch(text)):
        return text
    raise _refused("an address of a repository that Ordain will use", _without_secret(text))


def _without_secret(text: str) -> str:
    return re.sub(r"^([a-z+]+://)?.*@", r"\1…@", text, flags=re.DOTALL)
