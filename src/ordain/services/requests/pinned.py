"""What a clone says about a model in an environment: its spec, and the release that is pinned there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from ordain.adapters.artifacts import store_of
from ordain.adapters.files import read_state
from ordain.core.artifacts.artifact import read_layout
from ordain.core.gating.release import Release
from ordain.core.specs.predictionlog import watched_log
from ordain.core.specs.spec import Spec
from ordain.core.state.instance import is_state_path, read_instance
from ordain.services.requests.pins import check_declared


class Pinned(Struct, frozen=True, kw_only=True):
    """One model in one environment, as declared.

    Attributes:
        release: None when none is pinned. log: of its predictions; None when that is not said.
        waived: gates of the model that may fail, and until which day.
    """

    spec: Spec
    release: Release | None
    log: str | None
    waived: Mapping[str, str] = {}


def pinned(root: Path, model: str, environment: str) -> Pinned:
    """What the state in a folder declares.

    Raises:
        UserError: when it is invalid, or knows no such model or environment.
    """
    instance = read_instance(read_state(root, is_state_path))
    check_declared(instance, model, environment)
    spec, place = instance.models.models[model], instance.environments[environment]
    release = instance.pinned(model, environment)
    log = watched_log(model, spec.monitoring, place.prediction_log)
    waivers = sorted(instance.policy.waivers, key=lambda each: each.expires)
    waived = {each.gate: each.expires for each in waivers if each.model == model}
    return Pinned(spec=spec, release=release, log=log, waived=waived)


def stored(root: Path, release: Release) -> dict[str, bytes]:
    """The files of a release's artifact in the clone's store."""
    return read_layout(store_of(root).get(release.artifact).blobs)
