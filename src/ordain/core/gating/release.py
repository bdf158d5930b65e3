"""The release record: what a champion that passed was made of, and how it was judged."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ordain.core.canonical import digest
from ordain.core.gating.verdicts import Verdict
from ordain.core.specs.identity import ReleaseRef
from ordain.core.specs.parts import Count, Name, Part, matching
from ordain.core.yaml.yamldump import dump

HEADER = (
    "# yaml-language-server: $schema=../../.ordain/schemas/release.schema.json\n"
    "# Written by `ordain release` and immutable: `digest` closes every line above it.\n"
)
Sha256 = Annotated[
    str,
    matching(
        r"^sha256:[0-9a-f]{64}(?!\n)$",
        "sha256: and 64 lower-case hexadecimal digits",
    ),
]


class DataRecord(Part, frozen=True, kw_only=True):
    """Which data: the source's bytes, the typed rows, and both sides of the split."""

    source: Sha256
    rows: Sha256
    train: Sha256
    holdout: Sha256
    row_count: Count
    holdout_count: Count


class Champion(Part, frozen=True, kw_only=True):
    """Which candidate won, and its cross-validated score."""

    candidate: Name
    estimator: str
    metric: str
    score: float
    interval: tuple[float, float] | None = None


class Baseline(Part, frozen=True, kw_only=True):
    """The deployed release that it was judged against, on the same holdout rows."""

    release: str
    artifact: Sha256
    difference: float
    interval: tuple[float, float]


class Release(Part, frozen=True, kw_only=True):
    """The file `releases/<model>/<number>.yaml`. Immutable; its own digest closes it.

    Attributes:
        training_slice, parameters, code: digests of what was declared, resolved and run.
        lock: digest of `pipelines/<model>/dvc.lock` as it was.
        artifact: digest of the OCI manifest; artifact_bytes: its total size.
        metrics: on the holdout, six digits.
        looks: how many different artifacts this holdout had judged, this one included.
        baseline: None when it was judged against none, and `notes` then says why.
        notes: what a reader of the verdicts must know besides, one sentence each.
        digest: of all of the above.
    """

    version: Literal[1] = 1
    model: Name
    number: Count
    training_slice: Sha256
    parameters: Sha256
    code: Sha256
    lock: Sha256
    data: DataRecord
    champion: Champion
    artifact: Sha256
    artifact_bytes: Count
    metrics: dict[str, float]
    verdicts: tuple[Verdict, ...]
    looks: Count
    baseline: Baseline | None = None
    notes: tuple[str, ...] = ()
    digest: str = ""

    def computed_digest(self) -> str:
        """What `digest` must be for this content."""
        content = msgspec.to_builtins(self)
        del content["digest"]
        return digest("release/v1", content)

    def closed(self) -> Release:
        """The same with its `digest`."""
        return msgspec.structs.replace(self, digest=self.computed_digest())

    @property
    def ref(self) -> ReleaseRef:
        """What an intent pins."""
        return ReleaseRef(model=self.model, number=self.number, record=self.digest, artifact=self.artifact)


def encode(release: Release) -> bytes:
    """The record's file: the same record gives the same bytes; what a verdict lacks is left out."""
    content = msgspec.to_builtins(release)
    content["metrics"] = dict(sorted(content["metrics"].items()))
    content["verdicts"] = [
        {key: value for key, value in verdict.items() if value is not None and value != ""}
        for verdict in content["verdicts"]
    ]
    return (HEADER + dump(content, width=10**9, allow_unicode=True)).encode("utf-8")
