"""From one unit of desired state to the bytes of its Kubernetes manifests.

A pure function of what the intent covers and of `RENDERER_VERSION`. Names are composed here, never in
a template, and each rendered object is compared with what it was meant to be.

Any change of the rendered bytes is a new `RENDERER_VERSION`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ordain.core.decisions import LedgerState
from ordain.core.rendering import admission
from ordain.core.rendering.jobs import jobs, wanted_of
from ordain.core.rendering.objects import by_kind, checked_name, rendered
from ordain.core.rendering.observed import observed, observed_values
from ordain.core.rendering.workload import Unit, artifact_image, model_values, priority_class
from ordain.core.specs.governance import SHARED, Environment

RENDERER_VERSION = 1
POD_SECURITY_VERSION = "v1.36"
# A model's name holds no dot, so no model's object can take the place of a shared one.
DEFAULT_DENY = "default-deny.ordain"

# The objects of one model by the form in which it runs, in the order in which they are applied.
_REST = ("serviceaccount", "networkpolicy", "service", "deployment", "horizontalpodautoscaler")
_FORMS: dict[str, tuple[str, ...]] = {
    "rest": (*(f"rest/{kind}" for kind in _REST), "rest/poddisruptionbudget"),
    "canary": (
        "rest/serviceaccount",
        "rest/networkpolicy",
        "rest/service",
        "canary/analysistemplate",
        "canary/rollout",
        "canary/horizontalpodautoscaler",
        "rest/poddisruptionbudget",
    ),
    "kserve": (
        "rest/serviceaccount",
        "rest/networkpolicy",
        "kserve/inferenceservice",
        "rest/poddisruptionbudget",
    ),
    "edge": ("rest/serviceaccount", "rest/networkpolicy", "edge/service", "edge/daemonset"),
    "batch": (),
}


def render_shared(name: str, environment: Environment, templates: Mapping[str, str]) -> dict[str, bytes]:
    """What every model of one environment relies on: namespace, priority class, default-deny policy, and
    the admission policy that lets only approved images in.

    Args:
        name: of the environment.
        environment: its settings.
        templates: by name, as `adapters.resources.templates` reads them.

    Returns:
        Bytes by path below `manifests/`.

    Raises:
        UserError: reason `state-invalid` when the name is not a DNS label.
    """
    policy = admission.policy_name(name, environment.admission_prefix)
    values = {
        "namespace": environment.namespace,
        "labels": _environment_labels(name),
        "pod_security_version": POD_SECURITY_VERSION,
        "priority_class": priority_class(name),
        "default_deny": DEFAULT_DENY,
        "admission": policy,
        "parameters": admission.PARAMETERS,
        "expressions": admission.EXPRESSIONS,
    }
    names = {
        "namespace": environment.namespace,
        "priorityclass": priority_class(name),
        "networkpolicy": DEFAULT_DENY,
        "validatingadmissionpolicy": policy,
        "validatingadmissionpolicybinding": policy,
    }
    wanted = tuple(by_kind(f"shared/{kind}", each) for kind, each in names.items())
    return rendered(f"{checked_name(name)}/{SHARED}", wanted, values, templates)


def _environment_labels(name: str) -> dict[str, str]:
    """What every object that belongs to an environment and to no model carries."""
    return {"app.kubernetes.io/managed-by": "ordain", "ordain.dev/environment": name}


def render_model(unit: Unit, templates: Mapping[str, str]) -> dict[str, bytes]:
    """Everything that one model needs in one environment.

    Args:
        unit: the model there.
        templates: by name, as `adapters.resources.templates` reads them.

    Returns:
        Bytes by path below `manifests/`.

    Raises:
        UserError: reason `state-invalid` when a name is not a DNS label.
    """
    target = unit.target
    folder = f"{checked_name(target.environment)}/{checked_name(target.model)}"
    values = {**model_values(unit), **observed_values(unit, templates)}
    forms = (by_kind(each, target.model) for each in _FORMS[unit.form])
    work = (each for job in jobs(unit) for each in wanted_of(job))
    return rendered(folder, (*forms, *work, *observed(unit)), values, templates)


def images(unit: Unit) -> tuple[str, ...]:
    """Every image that the pods of one model use, by digest: of servers, of jobs, and of the artifact."""
    runtime = unit.environment.runtime
    servers = () if unit.form == "batch" or unit.appended else (runtime.image,)
    work = (runtime.for_jobs,) if jobs(unit) else ()
    return tuple(dict.fromkeys((*servers, *work, artifact_image(unit))))


def render_admitted(
    environment: str, namespace: str, images: Sequence[str], templates: Mapping[str, str]
) -> dict[str, bytes]:
    """The parameters of an environment's admission policy: the images that its pods may use.

    Args:
        environment: its name. namespace: where its models run.
        images: `registry/name@sha256:…`, by digest only.
        templates: by name, as `adapters.resources.templates` reads them.

    Returns:
        Bytes by path below `manifests/`.
    """
    values = {
        "namespace": namespace,
        "parameters": admission.PARAMETERS,
        "labels": _environment_labels(environment),
        "images": admission.numbered(images),
    }
    wanted = (by_kind("admitted/configmap", admission.PARAMETERS),)
    return rendered(f"{checked_name(environment)}/{admission.ADMITTED}", wanted, values, templates)


def admitted_files(state: LedgerState, templates: Mapping[str, str]) -> dict[str, dict[str, bytes]]:
    """By folder below `manifests/`: what tells an environment's cluster which images are approved."""
    return {
        f"{name}/{admission.ADMITTED}": render_admitted(name, namespace, images, templates)
        for name, (namespace, images) in admission.admitted(state).items()
    }
