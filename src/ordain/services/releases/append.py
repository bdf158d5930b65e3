"""`ordain append`: pinned models into the runtime image, for clusters that can mount no image.

Like `ordain publish`, it works ahead: a release gets an image for every environment, so that it can be
promoted by its pin alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from ordain.adapters import files as disk
from ordain.core.artifacts.appending import Image, appended
from ordain.core.artifacts.artifact import read_layout
from ordain.core.artifacts.reference import parse_reference, parse_repository
from ordain.core.releasing.publishing import Shipment, shipments
from ordain.core.specs.governance import Appended
from ordain.core.state.declared import Instance, environment_path
from ordain.core.state.instance import is_state_path, read_instance
from ordain.core.yaml.edit import set_appended
from ordain.services.releases.publish import Desk, layout_of


class Made(Struct, frozen=True, kw_only=True):
    """One release in the runtime image of one environment.

    Attributes:
        image: where the cluster pulls it from. sent: whether it had to be sent.
        written: whether the environment's file had to be changed.
    """

    release: str
    environment: str
    image: str
    sent: bool
    written: bool


def append(root: Path, models: Sequence[str], desk: Desk) -> tuple[Made, ...]:
    """Make, push and name the images of what the working tree pins with `model_delivery: appended`.

    Args:
        root: the repository. models: only these; none means all that are delivered so.

    Raises:
        UserError: an invalid state, an image or artifact that can't be had, a registry that refuses.
        RetryLater: when a registry is busy or away.
    """
    place = root.resolve()
    instance = read_instance(disk.read_state(place, is_state_path))
    done = []
    for shipment in shipments(instance, models):
        if instance.models.models[shipment.release.model].deploy.model_delivery == "appended":
            done += _append(place, instance, shipment, desk)
    return tuple(done)


def _append(root: Path, instance: Instance, shipment: Shipment, desk: Desk) -> list[Made]:
    release = shipment.release
    model_files = read_layout(layout_of(shipment, desk).blobs)
    done = []
    for name, environment in instance.environments.items():
        reference = parse_reference(environment.runtime.image)
        made = appended(desk.registry.image(reference), release.model, model_files, release.artifact)
        target = parse_repository(f"{environment.registry}/{release.model}")
        sent = desk.registry.push_image(
            made, target, reference.repository, f"{shipment.tag}-{made.digest[7:19]}"
        )
        written = _name(root, name, shipment.label, made, reference.digest)
        image = str(target.at(made.digest))
        done.append(Made(release=shipment.label, environment=name, image=image, sent=sent, written=written))
    return done


def _name(root: Path, environment: str, label: str, made: Image, runtime: str) -> bool:
    """Write the image's digest into the environment's file; whether that changed it."""
    relative = environment_path(environment)
    path = disk.inside(root, relative)
    before = disk.read_bytes(path, disk.STATE_LIMIT)
    entry = msgspec.to_builtins(Appended(image=made.digest, runtime=runtime))
    after = set_appended(before, label, entry, relative)
    if after != before:
        disk.write_atomic(path, after)
    return after != before
