"""Commits as Git stores them: who says they made it, and who provably signed it."""

from __future__ import annotations

import re

from ordain.core import sshsig
from ordain.core.decisions import Value

NAMESPACE = "git"
_PERSON = re.compile(r"(?P<name>[^<>\n]*?) ?<(?P<email>[^<>\n]*)>(?: (?P<time>-?\d{1,18}) [+-]\d{4,})?")
# Both take time linear in the message, which is as long and as odd as its author likes.
_CO_AUTHOR = re.compile(r"^[^\S\n]*co-authored-by\s*:\s*(.*)$", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(r"<([^<>]*)>")


class Identity(Value, frozen=True, kw_only=True):
    """A name and an e-mail address that somebody wrote; alone it proves nothing."""

    name: str
    email: str


class Commit(Value, frozen=True, kw_only=True):
    """One commit.

    Attributes:
        time: when the committer says it was, seconds since 1970.
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
        if self.signature is None:
            return None
        try:
            return sshsig.verify(self.signature, NAMESPACE, self.signed)
        except sshsig.SignatureError:
            return None


def parse(commit: str, raw: bytes) -> Commit:
    """A commit from the bytes of its object.

    Args:
        commit: its id. raw: as `git cat-file commit` prints it.

    Raises:
        ValueError: when it is not a commit with a tree, one author and one committer.
    """
    head, _, body = raw.partition(b"\n\n")
    headers = _headers(head)
    one = {key: [text for name, text in headers if name == key] for key in (b"tree", b"author", b"committer")}
    if any(len(found) != 1 for found in one.values()):
        raise ValueError("a commit has one tree, one author and one committer")
    committer = _PERSON.fullmatch(_text(one[b"committer"][0]))
    author = _PERSON.fullmatch(_text(one[b"author"][0]))
    if committer is None or author is None:
        raise ValueError("the author or the committer of the commit can't be read")
    message = _text(body)
    return Commit(
        id=commit,
        tree=_text(one[b"tree"][0]),
        parents=tuple(_text(text) for name, text in headers if name == b"parent"),
        author=_identity(author),
        committer=_identity(committer),
        time=int(committer["time"] or 0),
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


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


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
        return sshsig.dearmor(_text(found[0]))
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


def _identity(found: re.Match[str]) -> Identity:
    return Identity(name=found["name"].strip(), email=found["email"].strip())


def _co_author(line: str) -> Identity:
    found = _ADDRESS.search(line)
    if found is None:
        *names, last = line.split() or [""]
        bare = "@" in last
        return Identity(
            name=" ".join(names) if bare else line.strip(), email=last.strip("<>") if bare else ""
        )
    return Identity(name=line[: found.start()].strip(), email=found[1].strip())
