"""The rendered admission policy, its CEL compiled and evaluated, over what it must admit and deny.

What an evaluation here can't show, and `make test-cluster` does: that an API server accepts the policy,
which requests it sends to it, how it finds the parameters, and its cost limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cel
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.adapters.resources import templates
from ordain.core.decisions import REMEMBERED, Decision, Entry, LedgerState
from ordain.core.ledger.ledger import advance
from ordain.core.reasons import Reason
from ordain.core.rendering import admission
from ordain.core.rendering.desired import desired
from ordain.core.rendering.render import admitted_files, render_admitted, render_shared
from ordain.core.specs.identity import Target, Transition
from tests.core.fleet import PLAIN, STAGING, example

TEMPLATES = templates()
GOOD, OTHER, BAD = (f"registry.example/{name}@sha256:{name[0] * 64}" for name in ("aa", "bb", "cc"))
WORKLOADS = {
    "pods": "Pod", "replicationcontrollers": "ReplicationController", "podtemplates": "PodTemplate",
    "daemonsets": "DaemonSet", "deployments": "Deployment", "replicasets": "ReplicaSet",
    "statefulsets": "StatefulSet", "cronjobs": "CronJob", "jobs": "Job",
}  # fmt: skip
PLACES = ("containers", "initContainers", "ephemeralContainers", "volumes")


def shared(kind: str) -> dict[str, Any]:
    files = render_shared("staging", STAGING, TEMPLATES)
    found: dict[str, Any] = yaml.safe_load(files[f"staging/_shared/{kind}.yaml"])
    return found


POLICY = shared("validatingadmissionpolicy")
PROGRAMS = {
    **{each["name"]: cel.compile(each["expression"]) for each in POLICY["spec"]["variables"]},
    "verdict": cel.compile(POLICY["spec"]["validations"][0]["expression"]),
    "message": cel.compile(POLICY["spec"]["validations"][0]["messageExpression"]),
}


def test_a_prefix_keeps_the_policies_of_two_repositories_apart() -> None:
    names = set()
    for prefix in (None, "churn", "fraud"):
        files = render_shared("staging", replace(STAGING, admission_prefix=prefix), TEMPLATES)
        policy, binding = (
            yaml.safe_load(files[f"staging/_shared/validatingadmissionpolicy{end}.yaml"])
            for end in ("", "binding")
        )
        assert policy["metadata"]["name"] == binding["metadata"]["name"] == binding["spec"]["policyName"]
        names.add(policy["metadata"]["name"])
    assert names == {"images.ordain.staging", "images.ordain.churn.staging", "images.ordain.fraud.staging"}


def parameters(*images: str) -> dict[str, Any]:
    files = render_admitted("staging", "ml-staging", images, TEMPLATES)
    found: dict[str, Any] = yaml.safe_load(files["staging/_admitted/configmap.yaml"])
    return found


def denied(
    new: Mapping[str, Any], params: Mapping[str, Any] | None, old: Mapping[str, Any] | None = None
) -> str | None:
    """The message with which an API server would deny a request, or None when it admits it.

    As in an API server: variables in their order, and an expression that fails denies (failurePolicy).
    """
    if params is None:
        assert (
            shared("validatingadmissionpolicybinding")["spec"]["paramRef"]["parameterNotFoundAction"]
            == "Deny"
        )
        return "no parameters"
    known: dict[str, Any] = {}
    context = {
        "object": new, "oldObject": old, "params": params, "variables": known,
        "request": {"operation": "CREATE" if old is None else "UPDATE"},
    }  # fmt: skip
    try:
        for each in POLICY["spec"]["variables"]:
            known[each["name"]] = PROGRAMS[each["name"]].execute(context)
        verdict = PROGRAMS["verdict"].execute(context)
        return None if verdict else str(PROGRAMS["message"].execute(context))
    except (ValueError, RuntimeError, TypeError) as error:
        return f"failed: {error}"


def pod(place: str = "containers", image: str | None = GOOD) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": "server", "image": GOOD}]}
    if place == "volumes":
        volume = {"reference": image} if image is not None else {}
        spec["volumes"] = [{"name": "tmp", "emptyDir": {}}, {"name": "model", "image": volume}]
    else:
        other = {"name": "other", **({"image": image} if image is not None else {})}
        spec[place] = [*spec.get(place, []), other]
    return {"metadata": {"name": "x"}, "spec": spec}


def workload(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    head = {"kind": kind, "metadata": {"name": "x", "namespace": "ml-staging"}}
    if kind == "Pod":
        return {**content, **head}
    if kind == "PodTemplate":
        return {**head, "template": content}
    if kind == "CronJob":
        return {**head, "spec": {"jobTemplate": {"spec": {"template": content}}}}
    return {**head, "spec": {"template": content}}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", WORKLOADS.values())
def test_only_approved_images_are_admitted(kind: str, place: str) -> None:
    approved = parameters(GOOD, OTHER)
    assert denied(workload(kind, pod(place, OTHER)), approved) is None
    message = denied(workload(kind, pod(place, BAD)), approved)
    assert message == f"not approved by Ordain for this namespace: {BAD}"


@pytest.mark.parametrize("place", PLACES)
def test_what_names_no_image_is_denied(place: str) -> None:
    assert "without an image" in (denied(workload("Pod", pod(place, None)), parameters(GOOD)) or "")


def test_everything_that_makes_pods_is_looked_at() -> None:
    rules = POLICY["spec"]["matchConstraints"]["resourceRules"]
    named = {name for rule in rules for name in rule["resources"]}
    assert named == {*WORKLOADS, "pods/ephemeralcontainers"}
    assert all(set(rule["operations"]) == {"CREATE", "UPDATE"} for rule in rules)
    assert POLICY["spec"]["failurePolicy"] == "Fail"


def test_a_missing_or_empty_parameter_denies() -> None:
    assert denied(workload("Pod", pod()), None)
    assert denied(workload("Pod", pod()), {"metadata": {}})
    assert denied(workload("Pod", pod()), {"data": {}})
    assert denied(workload("Pod", pod()), {"data": None})


@pytest.mark.parametrize(
    "near", [GOOD.split("@")[0], GOOD + "0", GOOD.replace("@", ":latest@"), GOOD.upper(), " " + GOOD]
)
def test_a_tag_or_a_near_name_is_not_the_approved_image(near: str) -> None:
    assert denied(workload("Deployment", pod("containers", near)), parameters(GOOD))


@pytest.mark.parametrize("kind", WORKLOADS.values())
def test_an_update_may_keep_what_is_no_longer_approved_and_gain_nothing(kind: str) -> None:
    old = workload(kind, pod("containers", BAD))
    finalised = {**old, "metadata": {"name": "x", "finalizers": []}}
    assert denied(finalised, parameters(GOOD), old) is None
    debugged = workload(kind, pod("ephemeralContainers", BAD))
    assert denied(debugged, parameters(GOOD), workload(kind, pod()))


def test_the_binding_speaks_of_this_namespace_and_these_parameters() -> None:
    binding, found = shared("validatingadmissionpolicybinding"), parameters(GOOD)["metadata"]
    spec = binding["spec"]
    assert spec["policyName"] == POLICY["metadata"]["name"]
    assert "Deny" in spec["validationActions"]
    assert (spec["paramRef"]["name"], spec["paramRef"]["namespace"]) == (found["name"], found["namespace"])
    selector = spec["matchResources"]["namespaceSelector"]["matchLabels"]
    assert selector == {"kubernetes.io/metadata.name": STAGING.namespace}


def test_the_policy_is_there_before_what_it_judges() -> None:
    wave = "argocd.argoproj.io/sync-wave"
    waves = [
        int(shared(kind)["metadata"]["annotations"][wave])
        for kind in ("namespace", "validatingadmissionpolicy")
    ]
    policy, binding = waves[1], shared("validatingadmissionpolicybinding")["metadata"]["annotations"][wave]
    assert waves[0] < policy == int(binding) == int(parameters()["metadata"]["annotations"][wave]) < 0


def test_every_rendered_workload_is_admitted_by_what_its_own_ledger_entry_gives() -> None:
    wanted = desired(example(), TEMPLATES)
    state = LedgerState()
    for target, each in wanted.items():
        state = advance(
            state, "digest", entry(state, decision(target, each.subject, each.images, each.namespace))
        )
    params = {
        folder.split("/")[0]: yaml.safe_load(files[f"{folder}/configmap.yaml"])
        for folder, files in admitted_files(state, TEMPLATES).items()
    }
    judged = 0
    for target, each in wanted.items():
        for data in each.files.values():
            document = yaml.safe_load(data)
            if document["kind"] in WORKLOADS.values():
                assert denied(document, params[target.environment]) is None
                assert denied(document, parameters(OTHER))
                judged += 1
    assert judged == 4


# --- what the ledger admits --------------------------------------------------------------------------


def decision(target: Target, after: str | None, images: tuple[str, ...], namespace: str | None) -> Decision:
    transition = Transition(
        repository="local/x", branch="main", environment=target.environment, model=target.model,
        before=None, after=after,
    )  # fmt: skip
    return Decision(
        transition=transition, action="deploy", approved=True, reason=Reason.APPROVED, images=images,
        namespace=namespace, intent="i" if after else None, files="f" if after else None,
    )  # fmt: skip


def entry(state: LedgerState, *decisions: Decision) -> Entry:
    return Entry(
        sequence=state.sequence + 1, previous=state.head, repository="local/x", branch="main", source="s",
        policy="p", policy_source="s", renderer=1, decisions=decisions, manifests="m", observed="now",
    )  # fmt: skip


STAGING_SHARED = Target(environment="staging", model="_shared")
CHURN = Target(environment="staging", model="churn")


def played(*steps: Decision) -> LedgerState:
    state = LedgerState()
    for each in steps:
        state = advance(state, "digest", entry(state, each))
    return state


def test_the_present_and_the_last_few_are_admitted() -> None:
    ran = [decision(CHURN, f"s{n}", (f"image-{n}",), "ml") for n in range(REMEMBERED + 3)]
    state = played(decision(STAGING_SHARED, "s", (), "ml"), *ran)
    newest = tuple(f"image-{n}" for n in range(2, REMEMBERED + 3))
    assert admission.admitted(state) == {"staging": ("ml", newest)}


def test_going_back_does_not_count_twice() -> None:
    steps = [decision(CHURN, name, (name,), "ml") for name in ("a", "b", "a", "b", "a")]
    assert played(*steps).images[CHURN] == (("a",), ("b",))


def test_a_retired_model_is_admitted_no_more() -> None:
    state = played(
        decision(STAGING_SHARED, "s", (), "ml"),
        decision(CHURN, "s", ("a",), "ml"),
        decision(CHURN, None, (), None),
    )
    assert admission.admitted(state) == {"staging": ("ml", ())}


def test_a_refusal_admits_nothing() -> None:
    refused = replace(decision(CHURN, "s", ("a",), "ml"), approved=False, reason=Reason.NO_RULE)
    assert admission.admitted(played(decision(STAGING_SHARED, "s", (), "ml"), refused)) == {
        "staging": ("ml", ())
    }


def test_each_environment_admits_its_own() -> None:
    other = Target(environment="production", model="_shared")
    state = played(
        decision(STAGING_SHARED, "s", (), STAGING.namespace), decision(other, "s", (), PLAIN.namespace),
        decision(CHURN, "s", ("a",), STAGING.namespace),
    )  # fmt: skip
    assert admission.admitted(state) == {
        "production": (PLAIN.namespace, ()),
        "staging": (STAGING.namespace, ("a",)),
    }


IMAGES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)


@settings(max_examples=60)
@given(st.lists(IMAGES, max_size=5), IMAGES)
def test_an_image_is_admitted_exactly_when_it_is_listed(approved: list[str], image: str) -> None:
    found = denied({"kind": "Pod", "spec": {"containers": [{"image": image}]}}, parameters(*approved))
    assert (found is None) == (image in approved)
