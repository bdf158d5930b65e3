"""Commits as Git stores them: who says they made it, and who provably signed it."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import takewhile

from ordain.core.escaping import visible
from ordain.core.evidence import sshsig
from ordain.core.value import Value

NAMESPACE = "git"
# As Git reads it: one address in brackets says who; what stands behind it is a date or none.
_PERSON = re.compile(r"(?P<name>[^<>\n\0]*)<(?P<email>[^<>\n\0]*)>(?P<when>[^<>\n\0]*)")
_TIME = re.compile(r" *(-?\d{1,18})(?!\d)")
_TREE = re.compile(rb"tree ([0-9a-fA-F]{40}|[0-9a-fA-F]{64})")
_PARENT = re.compile(rb"parent ([0-9a-fA-F]{40}|[0-9a-fA-F]{64})")
# Characters of a line that can't be read, as far as they are kept to tell who it may have named.
_LONGEST = 100
# Both take time linear in the message, which is as long and as odd as its author likes.
_CO_AUTHOR = re.compile(r"^[^\S\n]*co-authored-by\s*:\s*(.*)$", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(r"<([^<>]*)>")


class Identity(Value, frozen=True, kw_only=True):
    """A name and an e-mail address that somebody wrote; alone it proves nothing.

    Attributes:
        unreadable: what stands there instead, its bytes escaped; None where somebody is named. Nobody is
            known by it, and name and address are empty.
    """

    name: str
    email: str
    unreadable: str | None = None

    @property
    def text(self) -> str:
        """One line for people."""
        return f"{self.name} <{self.email}>" if self.unreadable is None else f"unreadable: {self.unreadable}"


class Commit(Value, frozen=True, kw_only=True):
    """One commit.

    Attributes:
        time: when the committer says it was, seconds since 1970; 0 where that can't be read.
        co_authors: every `Co-authored-by:` line of the message, wherever it stands.
        signature: the SSH signature's bytes; None when there is none or it is of another kind.
        signed: the bytes that a signature covers.
    """

    id: str
    tree: str
    parents: tuple[str, ...]
    author: Identity
    committer: Identity
    time: int
    message: str
    co_authors: tuple[Identity, ...] = ()
    signature: bytes | None = None
    signed: bytes = b""

    @property
    def people(self) -> tuple[Identity, ...]:
        """Everyone that the commit names as its maker."""
        return (self.author, self.committer, *self.co_authors)

    @property
    def signer(self) -> sshsig.PublicKey | None:
        """The key that provably signed the commit, or None."""
        return _signer(self.signature, self.signed) if self.signature is not None else None


@lru_cache(maxsize=1 << 14)
def _signer(signature: bytes, signed: bytes) -> sshsig.PublicKey | None:
    """Kept: a walk asks for it at several steps, and checking is most of what that costs."""
    try:
        return sshsig.verify(signature, NAMESPACE, signed)
    except sshsig.SignatureError:
        return None


def parse(commit: str, raw: bytes) -> Commit:
    """A commit from the bytes of its object, read as leniently as Git reads it.

    What says who made it may be anything: where it can't be read, the maker is unknown. Tree and parents
    stand where Git looks for them and nowhere else.

    Args:
        commit: its id. raw: as `git cat-file commit` prints it.

    Raises:
        ValueError: when Git would call it no commit either.
    """
    head, _, body = raw.partition(b"\n\n")
    tree, parents = _links(head)
    headers = _headers(head)
    author, committer = (_maker(headers, role) for role in (b"author", b"committer"))
    message = body.decode("utf-8", "replace")
    return Commit(
        id=commit,
        tree=tree,
        parents=parents,
        author=author[0],
        committer=committer[0],
        time=committer[1],
        message=message,
        co_authors=tuple(_co_author(line) for line in _CO_AUTHOR.findall(message)),
        signature=_signature(headers),
        signed=_signed(head) + b"\n\n" + body,
    )


def compose(tree: str, parents: tuple[str, ...], who: tuple[Identity, int], message: str) -> bytes:
    """The bytes of an unsigned commit, whose author is its committer.

    Args:
        who: the identity, and the time in seconds since 1970.
    """
    identity, time = who
    stamp = f"{identity.name} <{identity.email}> {time} +0000"
    lines = [f"tree {tree}", *(f"parent {each}" for each in parents), f"author {stamp}", f"committer {stamp}"]
    return "\n".join([*lines, "", message]).encode()


def attach(commit: bytes, signature: bytes) -> bytes:
    """A commit of `compose` with the signature that was made over it."""
    head, _, body = commit.partition(b"\n\n")
    armored = sshsig.armor(signature).rstrip("\n").replace("\n", "\n ")
    return head + b"\ngpgsig " + armored.encode() + b"\n\n" + body


def tree_of(raw: bytes) -> str:
    """The tree of a commit, from the bytes of its object; errors as `parse`."""
    return _links(raw.partition(b"\n\n")[0])[0]


def _links(head: bytes) -> tuple[str, tuple[str, ...]]:
    """The tree, which stands first, and the parents, which follow it: a later one is none to Git."""
    first, *others = head.split(b"\n")
    tree = _TREE.fullmatch(first)
    if tree is None:
        raise ValueError("it names no tree, so it is no commit")
    found = (_PARENT.fullmatch(line) for line in takewhile(lambda line: line.startswith(b"parent "), others))
    parents = tuple(each[1].decode().lower() if each else "" for each in found)
    if not all(parents):
        raise ValueError("it names a parent that is none, so it is no commit")
    return tree[1].decode().lower(), parents


def _headers(head: bytes) -> list[tuple[bytes, bytes]]:
    """Header names and values, continuation lines joined."""
    found: list[tuple[bytes, bytes]] = []
    for line in head.split(b"\n"):
        if line.startswith(b" ") and found:
            name, text = found[-1]
            found[-1] = (name, text + b"\n" + line[1:])
        else:
            name, _, text = line.partition(b" ")
            found.append((name, text))
    return found


def _signature(headers: list[tuple[bytes, bytes]]) -> bytes | None:
    found = [text for name, text in headers if name.startswith(b"gpgsig")]
    if len(found) != 1 or not any(name == b"gpgsig" for name, _ in headers):
        return None
    try:
        return sshsig.dearmor(found[0].decode("utf-8", "replace"))
    except sshsig.SignatureError:
        return None


def _signed(head: bytes) -> bytes:
    """The headers without the signature: what Git signs."""
    kept: list[bytes] = []
    inside = False
    for line in head.split(b"\n"):
        inside = line.startswith(b"gpgsig ") or (inside and line.startswith(b" "))
        if not inside:
            kept.append(line)
    return b"\n".join(kept)


def _maker(headers: list[tuple[bytes, bytes]], role: bytes) -> tuple[Identity, int]:
    """Who a header names, and when; two headers of one role name nobody."""
    line = b"\n".join(text for name, text in headers if name == role)
    text = line.decode("utf-8", "backslashreplace")
    found = _PERSON.fullmatch(text)
    name, email = (found["name"].strip(), found["email"].strip()) if found else ("", "")
    if found is None or not (name or email):
        return Identity(name="", email="", unreadable=visible(text, _LONGEST)), 0
    time = _TIME.match(found["when"])
    return Identity(name=name, email=email), int(time[1]) if time else 0


def _co_author(line: str) -> Identity:
    found = _ADDRESS.search(line)
    if found is None:
        *names, last = line.split() or [""]
        bare = "@" in last
        return Identity(
            name=" ".join(names) if bare else line.strip(), email=last.strip("<>") if bare else ""
        )
    return Identity(name=line[: found.start()].strip(), email=found[1].strip())
