"""What should run, everywhere, by the declared state alone: rendered, and named by its digests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from ordain.core.gating.release import Release
from ordain.core.reasons import Reason
from ordain.core.rendering.gitops import Place, gitops_content, places, render_gitops
from ordain.core.rendering.gitops import targets as gitops_targets
from ordain.core.rendering.render import RENDERER_VERSION, images, render_model, render_shared
from ordain.core.rendering.workload import Unit, artifact_image
from ordain.core.specs.bounds import rendered_bounds
from ordain.core.specs.deployment import Gitops
from ordain.core.specs.governance import SHARED, Environment
from ordain.core.specs.identity import (
    ReleaseRef,
    Target,
    deployment_slice,
    environment_settings,
    files_digest,
    intent,
    plain,
    subject,
)
from ordain.core.specs.spec import Spec
from ordain.core.state.declared import Instance, environment_path, release_path
from ordain.core.value import Value
from ordain.errors import UserError


class Desired(Value, frozen=True, kw_only=True):
    """What one target should be.

    Attributes:
        target: which model in which environment, or `_shared` of an environment.
        intent: digest of what was asked for.
        files: rendered bytes by path below `manifests/`. files_digest: of all of them.
        subject: digest of intent and files, which transitions go from and to.
        release: the pinned release of a model; None for all else.
        artifact: where the cluster pulls the artifact of that release from.
        namespace: where the files go; None for what points a GitOps tool. images: all that its pods may
            use; for `_shared`, those that the platform puts into every pod.
    """

    target: Target
    intent: str
    files: dict[str, bytes]
    files_digest: str
    subject: str
    release: ReleaseRef | None
    artifact: str | None = None
    namespace: str | None = None
    images: tuple[str, ...] = ()


class Shared(Value, frozen=True, kw_only=True):
    """What the models of an environment share."""

    environment: Environment


class Pointed(Value, frozen=True, kw_only=True):
    """What tells Argo CD or Flux what to follow."""

    gitops: Gitops
    places: tuple[Place, ...]


class Order(Value, frozen=True, kw_only=True):
    """What is to be rendered for one target."""

    target: Target
    intent: str
    content: Unit | Shared | Pointed


def desired(
    instance: Instance, templates: Mapping[str, str], known: Mapping[Target, Desired] | None = None
) -> dict[Target, Desired]:
    """Render the whole fleet.

    Args:
        instance: a sound declared state.
        templates: by name, as `adapters.resources.templates` reads them.
        known: what this function gave for another state with the same templates. An intent names all
            that rendering depends on, so a target whose intent is the same is not rendered again:
            the cost follows the change.

    Returns:
        By target, sorted: `_shared` of each environment that pins a model, each pinned model that
        `models.yaml` declares, and what points the declared GitOps tools at them.

    Raises:
        UserError: reason `renderer-mismatch` when the state pins another renderer; `release-invalid`
            when a pinned release has no record, or an edited one; `artifact-absent` when it should be in
            an image with the runtime and is not; `state-invalid` when a name could not be a folder.
    """
    _check_renderer(instance.models.renderer)
    found: dict[Target, Desired] = {}
    for order in sorted(_orders(instance), key=lambda each: each.target):
        before = (known or {}).get(order.target)
        if before is None or before.intent != order.intent:
            before = _rendered(order, templates)
        found[order.target] = before
    return found


def _orders(instance: Instance) -> Iterator[Order]:
    yield from _pointed(instance)
    for name, environment in instance.environments.items():
        if not environment.models:
            continue
        settings = environment_settings(environment)
        yield _shared(name, environment, settings)
        for model, pin in environment.models.items():
            spec = instance.models.models.get(model)
            if spec is not None:
                target = Target(environment=name, model=model)
                release = _pinned(target, instance.releases, pin.release)
                yield _model(target, (environment, settings), spec, release)


def _check_renderer(pinned: int) -> None:
    if pinned == RENDERER_VERSION:
        return
    if pinned > RENDERER_VERSION:
        fix = f"install an Ordain whose renderer is version {pinned}"
    else:
        fix = (
            f"install an Ordain whose renderer is version {pinned}, or set `renderer: {RENDERER_VERSION}` in "
            "models.yaml as a change of its own: it renders every model anew and is approved like any other"
        )
    raise UserError(
        f"models.yaml pins renderer version {pinned}, and this Ordain has version {RENDERER_VERSION}",
        where="models.yaml",
        fix=fix,
        reason=Reason.RENDERER_MISMATCH,
    )


def _pinned(target: Target, releases: Mapping[str, Mapping[int, Release]], number: int) -> Release:
    """The record behind a pin, by its own digest the one that was written."""
    release = releases.get(target.model, {}).get(number)
    path = release_path(target.model, number)
    if release is None:
        raise UserError(
            f"{target.environment} pins {target.model}@{number}, and there is no such release",
            where=environment_path(target.environment),
            fix=f"restore {path} (`git log -- {path}`), or pin a release that exists",
            reason=Reason.RELEASE_INVALID,
        )
    same_place = (release.model, release.number) == (target.model, number)
    if not same_place or release.digest != release.computed_digest():
        raise UserError(
            f"the record of {target.model}@{number} is not the one that was written",
            where=path,
            fix=f"restore it from history: `git log -- {path}`",
            reason=Reason.RELEASE_INVALID,
        )
    return release


def _pointed(instance: Instance) -> list[Order]:
    gitops, where = instance.models.gitops, places(instance.environments)
    if gitops is None or not where:
        return []
    orders = []
    for target in gitops_targets(gitops):
        asked = intent(target, {}, gitops_content(target.environment, gitops, where), RENDERER_VERSION)
        orders.append(Order(target=target, intent=asked, content=Pointed(gitops=gitops, places=where)))
    return orders


def _shared(name: str, environment: Environment, settings: Mapping[str, Any]) -> Order:
    target = Target(environment=name, model=SHARED)
    asked = intent(target, settings, None, RENDERER_VERSION)
    return Order(target=target, intent=asked, content=Shared(environment=environment))


def _model(
    target: Target, place: tuple[Environment, Mapping[str, Any]], spec: Spec, release: Release
) -> Order:
    """What a model should be in an environment, which comes with its `environment_settings`."""
    environment, settings = place
    image = _appended(target, environment, release) if spec.deploy.model_delivery == "appended" else None
    content = {"deployment": deployment_slice(spec), "release": plain(release.ref)}
    content |= {"image": image} if image else {}
    asked = intent(target, settings, content, RENDERER_VERSION)
    unit = Unit(
        target=target,
        intent=asked,
        environment=environment,
        owner=spec.owner,
        risk=spec.risk,
        deploy=spec.deploy,
        monitoring=spec.monitoring,
        release=release,
        appended=image,
        bounds=rendered_bounds(spec),
    )
    return Order(target=target, intent=asked, content=unit)


def _appended(target: Target, environment: Environment, release: Release) -> str:
    """The image that holds this runtime and this release."""
    label = release.ref.label
    made = environment.appended.get(label)
    if made is None or not environment.runtime.image.endswith(f"@{made.runtime}"):
        why = "no image" if made is None else "another runtime image"
        raise UserError(
            f"{label} is appended to {why} in {target.environment}",
            where=environment_path(target.environment),
            fix=f"ordain append {target.model}",
            reason=Reason.ARTIFACT_ABSENT,
        )
    return made.image


def _rendered(order: Order, templates: Mapping[str, str]) -> Desired:
    content, tool = order.content, order.target.environment
    if isinstance(content, Pointed):
        return _desired(order, render_gitops(tool, content.gitops, content.places, templates))
    place = content.environment
    if isinstance(content, Shared):
        found = _desired(order, render_shared(tool, place, templates))
        return replace(found, namespace=place.namespace, images=place.sidecars)
    found = _desired(order, render_model(content, templates))
    return replace(
        found,
        release=content.release.ref,
        artifact=artifact_image(content),
        namespace=place.namespace,
        images=images(content),
    )


def _desired(order: Order, files: dict[str, bytes]) -> Desired:
    digest = files_digest(files)
    return Desired(
        target=order.target,
        intent=order.intent,
        files=files,
        files_digest=digest,
        subject=subject(order.intent, digest),
        release=None,
    )
