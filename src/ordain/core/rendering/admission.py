"""What the cluster itself admits: pods whose every image was approved, and no others.

A ValidatingAdmissionPolicy (Kubernetes 1.30 and newer) looks at pods and at every controller that makes
them. Its parameters are a ConfigMap that follows from the ledger: the images of what runs and of the last
few approved states before it. Without the ConfigMap everything is denied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ordain.core.decisions import LedgerState
from ordain.core.specs.governance import SHARED
from ordain.core.specs.identity import Target

# A folder and an object of these names can't be a model's: no model's name holds `_` or a dot.
ADMITTED = "_admitted"
PARAMETERS = "admitted.ordain"

# The pod template of whatever object was sent: a PodTemplate's, a CronJob's, that of any other
# controller, or the pod itself.
_TEMPLATE = (
    "has(object.template) ? object.template"
    " : has(object.spec.jobTemplate) ? object.spec.jobTemplate.spec.template"
    " : has(object.spec.template) ? object.spec.template"
    " : object"
)
_LISTS = ("containers", "initContainers", "ephemeralContainers")


def _images(template: str) -> str:
    """CEL for every image that a pod template names; one without a name is the empty string."""
    pod = f"variables.{template}.spec"
    parts = [
        f"(has({pod}.{each}) ? {pod}.{each}.map(c, has(c.image) ? c.image : '') : [])" for each in _LISTS
    ]
    volumes = (
        f"(has({pod}.volumes) ? {pod}.volumes.filter(v, has(v.image))"
        ".map(v, has(v.image.reference) ? v.image.reference : '') : [])"
    )
    return " + ".join([*parts, volumes])


# CEL by the name of what it is for. A pod that keeps an image may still be updated (a controller takes
# off a finalizer, say) when that image is no longer approved; no object may gain one.
EXPRESSIONS = {
    "template": _TEMPLATE,
    "images": _images("template"),
    "template_before": f"request.operation == 'UPDATE' ? ({_TEMPLATE.replace('object', 'oldObject')}) : null",
    "images_before": f"variables.template_before == null ? [] : {_images('template_before')}",
    "refused": (
        "variables.images.filter(i, !(i in variables.images_before)"
        " && !(has(params.data) && params.data.exists(n, params.data[n] == i)))"
    ),
    "verdict": "size(variables.refused) == 0",
    "message": (
        "'not approved by Ordain for this namespace: '"
        " + (variables.refused[0] == '' ? 'a container without an image' : variables.refused[0])"
    ),
}


def policy_name(environment: str, prefix: str | None) -> str:
    """The name of an environment's admission policy and binding.

    These names are the cluster's: of two repositories whose environments have one name, one declares a
    prefix, or each writes over the other's binding and nothing guards one of their namespaces.
    """
    return ".".join(["images.ordain", *([prefix] if prefix else []), environment])


def numbered(images: Sequence[str]) -> dict[str, str]:
    """A ConfigMap's data: its keys hold no `@`, so the references are its values."""
    return {f"image-{place:03d}": image for place, image in enumerate(images)}


def admitted(state: LedgerState) -> dict[str, tuple[str, tuple[str, ...]]]:
    """What each environment admits by the ledger.

    Returns:
        By environment whose `_shared` runs: its namespace, and the approved images, sorted.
    """
    found = {}
    for target, running in sorted(state.deployed.items()):
        if target.model == SHARED and running.namespace:
            images = _of(state, target.environment)
            found[target.environment] = (running.namespace, tuple(sorted(images)))
    return found


def _of(state: LedgerState, environment: str) -> set[str]:
    remembered: Iterable[tuple[Target, tuple[tuple[str, ...], ...]]] = state.images.items()
    return {
        image
        for target, generations in remembered
        if target.environment == environment
        for generation in generations
        for image in generation
    }
