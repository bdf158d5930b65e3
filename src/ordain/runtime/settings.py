"""What is served, and how: all that a server is told. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ordain.runtime.admission import Policy
from ordain.runtime.messages import Limits
from ordain.runtime.sinks import Rotation


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One artifact to serve.

    Attributes:
        path: an extracted folder or an OCI layout.
        digest: the approved one; empty when nothing was approved.
        name: the model's; empty takes the signature's.
        release: `churn@7`; empty without one.
        intent, environment: as the rendered Deployment says.
    """

    path: Path
    digest: str = ""
    name: str = ""
    release: str = ""
    intent: str = ""
    environment: str = ""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How to serve.

    Attributes:
        log: folder or URL of the prediction log; empty keeps none.
        salt: keys the hashes of personal columns in the log; empty leaves these columns out.
        drain: seconds to go on serving, unready, after SIGTERM, while the cluster takes notice.
        threads: of ONNX Runtime, for one run.
        traces: whether spans of requests go to an OpenTelemetry collector.
        writer: what the files of this process's prediction log are told apart by; empty takes its number.
    """

    sources: tuple[Source, ...]
    host: str = "127.0.0.1"
    port: int = 8080
    policy: Policy = "reject"
    log: str = ""
    salt: str = ""
    drain: float = 0.0
    threads: int = 1
    limits: Limits = Limits()
    rotation: Rotation = Rotation()
    traces: bool = False
    writer: str = ""
