"""What `ordain monitor` watches: a release's profile and signature, and the spec where there is a clone.

A pod has no clone, and its image nothing that reads one, so that part is imported where there is one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from ordain.adapters.artifacts import read_folder
from ordain.adapters.files import inside, read_bytes
from ordain.core.artifacts import profile, signature
from ordain.core.artifacts.artifact import FILES, LAYOUT, digest_of_files, read_layout
from ordain.core.artifacts.profile import Profile
from ordain.core.artifacts.signature import Signature
from ordain.core.gating.verdicts import Verdict
from ordain.core.reasons import Reason
from ordain.core.specs.bounds import Bounds, bounds_of
from ordain.core.specs.parts import NAME_PATTERN
from ordain.core.specs.spec import Spec
from ordain.errors import UserError

if TYPE_CHECKING:
    from ordain.services.requests.pinned import Pinned

DIGITS = 12  # of a digest that stands for the version of what was never released


class Approved(Struct, frozen=True, kw_only=True):
    """What a pod is told by its environment; empty where it is not.

    Attributes:
        release: such as `churn@7`. artifact: digest.
    """

    release: str = ""
    artifact: str = ""


class Watched(Struct, frozen=True, kw_only=True):
    """One release in one environment.

    Attributes:
        release: such as `churn@7`; empty when it is not known. versions: names of it in a log.
        spec: None without a clone. calibration: what its gate said; None when that is not known.
        log: where the declared state says that predictions are; None when it does not.
        told: gates that came with the command, as in a pod.
        waived: gates that may fail, and until which day; a pod is told of none.
    """

    model: str
    environment: str
    release: str
    artifact: str
    profile: Profile
    signature: Signature
    spec: Spec | None
    calibration: Verdict | None
    log: str | None
    told: Bounds | None = None
    waived: Mapping[str, str] = {}

    @property
    def bounds(self) -> Bounds | None:
        """The gates that labels are judged by: those that came with the command, or the spec's."""
        return bounds_of(self.spec) if self.told is None and self.spec is not None else self.told

    @property
    def versions(self) -> frozenset[str]:
        """By release number, and by digest for what was served before it was released."""
        digits = self.artifact.removeprefix("sha256:")[:DIGITS]
        return frozenset({digits, self.release.partition("@")[2]} - {""})


def watched(root: Path, target: str, artifact: Path | None, approved: Approved) -> Watched:
    """Find what a target means.

    Args:
        root: a repository, or any folder when `artifact` is given. target: `MODEL@ENV`.
        artifact: folder of an extracted artifact or of an OCI layout; None for what `root` pins there.

    Raises:
        UserError: for an unknown target, or an artifact that is absent, altered or without a profile.
    """
    model, _, environment = target.partition("@")
    if not all(re.fullmatch(NAME_PATTERN, each) for each in (model, environment)):
        fix = "write it as in churn@production"
        raise UserError(f"{target!r} does not name a model and an environment", fix=fix)
    declared = _declared(root, model, environment, needed=artifact is None)
    release = declared.release if declared else None
    files = _files(artifact) if artifact else _stored(root, declared)
    digest, described = digest_of_files(files), signature.decode(files[signature.FILE])
    where = str(artifact or root)
    if approved.artifact and digest != approved.artifact:
        what = f"the artifact is {digest}, and {approved.artifact} was approved"
        raise UserError(what, where=where, fix="fetch the approved one", reason=Reason.RELEASE_INVALID)
    if described.model != model:
        what = f"the artifact is of the model `{described.model}`, not of `{model}`"
        raise UserError(what, where=where, fix="name the model that the artifact is of")
    known = release if release is not None and release.artifact == digest else None
    gates = [] if known is None else [each for each in known.verdicts if each.gate == "calibration"]
    return Watched(
        model=model,
        environment=environment,
        release=approved.release or (known.ref.label if known else ""),
        artifact=digest,
        profile=profile.decode(files[profile.FILE]),
        signature=described,
        spec=declared.spec if declared else None,
        calibration=gates[0] if gates else None,
        log=declared.log if declared else None,
        waived=declared.waived if declared else {},
    )


def _declared(root: Path, model: str, environment: str, *, needed: bool) -> Pinned | None:
    """What the folder declares; None when it declares nothing and need not."""
    if (root / "models.yaml").is_file():
        from ordain.services.requests.pinned import pinned

        found = pinned(root, model, environment)
        if not needed or found.release is not None:
            return found
        raise UserError(
            f"no release of {model} is pinned in {environment}",
            where=f"environments/{environment}.yaml",
            fix="ordain status",
        )
    if not needed:
        return None
    raise UserError(
        "there is no models.yaml here, and no artifact was named",
        where=str(root),
        fix="run it in a clone, or name an artifact with --artifact",
    )


def _stored(root: Path, declared: Pinned | None) -> dict[str, bytes]:
    from ordain.services.requests.pinned import stored

    return stored(root, declared.release) if declared and declared.release else {}


def _files(artifact: Path) -> dict[str, bytes]:
    """The artifact's files, from either form; what it is, only its digest can say."""
    if (artifact / LAYOUT).is_file():
        return read_layout(read_folder(artifact).blobs)
    names = sorted(each.name for each in artifact.iterdir()) if artifact.is_dir() else []
    if names != sorted(FILES):
        raise UserError(
            f"an artifact holds {', '.join(FILES)} and nothing else",
            where=str(artifact),
            fix="name the folder of an extracted artifact, or of an OCI layout",
            reason=Reason.ARTIFACT_ABSENT,
        )
    return {name: read_bytes(inside(artifact, name)) for name in FILES}
