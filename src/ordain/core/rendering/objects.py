"""One rendered object at a time: composed from templates, named here, and compared with what was meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from ordain.core.reasons import Reason
from ordain.core.rendering.templating import heading, parse, render_template
from ordain.core.specs.parts import NAME_PATTERN
from ordain.core.value import Value
from ordain.errors import UserError

KINDS = {
    "analysistemplate": ("argoproj.io/v1alpha1", "AnalysisTemplate"),
    "applicationset": ("argoproj.io/v1alpha1", "ApplicationSet"),
    "appproject": ("argoproj.io/v1alpha1", "AppProject"),
    "configmap": ("v1", "ConfigMap"),
    "cronjob": ("batch/v1", "CronJob"),
    "daemonset": ("apps/v1", "DaemonSet"),
    "deployment": ("apps/v1", "Deployment"),
    "gitrepository": ("source.toolkit.fluxcd.io/v1", "GitRepository"),
    "horizontalpodautoscaler": ("autoscaling/v2", "HorizontalPodAutoscaler"),
    "inferenceservice": ("serving.kserve.io/v1beta1", "InferenceService"),
    "kustomization": ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
    "namespace": ("v1", "Namespace"),
    "networkpolicy": ("networking.k8s.io/v1", "NetworkPolicy"),
    "poddisruptionbudget": ("policy/v1", "PodDisruptionBudget"),
    "podmonitor": ("monitoring.coreos.com/v1", "PodMonitor"),
    "priorityclass": ("scheduling.k8s.io/v1", "PriorityClass"),
    "prometheusrule": ("monitoring.coreos.com/v1", "PrometheusRule"),
    "rollout": ("argoproj.io/v1alpha1", "Rollout"),
    "service": ("v1", "Service"),
    "serviceaccount": ("v1", "ServiceAccount"),
    "servicemonitor": ("monitoring.coreos.com/v1", "ServiceMonitor"),
    "validatingadmissionpolicy": ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"),
    "validatingadmissionpolicybinding": (
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicyBinding",
    ),
}
CLUSTER_WIDE = (
    "namespace",
    "priorityclass",
    "validatingadmissionpolicy",
    "validatingadmissionpolicybinding",
)
# A template that stands in another one, every line of it at the column of this tag.
_INCLUDE = re.compile(r"^( *)\{% include \"([a-z/]+\.yaml\.j2)\" %\}\n", re.MULTILINE)


class Wanted(Value, frozen=True, kw_only=True):
    """One object to render.

    Attributes:
        file: its name in the folder, without `.yaml`. template: `folder/kind`. name: of the object.
        own: values that only this object's template may name.
    """

    file: str
    template: str
    name: str
    own: dict[str, object] = {}

    @property
    def kind(self) -> str:
        """Its kind in lower case, which is the template's own name."""
        return self.template.rpartition("/")[2]


def by_kind(template: str, name: str) -> Wanted:
    """An object whose file is named by its kind: the only one of that kind in its folder."""
    return Wanted(file=template.rpartition("/")[2], template=template, name=name)


def checked_name(name: str) -> str:
    """The last guard before a name becomes a path.

    Raises:
        UserError: reason `state-invalid`.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise UserError(
            f"{name!a} is not a DNS label of at most 40 characters, so it cannot name a folder",
            fix="ordain check",
            reason=Reason.STATE_INVALID,
        )
    return name


def rendered(
    folder: str, wanted: tuple[Wanted, ...], values: Mapping[str, object], templates: Mapping[str, str]
) -> dict[str, bytes]:
    """One file per object, and the kustomization that lists them.

    Args:
        folder: below `manifests/`. values: what the templates may name, `namespace` among them.

    Returns:
        Bytes by path below `manifests/`.
    """
    objects = {each.file: rendered_object(each, values, templates) for each in wanted}
    if len(objects) != len(wanted) or "kustomization" in objects:
        raise ValueError(f"two files of one name in {folder}")
    listing = _listing(templates["kustomization.yaml.j2"], tuple(f"{file}.yaml" for file in objects))
    files = {f"{folder}/{file}.yaml": data for file, data in objects.items()}
    return {**files, f"{folder}/kustomization.yaml": listing}


@lru_cache(maxsize=64)
def _listing(template: str, resources: tuple[str, ...]) -> bytes:
    """The kustomization: the same for every model that runs in the same form."""
    listing = render_template(template, {"resources": list(resources)})
    if parse(listing)["resources"] != list(resources):
        raise ValueError("the kustomization does not list what was rendered")
    return listing


def rendered_object(wanted: Wanted, values: Mapping[str, object], templates: Mapping[str, str]) -> bytes:
    """One object, compared with what it was meant to be."""
    data = render_template(expanded(f"{wanted.template}.yaml.j2", templates), {**values, **wanted.own})
    found = heading(data)
    place = None if wanted.kind in CLUSTER_WIDE else values["namespace"]
    if found != (*KINDS[wanted.kind], wanted.name, place):
        raise ValueError(f"the template {wanted.template} gives {found}")
    return data


def expanded(name: str, templates: Mapping[str, str]) -> str:
    """A template's source with every other one that it includes in its place."""

    def included(found: re.Match[str]) -> str:
        margin = found.group(1)
        lines = expanded(found.group(2), templates).splitlines(keepends=True)
        return "".join(margin + line for line in lines)

    return _INCLUDE.sub(included, templates[name])
