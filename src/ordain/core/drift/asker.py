"""Whose word it is that something was asked for: anybody who may push can write a branch or a ref."""

from __future__ import annotations

from ordain.core.drift import retraining
from ordain.core.drift.retraining import Retraining
from ordain.core.git.commits import Commit
from ordain.core.people.trust import bots
from ordain.core.specs.governance import Policy
from ordain.core.value import Value

SUBJECT = "Asked to retrain "


class Asker(Value, frozen=True, kw_only=True):
    """By what those who ask know their own commits.

    Attributes:
        keys: fingerprints; a commit that one of them signed is proven.
        email: whose commits count too, signed or not; None where commits are signed. It proves little, since
            everybody can write it.
    """

    keys: frozenset[str]
    email: str | None = None

    def made(self, commit: Commit) -> bool:
        """Whether a commit is one's own."""
        key = commit.signer
        if key is not None and key.fingerprint in self.keys:
            return True
        return self.email is not None and commit.committer.email.casefold() == self.email


def asker(policy: Policy, key: str | None, email: str) -> Asker:
    """Who asks by a policy: its bots, and whoever signs now; or who is named, where nobody signs.

    Args:
        key: fingerprint of the key that signs now; None for none that is known. email: of who commits now.
    """
    signing = frozenset() if key is None else frozenset({key})
    return Asker(keys=bots(policy) | signing, email=None if key else email.casefold())


def told(model: str, asked: Retraining) -> str:
    """What a mark says: the message of a commit that changes nothing."""
    content = retraining.encode(retraining.essence(asked)).decode()
    return f"{SUBJECT}{model}\n\n{content}"


def heard(model: str, message: str) -> Retraining | None:
    """What a mark says; None when it is none, or of another model."""
    subject, _, content = message.partition("\n\n")
    return retraining.decode(content.encode()) if subject == f"{SUBJECT}{model}" else None
