"""The types of where an environment's servers log their predictions, and of what becomes of that log."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ordain.core.specs.deployment import Monitoring, Scheduled
from ordain.core.specs.parts import Cidr, Count, Name, Part, Url


class Compact(Scheduled, frozen=True, kw_only=True):
    """`ordain compact` on a schedule: the log's JSON lines become Parquet."""

    keep_days: Annotated[Count | None, Meta(description="What is older is removed; default: nothing is.")] = (
        None
    )


class PredictionLog(Part, frozen=True, kw_only=True):
    """Where servers write their prediction log, instead of a folder of the pod."""

    url: Annotated[Url, Meta(description="The log of a model is the folder of its name there.")]
    salt_secret: Annotated[
        Name | None,
        Meta(
            description="A Secret in the namespace whose key `salt` keys the hashes of personal columns; "
            "without it they are left out."
        ),
    ] = None
    credentials: Annotated[
        Name | None,
        Meta(description="A Secret in the namespace whose files configure fsspec (FSSPEC_CONFIG_DIR)."),
    ] = None
    allow_to: Annotated[
        tuple[Cidr, ...],
        Meta(min_length=1, description="Networks in which it is, reached over TLS (port 443), with DNS."),
    ]
    compact: Annotated[Compact | None, Meta(description="Default: lines stay lines.")] = None

    def of(self, model: str) -> str:
        """Where the log of one model is."""
        return f"{self.url.rstrip('/')}/{model}"


def watched_log(model: str, monitoring: Monitoring, shared: PredictionLog | None) -> str | None:
    """Where a model's monitor finds its log: where the spec says, or else in the environment's."""
    if monitoring.watch and monitoring.watch.log:
        return monitoring.watch.log
    return shared.of(model) if shared else None
