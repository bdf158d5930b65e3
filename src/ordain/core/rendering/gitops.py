"""What points Argo CD or Flux at the approved manifests: one target a tool, for all environments.

They follow the branch that only the reconciler writes to. Which repository, branch and namespaces they may
follow decides what every environment runs, so a change of it is judged by the rules of all environments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ordain.core.rendering.admission import ADMITTED, policy_name
from ordain.core.rendering.objects import CLUSTER_WIDE, KINDS, Wanted, by_kind, rendered
from ordain.core.rendering.workload import priority_class
from ordain.core.specs.deployment import ArgoCd, Flux, Gitops
from ordain.core.specs.governance import SHARED, Environment
from ordain.core.specs.identity import Form, Target, essence
from ordain.core.value import Value

ARGOCD, FLUX = "argocd", "flux"
TOOLS = (ARGOCD, FLUX)
PROJECT = "ordain"
# What belongs to the tools themselves, so no environment's application may hold it.
_OWN_KINDS = ("applicationset", "appproject", "gitrepository", "kustomization")
_LABELS = {"app.kubernetes.io/managed-by": "ordain", "app.kubernetes.io/part-of": "ordain"}
# The repository without all that is not for a cluster, in the order in which Git reads such lines.
_MANIFESTS = "/*\n!/manifests\n/manifests/ledger\n"
# Lua for Argo CD. Times are RFC 3339 in UTC, which sort as text.
_HEALTH_LUA = {
    "batch_CronJob": """\
if obj.spec.suspend then
  return {status = "Suspended", message = "nothing runs until a change of this is approved"}
end
local status = obj.status or {}
local running = status.active ~= nil and #status.active > 0
local last, good = status.lastScheduleTime, status.lastSuccessfulTime
if last ~= nil and not running and (good == nil or good < last) then
  return {status = "Degraded", message = "the newest run failed"}
end
return {status = "Healthy"}
""",
    "admissionregistration.k8s.io_ValidatingAdmissionPolicy": """\
local status = obj.status or {}
if status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "not yet seen by the API server"}
end
return {status = "Healthy"}
""",
}


class Health(Value, frozen=True, kw_only=True):
    """When Flux takes an object of a kind it does not know for ready, failed or on its way, in CEL."""

    api: str
    kind: str
    current: str
    failed: str
    in_progress: str


_READY = "has(status.conditions) && status.conditions.exists(c, c.type == 'Ready' && c.status == '{}')"
HEALTH = (
    Health(
        api="serving.kserve.io/v1beta1",
        kind="InferenceService",
        current=_READY.format("True"),
        failed="has(status.modelStatus) && has(status.modelStatus.transitionStatus)"
        " && status.modelStatus.transitionStatus in ['InvalidSpec', 'BlockedByFailedLoad']",
        in_progress=f"!({_READY.format('True')})",
    ),
    Health(
        api="argoproj.io/v1alpha1",
        kind="Rollout",
        current="has(status.phase) && status.phase == 'Healthy'",
        failed="has(status.phase) && status.phase == 'Degraded'",
        in_progress="!has(status.phase) || status.phase in ['Progressing', 'Paused']",
    ),
)


class _Source(Value, frozen=True, kw_only=True):
    """A Flux source: the same repository and branch, without what `ignore` names."""

    name: str
    ignore: str


class _Step(Value, frozen=True, kw_only=True):
    """A Flux Kustomization."""

    name: str
    source: str
    path: str
    depends_on: tuple[str, ...] = ()
    health: tuple[Health, ...] = ()


class Place(Value, frozen=True, kw_only=True):
    """An environment, its namespace, and the prefix of its admission policy's name."""

    name: str
    namespace: str
    prefix: str | None = None


def targets(gitops: Gitops | None) -> tuple[Target, ...]:
    """The tools that are declared."""
    if gitops is None:
        return ()
    return tuple(Target(environment=tool, model=SHARED) for tool in TOOLS if getattr(gitops, tool))


def places(environments: Mapping[str, Environment]) -> tuple[Place, ...]:
    """The environments that pin a model: those that have manifests, sorted."""
    return tuple(
        Place(name=name, namespace=each.namespace, prefix=each.admission_prefix)
        for name, each in sorted(environments.items())
        if each.models
    )


