"""`ordain bundle`: what runs in an environment, by the ledger, as one archive for devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from ordain.adapters.artifacts import Store
from ordain.adapters.files import write_atomic
from ordain.core.artifacts.artifact import Layout, read_layout
from ordain.core.artifacts.bundle import Contents, bundle
from ordain.core.artifacts.reference import parse_repository
from ordain.core.canonical import bytes_digest
from ordain.core.decisions import Deployed
from ordain.core.reasons import Reason
from ordain.core.specs.identity import ReleaseRef, Target
from ordain.core.state.declared import Instance
from ordain.errors import UserError
from ordain.ports import Registry
from ordain.services.judging.clone import open_clone


class Desk(Struct, frozen=True, kw_only=True):
    """Where artifacts are, and what goes into every bundle.

    Attributes:
        open_registry: opens the registries, when the store does not have the artifact.
        programs: `predict.py` and `verify.py`. sign: gives an SSH signature over some bytes.
    """

    store: Store
    open_registry: Callable[[], Registry]
    programs: Mapping[str, bytes]
    sign: Callable[[bytes], str]


class Bundled(Struct, frozen=True, kw_only=True):
    """What was written."""

    path: str
    release: str
    environment: str
    artifact: str
    digest: str
    size: int


def make_bundle(root: Path, target: Target, folder: Path, desk: Desk) -> Bundled:
    """Bundle what was approved for a target; nothing else can be bundled.

    Args:
        root: a folder in the clone. folder: where the archive goes.

    Raises:
        UserError: when the ledger is broken, nothing runs there, or the artifact can't be had.
        RetryLater: when a registry is busy or away.
    """
    clone = open_clone(root)
    running = clone.state.deployed.get(target)
    instance = clone.instance(running.source) if running else None
    if running is None or running.release is None or instance is None:
        raise UserError(
            f"nothing is approved for {target.model}@{target.environment}",
            where="manifests/ledger/",
            fix="ordain status",
        )
    contents = _contents(running, running.release, instance)
    files = read_layout(
        _layout(running.release, instance.environments[target.environment].registry, desk).blobs
    )
    data = bundle(contents, {**files, **desk.programs}, desk.sign)
    path = folder / f"{contents.stem}.tar"
    write_atomic(path, data)
    return Bundled(
        path=str(path), release=running.release.label, environment=target.environment,
        artifact=contents.artifact, digest=bytes_digest(data), size=len(data),
    )  # fmt: skip


def _contents(running: Deployed, ref: ReleaseRef, instance: Instance) -> Contents:
    return Contents(
        model=ref.model, release=ref.number, environment=running.target.environment, artifact=ref.artifact,
        record=ref.record, intent=running.intent,
        invalid_input=instance.models.models[ref.model].deploy.invalid_input,
    )  # fmt: skip


def _layout(ref: ReleaseRef, registry: str, desk: Desk) -> Layout:
    if desk.store.has(ref.artifact):
        return desk.store.get(ref.artifact)
    reference = parse_repository(f"{registry}/{ref.model}").at(ref.artifact)
    remote = desk.open_registry()
    if not remote.has(reference):
        raise UserError(
            f"the artifact of {ref.label} is neither in the local store nor in its registry: {ref.artifact}",
            where=str(desk.store.root),
            fix=f"`ordain data pull` and `ordain release {ref.model}` on the commit that released it",
            reason=Reason.ARTIFACT_ABSENT,
        )
    return remote.pull(reference)
