"""What a batch is asked, and what it says when it is done."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from ordain.adapters.places import Place
from ordain.core.artifacts.signature import Signature
from ordain.runtime.admission import Policy
from ordain.runtime.model import Identity

PARTITION = 2**18


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be scored, and how.

    Attributes:
        source, target: input and output.
        keep: columns of the input that the output repeats.
        executor: `auto` (measured), or the name of one.
        partition: rows that a kill can cost.
    """

    source: Place
    target: Place
    policy: Policy = "reject"
    keep: tuple[str, ...] = ()
    threads: int = 1
    executor: str = "auto"
    partition: int = PARTITION


class Released(NamedTuple):
    """The release that answers, without what it takes to ask it."""

    identity: Identity
    signature: Signature


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch; also the file beside the output.

    Attributes:
        batch: its id; the same id means the same output.
        resumed: rows that an earlier start had finished.
        violations: `[column, kind, rejected or accepted, count]`.
        seconds, rows_per_second: of this start, its own rows only.
    """

    model: str
    version: str
    artifact: str
    release: str
    intent: str
    environment: str
    batch: str
    input: str
    output: str
    rejects: str
    rows: int
    rejected: int
    resumed: int
    violations: tuple[tuple[str, str, str, int], ...]
    executor: str
    threads: int
    seconds: float
    rows_per_second: int
    bytes: int


class Progress(NamedTuple):
    """How far a batch is; `total` is unknown until the end of a text file."""

    rows: int
    rejected: int
    total: int | None
