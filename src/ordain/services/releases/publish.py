"""`ordain publish`: artifacts to the registries that clusters pull them from, before anything needs them.

An artifact that is there already is not sent again, so a run that broke off is finished by the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from ordain.adapters import files as disk
from ordain.adapters.artifacts import Store
from ordain.core.artifacts.artifact import Layout, read_layout
from ordain.core.artifacts.model_signature import BUNDLE_TYPE
from ordain.core.reasons import Reason
from ordain.core.releasing.publishing import Shipment, shipments
from ordain.core.state.instance import is_state_path, read_instance
from ordain.errors import UserError
from ordain.ports import Registry

# A model's name and its files to the document that signs them.
SignModel = Callable[[str, Mapping[str, bytes]], bytes]


class Wanted(Struct, frozen=True, kw_only=True):
    """What to publish: these models to these environments' registries; none means all."""

    models: Sequence[str] = ()
    environments: Sequence[str] = ()


class Desk(Struct, frozen=True, kw_only=True):
    """With what: where artifacts are, where they go, and how they are signed, if they are."""

    store: Store
    registry: Registry
    sign: SignModel | None = None


class Published(Struct, frozen=True, kw_only=True):
    """One artifact in one place.

    Attributes:
        release: `churn@7`. image: where the cluster pulls it from.
        sent: whether it had to be sent. signed: whether a signature had to be attached.
    """

    release: str
    image: str
    sent: bool
    signed: bool


def publish(root: Path, wanted: Wanted, desk: Desk) -> tuple[Published, ...]:
    """Publish what the working tree pins.

    Raises:
        UserError: an invalid state, an artifact that is nowhere, or a registry that refuses.
        RetryLater: when a registry is busy or away.
    """
    instance = read_instance(disk.read_state(root.resolve(), is_state_path))
    done: list[Published] = []
    for shipment in shipments(instance, wanted.models, wanted.environments):
        done += _publish(shipment, desk)
    return tuple(done)


def _publish(shipment: Shipment, desk: Desk) -> list[Published]:
    absent = [each for each in shipment.references if not desk.registry.has(each)]
    if not absent and desk.sign is None:
        return [_told(shipment, place, sent=False) for place in range(len(shipment.places))]
    layout = layout_of(shipment, desk)
    signature = desk.sign(shipment.release.model, read_layout(layout.blobs)) if desk.sign else None
    done = []
    for number, place in enumerate(shipment.places):
        sent = desk.registry.push(layout, place, shipment.tag)
        signed = signature is not None and desk.registry.attach(layout, place, BUNDLE_TYPE, signature)
        done.append(_told(shipment, number, sent=sent, signed=signed))
    return done


def _told(shipment: Shipment, place: int, *, sent: bool, signed: bool = False) -> Published:
    image = str(shipment.references[place])
    return Published(release=shipment.label, image=image, sent=sent, signed=signed)


def layout_of(shipment: Shipment, desk: Desk) -> Layout:
    """The artifact, from the local store or from a registry that has it."""
    digest = shipment.release.artifact
    if desk.store.has(digest):
        return desk.store.get(digest)
    for reference in shipment.references:
        if desk.registry.has(reference):
            return desk.registry.pull(reference)
    raise UserError(
        f"the artifact of {shipment.label} is neither in the local store nor in a registry: {digest}",
        where=str(desk.store.root),
        fix=f"`ordain data pull`, `ordain release {shipment.release.model}` on the commit that released it",
        reason=Reason.ARTIFACT_ABSENT,
    )