def gitops_content(
    tool: str, gitops: Gitops, where: tuple[Place, ...], form: Form = essence
) -> dict[str, Any]:
    """All that decides what a tool is told: the other tool's settings play no part."""
    prefixes = {each.name: each.prefix for each in where if each.prefix}
    return {
        "repository": gitops.repository,
        "branch": gitops.branch,
        tool: form(getattr(gitops, tool)),
        "environments": {each.name: each.namespace for each in where},
        **({"admission_prefixes": prefixes} if prefixes else {}),
    }


def render_gitops(
    tool: str, gitops: Gitops, where: tuple[Place, ...], templates: Mapping[str, str]
) -> dict[str, bytes]:
    """The files of one tool.

    Args:
        tool: one of `TOOLS` that is declared. where: from `places`.
        templates: by name, as `adapters.resources.templates` reads them.

    Returns:
        Bytes by path below `manifests/`.
    """
    values: dict[str, object] = {
        "labels": _LABELS,
        "repository": gitops.repository,
        "branch": gitops.branch,
        "environments": where,
    }
    folder = f"{tool}/{SHARED}"
    if tool == ARGOCD:
        values |= _argocd_values(gitops.argocd or ArgoCd(), where)
        return rendered(folder, _argocd_objects(), values, templates)
    flux = gitops.flux or Flux()
    values |= {"namespace": flux.namespace, "secret": flux.secret, "interval": f"{flux.interval_minutes}m"}
    return rendered(folder, _flux_objects(where), values, templates)


def _argocd_objects() -> tuple[Wanted, ...]:
    names = {"appproject": PROJECT, "applicationset": PROJECT, "configmap": "argocd-cm"}
    return tuple(by_kind(f"argocd/{kind}", name) for kind, name in names.items())


def _argocd_values(argocd: ArgoCd, where: tuple[Place, ...]) -> dict[str, object]:
    cluster = [found for each in where for found in _cluster_resources(each)]
    kinds = [api for kind, api in KINDS.items() if kind not in (*CLUSTER_WIDE, *_OWN_KINDS)]
    return {
        "namespace": argocd.namespace,
        "server": argocd.server,
        "project": PROJECT,
        "cluster_resources": cluster,
        "namespace_resources": [{"group": _group(api), "kind": kind} for api, kind in sorted(kinds)],
        # Argo CD fills these for each environment.
        "placeholders": {
            "application": f"{PROJECT}-{{{{.environment}}}}",
            "environment": "{{.environment}}",
            "namespace": "{{.namespace}}",
            "path": "manifests/{{.environment}}",
        },
        "health": {f"resource.customizations.health.{kind}": lua for kind, lua in _HEALTH_LUA.items()},
    }


def _cluster_resources(place: Place) -> list[dict[str, str]]:
    policy = policy_name(place.name, place.prefix)
    names = (place.namespace, priority_class(place.name), policy, policy)
    kinds = ((_group(api), kind) for api, kind in (KINDS[each] for each in CLUSTER_WIDE))
    return [
        {"group": group, "kind": kind, "name": name} for (group, kind), name in zip(kinds, names, strict=True)
    ]


def _group(api: str) -> str:
    """The group of `group/version`; the core group is nameless."""
    return api.rpartition("/")[0]


def _flux_objects(where: tuple[Place, ...]) -> tuple[Wanted, ...]:
    """Two sources of one branch, so that the models' step can leave out what has a step of its own."""
    models = f"{PROJECT}-models"
    sources = (
        _Source(name=PROJECT, ignore=_MANIFESTS),
        _Source(name=models, ignore=f"{_MANIFESTS}/manifests/*/_*\n"),
    )
    steps = [_Step(name=PROJECT, source=PROJECT, path=f"./manifests/{FLUX}/{SHARED}")]
    for each in where:
        name, path = f"{PROJECT}-{each.name}", f"./manifests/{each.name}"
        shared, admitted = f"{name}-shared", f"{name}-admitted"
        steps += [
            _Step(name=shared, source=PROJECT, path=f"{path}/{SHARED}"),
            _Step(name=admitted, source=PROJECT, path=f"{path}/{ADMITTED}", depends_on=(shared,)),
            _Step(name=f"{name}-models", source=models, path=path, depends_on=(admitted,), health=HEALTH),
        ]
    repositories = (_flux_object("gitrepository", each.name, {"source": each}) for each in sources)
    kustomizations = (_flux_object("kustomization", each.name, {"step": each}) for each in steps)
    return (*repositories, *kustomizations)


def _flux_object(kind: str, name: str, own: dict[str, object]) -> Wanted:
    return Wanted(file=f"{kind}-{name}", template=f"flux/{kind}", name=name, own=own)
