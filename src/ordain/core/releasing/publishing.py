"""Which artifacts belong into which repositories of which registries."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ordain.core.artifacts.reference import Reference, Repository, parse_repository, tag_of
from ordain.core.gating.release import Release
from ordain.core.problems import did_you_mean
from ordain.core.state.declared import Instance
from ordain.core.value import Value
from ordain.errors import UserError


class Shipment(Value, frozen=True, kw_only=True):
    """One release, and every place where a cluster may pull its artifact from."""

    release: Release
    places: tuple[Repository, ...]

    @property
    def label(self) -> str:
        """Such as `churn@7`."""
        return self.release.ref.label

    @property
    def tag(self) -> str:
        """The tag that keeps it."""
        return tag_of(self.release.number, self.release.artifact)

    @property
    def references(self) -> tuple[Reference, ...]:
        """The artifact in each place."""
        return tuple(each.at(self.release.artifact) for each in self.places)


def shipments(
    instance: Instance, models: Sequence[str] = (), environments: Sequence[str] = ()
) -> tuple[Shipment, ...]:
    """Every release that some environment pins, for the registries of all of them.

    A release goes to later environments' registries before it is pinned there, because it must be there
    when it is pinned.

    Args:
        models, environments: only these; none means all.

    Raises:
        UserError: for a name that is not declared, a pin without record, or a registry without host.
    """
    _check_known("model", models, instance.models.models)
    _check_known("environment", environments, instance.environments)
    chosen = [
        each for name, each in instance.environments.items() if not environments or name in environments
    ]
    registries = dict.fromkeys(each.registry for each in chosen)
    pins = {
        (model, pin.release)
        for each in instance.environments.values()
        for model, pin in each.models.items()
        if not models or model in models
    }
    return tuple(
        Shipment(
            release=_record(instance, model, number),
            places=tuple(parse_repository(f"{registry}/{model}") for registry in registries),
        )
        for model, number in sorted(pins)
    )


def _record(instance: Instance, model: str, number: int) -> Release:
    record = instance.releases.get(model, {}).get(number)
    if record is None:
        raise UserError(f"there is no record of {model}@{number}", where="environments/", fix="ordain check")
    return record


def _check_known(kind: str, names: Sequence[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"declared: {', '.join(sorted(known)) or 'none'}"
            raise UserError(f"there is no {kind} `{name}`", fix=hint)
