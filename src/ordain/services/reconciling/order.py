"""What a reconciler is told, and what it answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from ordain.core.decisions import Decision, Entry
from ordain.core.evidence.attestation import Signer
from ordain.core.ledger.ledger import Seen
from ordain.core.specs.governance import Policy
from ordain.ports import OpenForge, Requests


class Place(Struct, frozen=True):
    """A branch of a repository, whose folder is resolved if it is one; None for whichever branch the
    approved policy names.
    """

    address: str
    branch: str | None = None


class Collector(Struct, frozen=True, kw_only=True):
    """Who signs what this reconciler writes: the key's fingerprint, and a signer for each purpose."""

    key: str
    ledger: Signer
    commit: Signer
    request: Signer
    summary: Signer


class Memory(Protocol):
    """Keeps the newest ledger head that was seen."""

    def recall(self) -> Seen | None:
        """What was seen before."""

    def remember(self, seen: Seen) -> None:
        """Keep a head, unless a newer one is known."""


class Order(Struct, frozen=True, kw_only=True):
    """What to reconcile, and with what.

    Attributes:
        source: the base branch. target: where manifests and ledger go; often the same.
        borrow: a local repository whose objects need not be fetched again, and whose policies suggest where
            to look; without it the source's branch has to be named.
        memory: what was seen before of a ledger, by its genesis and, where that is elsewhere, its place.
        requests: what knows of merged requests, by the policy that judges; None for the local forge.
        templates: of the renderer. present: whether an artifact was published, by its image.
        clock: the time of observation, UTC. pause: waits before the n-th attempt, with jitter.
    """

    source: Place
    target: Place
    borrow: Path | None
    memory: Callable[[str], Memory] | None
    collector: Collector
    forge: OpenForge
    requests: Callable[[Policy], Requests | None]
    templates: Mapping[str, str]
    present: Callable[[str], bool]
    clock: Callable[[], dt.datetime]
    pause: Callable[[int], None]


class Outcome(Struct, frozen=True, kw_only=True):
    """What one run did.

    Attributes:
        commit: newest commit that was pushed; None when there was nothing to record.
        entries: those written. repaired: edited paths that were restored.
        standing: refusals that are on record already and still hold.
    """

    commit: str | None = None
    entries: tuple[Entry, ...] = ()
    repaired: tuple[str, ...] = ()
    standing: tuple[Decision, ...] = ()
