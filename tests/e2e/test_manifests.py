"""Every rendered object against Kubernetes' own schemas, the restricted profile and what scanners ask."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from msgspec.structs import replace

from ordain.adapters.resources import templates
from ordain.core.rendering.desired import desired
from ordain.core.rendering.templating import parse
from ordain.core.specs.deployment import Deploy, Replicas
from ordain.core.state.declared import Instance
from tests.core.fleet import (
    COMBINED,
    COPIED,
    JOBS,
    LOG,
    PLAIN,
    ROOT,
    SPEC,
    STAGING,
    example,
    fleet,
    forms,
    own,
)

CHECKOV = ROOT / ".venv-checkov" / "bin" / "checkov"
# Checks that may fail, and why. Empty: none does.
CHECKOV_WAIVERS: dict[str, str] = {}
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
DIGEST = re.compile(r"[^@]+@sha256:[0-9a-f]{64}")
# Restricted profile (Pod Security Standards): the volumes that a pod may name.
VOLUMES = {
    "configMap", "downwardAPI", "emptyDir", "projected", "secret", "csi", "persistentVolumeClaim",
    "ephemeral", "image",
}  # fmt: skip

# What holds a pod template under `spec`, beside jobs and InferenceServices.
MAKERS = ("Deployment", "Rollout", "DaemonSet")
# Kinds that Kubernetes itself does not know; their own schemas are in `test_custom_resources`.
CUSTOM = {
    "AnalysisTemplate", "ApplicationSet", "AppProject", "GitRepository", "InferenceService", "Kustomization",
    "PodMonitor", "PrometheusRule", "Rollout", "ServiceMonitor",
}  # fmt: skip
KUBECTL_LISTING = "kustomize.config.k8s.io/v1beta1"

GITOPS_NAMESPACES = {"argocd", "flux-system"}

Object = dict[str, Any]
Files = dict[str, Object]


def lone() -> Instance:
    """One replica at least and at most, the longest names there may be."""
    name = "m" + "-" * 38 + "x"
    spec = replace(SPEC, deploy=Deploy(replicas=Replicas(min=1, max=1)), owner=name)
    return fleet({name[:40]: spec}, {"e" * 22: replace(STAGING, namespace=name)})


FLEETS = {
    "own, image volume": lambda: own(model_delivery="image-volume"),
    "own, init container": lambda: own(model_delivery="init-container"),
    "example": example,
    "copied with a log": lambda: fleet(
        {"churn": replace(COPIED, monitoring=SPEC.monitoring)}, {"a": STAGING}
    ),
    "mounted without": lambda: fleet({"churn": replace(SPEC, monitoring=COPIED.monitoring)}, {"a": PLAIN}),
    "lone": lone,
    "every form": forms,
}


def rendered(name: str) -> dict[str, bytes]:
    found = desired(FLEETS[name](), templates()).values()
    return {path: data for each in found for path, data in each.files.items()}


@pytest.fixture(scope="module", params=FLEETS)
def files(request: pytest.FixtureRequest) -> Files:
    """One fleet's manifests, by path."""
    return {path: parse(data) for path, data in rendered(request.param).items()}


def of(files: Files, kind: str) -> list[Object]:
    return [each for each in files.values() if each["kind"] == kind]


def pods(files: Files) -> list[Object]:
    """The pod template of whatever makes pods."""
    found = [each["spec"]["template"] for kind in MAKERS for each in of(files, kind)]
    found += [each["spec"]["jobTemplate"]["spec"]["template"] for each in of(files, "CronJob")]
    for each in of(files, "InferenceService"):
        predictor = each["spec"]["predictor"]
        found.append({"metadata": {k: predictor[k] for k in ("labels", "annotations")}, "spec": predictor})
    return found


def is_appended(pod: Object) -> bool:
    """Whether the model is in the image that the pod runs."""
    return "appended" in pod["metadata"]["annotations"]["ordain.dev/model"]


def reads_model(pod: Object) -> bool:
    """Whether its process needs the model: what compacts a log does not."""
    return bool(pod["metadata"]["labels"]["app.kubernetes.io/component"] != "compact")


def serving(files: Files) -> list[Object]:
    """The pods that answer requests: those that don't end."""
    return [each for each in pods(files) if "restartPolicy" not in each["spec"]]


def containers(pod: Object) -> list[Object]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def beside(files: Files, kind: str) -> Iterator[tuple[Object, Object]]:
    """Each Deployment with the one object of a kind in its folder."""
    for path, each in files.items():
        if each["kind"] == "Deployment":
            yield each, files[f"{path.rpartition('/')[0]}/{kind.lower()}.yaml"]


def selects(selector: Object, labels: Object) -> bool:
    return bool(selector) and selector.items() <= labels.items()


# --- Kubernetes' own schemas ------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.36", "1.37"])
def test_every_object_is_valid_by_the_strict_schemas(files: Files, version: str) -> None:
    for path, each in files.items():
        if each["kind"] not in CUSTOM:
            assert kubernetes_validate.validate(each, version, strict=True) == version, path


def test_the_strict_schemas_refuse_what_they_do_not_know() -> None:
    service = {path.rpartition("/")[2]: parse(data) for path, data in rendered("example").items()}[
        "service.yaml"
    ]
    service["spec"]["clusterIp"] = "None"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service, "1.36", strict=True)


@pytest.mark.parametrize("version", ["1.30", "1.33", "1.35"])
def test_a_copied_model_is_valid_before_image_volumes_were_there(version: str) -> None:
    for path, data in rendered("own, init container").items():
        found = parse(data)
        if found["kind"] != "Kustomization":
            assert kubernetes_validate.validate(found, version, strict=True) == version, path


def test_a_mounted_one_is_not_which_is_why_a_spec_can_choose() -> None:
    deployment = parse(rendered("own, image volume")["staging/churn/deployment.yaml"])
    with pytest.raises(kubernetes_validate.ValidationError, match="image"):
        kubernetes_validate.validate(deployment, "1.30", strict=True)


@pytest.mark.parametrize("version", ["1.30", "1.35"])
def test_an_appended_one_is_too_and_pulls_one_image(version: str) -> None:
    folders = ("staging/appended/", "staging/batch-appended/")
    files = {path: parse(data) for path, data in rendered("every form").items() if path.startswith(folders)}
    for path, found in files.items():
        if found["kind"] not in CUSTOM:
            assert kubernetes_validate.validate(found, version, strict=True) == version, path
    for pod in pods(files):
        assert not any("image" in each for each in pod["spec"]["volumes"])
    (server,) = [each for pod in serving(files) for each in containers(pod)]
    assert server["image"].endswith(COMBINED)
    assert {each["image"] for pod in pods(files) for each in pod["spec"]["containers"]} == {
        JOBS,
        server["image"],
    }


def test_init_containers_bring_the_model_where_the_server_looks() -> None:
    pod = parse(rendered("own, init container")["staging/churn/deployment.yaml"])["spec"]["template"]["spec"]
    lend, fetch = pod["initContainers"]
    (server,) = pod["containers"]
    places = [
        {each["name"]: each["mountPath"] for each in one["volumeMounts"]} for one in (lend, fetch, server)
    ]
    assert lend["image"] == server["image"]
    assert lend["command"] == [lend["command"][0], "cp", lend["command"][0], fetch["command"][0]]
    assert fetch["command"][0].startswith(f"{places[0]['tools']}/")
    assert places[0]["tools"] == places[1]["tools"]
    assert fetch["command"][-1] == f"{places[1]['model']}/"
    assert places[2]["model"] == "/srv/models/churn"


def test_both_deliveries_pull_the_same_two_images() -> None:
    def images(name: str) -> set[str]:
        files = {path: parse(data) for path, data in rendered(name).items()}
        found = {each["image"] for pod in pods(files) for each in containers(pod)}
        for pod in pods(files):
            found |= {each["image"]["reference"] for each in pod["spec"]["volumes"] if "image" in each}
        return found

    assert images("own, image volume") == images("own, init container")
    assert len(images("own, init container")) == 2


# --- the restricted profile, in our own words --------------------------------------------------------


def test_pods_hold_to_the_restricted_profile(files: Files) -> None:
    for pod in pods(files):
        spec = pod["spec"]
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers", "ephemeralContainers"} & spec.keys()
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"sysctls", "seLinuxOptions", "windowsOptions"} & spec["securityContext"].keys()
        for volume in spec["volumes"]:
            assert len(volume) == 2
            assert volume.keys() - {"name"} <= VOLUMES
        for each in containers(pod):
            held = each["securityContext"]
            assert held["allowPrivilegeEscalation"] is False
            assert held.get("privileged", False) is False
            assert held["runAsNonRoot"] is True
            assert held["capabilities"] == {"drop": ["ALL"]}
            assert held["seccompProfile"] == {"type": "RuntimeDefault"}
            assert not {"procMount", "seLinuxOptions", "windowsOptions"} & held.keys()
            assert all("hostPort" not in port and "hostIP" not in port for port in each.get("ports", []))
            probes = [each[name] for name in each if name.endswith("Probe")]
            assert all("host" not in probe["httpGet"] for probe in probes)


def test_namespaces_enforce_that_profile(files: Files) -> None:
    assert of(files, "Namespace")
    for each in of(files, "Namespace"):
        labels = each["metadata"]["labels"]
        for mode in ("enforce", "audit", "warn"):
            assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
            assert re.fullmatch(r"v1\.\d+", labels[f"pod-security.kubernetes.io/{mode}-version"])


# --- the union of what scanners ask for --------------------------------------------------------------


def test_images_are_named_by_digest_and_always_checked_with_the_registry(files: Files) -> None:
    for pod in pods(files):
        named = [(each["image"], each["imagePullPolicy"]) for each in containers(pod)]
        volumes = [each["image"] for each in pod["spec"]["volumes"] if "image" in each]
        named += [(each["reference"], each["pullPolicy"]) for each in volumes]
        assert len(named) in ((1, 2) if is_appended(pod) or not reads_model(pod) else (2, 3))
        # An edge node starts its pods again when no registry can be reached.
        wanted = "IfNotPresent" if "nodeSelector" in pod["spec"] else "Always"
        assert all(DIGEST.fullmatch(image) and policy == wanted for image, policy in named)


def test_identity_is_unprivileged_and_holds_no_token(files: Files) -> None:
    for pod in pods(files):
        assert pod["spec"]["automountServiceAccountToken"] is False
        for held in [pod["spec"]["securityContext"], *(each["securityContext"] for each in containers(pod))]:
            assert min(held["runAsUser"], held["runAsGroup"]) >= 10000
    for deployment, account in beside(files, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
        assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == account["metadata"]["name"]


def test_root_file_systems_are_read_only_and_every_writable_volume_is_bounded(files: Files) -> None:
    for pod in pods(files):
        volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
        assert all("hostPath" not in each for each in volumes.values())
        assert all(each["emptyDir"]["sizeLimit"] for each in volumes.values() if "emptyDir" in each)
        mounted = {mount["name"] for each in containers(pod) for mount in each["volumeMounts"]}
        assert mounted == volumes.keys()
        assert all(each["securityContext"]["readOnlyRootFilesystem"] is True for each in containers(pod))
        (server,) = pod["spec"]["containers"]
        models = [mount for mount in server["volumeMounts"] if mount["name"] == "model"]
        # A model that is appended to the runtime image lies there, in the same read-only file system.
        held = is_appended(pod) and "restartPolicy" not in pod["spec"]
        assert len(models) == (reads_model(pod) and not held)
        for model in models:
            assert model["readOnly"] is True
            assert any(f"{server['workingDir']}/{word}" == model["mountPath"] for word in server["args"])


def test_every_container_asks_for_and_is_limited_in_every_resource(files: Files) -> None:
    for pod in pods(files):
        for each in containers(pod):
            for side in ("requests", "limits"):
                assert each["resources"][side].keys() == {"cpu", "memory", "ephemeral-storage"}


def test_volumes_fit_in_the_storage_that_the_pod_may_use(files: Files) -> None:
    def kibibytes(quantity: str) -> int:
        return int(quantity[:-2]) * {"Ki": 1, "Mi": 1024, "Gi": 1024**2}[quantity[-2:]]

    for pod in pods(files):
        (server,) = pod["spec"]["containers"]
        volumes = [each["emptyDir"]["sizeLimit"] for each in pod["spec"]["volumes"] if "emptyDir" in each]
        limit = kibibytes(server["resources"]["limits"]["ephemeral-storage"])
        assert sum(map(kibibytes, volumes)) < limit


def test_health_is_asked_in_two_different_ways_on_the_port_that_is_open(files: Files) -> None:
    for pod in serving(files):
        (server,) = pod["spec"]["containers"]
        ready, live = server["readinessProbe"]["httpGet"], server["livenessProbe"]["httpGet"]
        assert (ready["path"], live["path"]) == ("/v2/health/ready", "/v2/health/live")
        (port,) = server["ports"]
        assert {ready["port"], live["port"], server["startupProbe"]["httpGet"]["port"]} == {port["name"]}
        assert server["args"][server["args"].index("--port") + 1] == str(port["containerPort"])


def test_replicas_are_the_autoscalers_and_disruption_never_blocks_a_drain(files: Files) -> None:
    for deployment, scaler in beside(files, "HorizontalPodAutoscaler"):
        assert "replicas" not in deployment["spec"]
        target, spec = scaler["spec"]["scaleTargetRef"], scaler["spec"]
        assert (target["apiVersion"], target["kind"]) == (deployment["apiVersion"], "Deployment")
        assert target["name"] == deployment["metadata"]["name"]
        assert 1 <= spec["minReplicas"] <= spec["maxReplicas"]
        assert spec["metrics"][0]["resource"]["name"] == "cpu"
    for deployment, budget in beside(files, "PodDisruptionBudget"):
        assert "minAvailable" not in budget["spec"]
        assert budget["spec"]["maxUnavailable"] >= 1
        assert budget["spec"]["selector"] == deployment["spec"]["selector"]


def test_two_replicas_unless_a_spec_says_otherwise() -> None:
    for name in ("own, image volume", "own, init container", "example"):
        files = {path: parse(data) for path, data in rendered(name).items()}
        assert all(each["spec"]["minReplicas"] >= 2 for each in of(files, "HorizontalPodAutoscaler"))


def test_replicas_spread_and_wait_their_turn(files: Files) -> None:
    classes = {each["metadata"]["name"] for each in of(files, "PriorityClass")}
    assert {pod["spec"]["priorityClassName"] for pod in pods(files)} <= classes
    for pod in serving(files):
        if "nodeSelector" in pod["spec"]:
            continue
        spec, labels = pod["spec"], pod["metadata"]["labels"]
        (term,) = spec["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
        (spread,) = spec["topologySpreadConstraints"]
        assert selects(term["podAffinityTerm"]["labelSelector"]["matchLabels"], labels)
        assert selects(spread["labelSelector"]["matchLabels"], labels)
        assert spec["priorityClassName"] in classes


def test_traffic_is_closed_both_ways_but_for_the_named_callers(files: Files) -> None:
    for deployment, policy in beside(files, "NetworkPolicy"):
        spec, pod = policy["spec"], deployment["spec"]["template"]
        assert selects(spec["podSelector"]["matchLabels"], pod["metadata"]["labels"])
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        networks = [each["to"] for each in spec["egress"][1:]]
        (server,) = pod["spec"]["containers"]
        log = next((each["value"] for each in server["env"] if each["name"] == "ORDAIN_PREDICTION_LOG"), "")
        assert networks == ([[{"ipBlock": {"cidr": LOG.allow_to[0]}}]] if "://" in log else [])
        port = pod["spec"]["containers"][0]["ports"][0]["containerPort"]
        for rule in spec["ingress"]:
            assert rule["ports"] == [{"protocol": "TCP", "port": port}]
            assert all(each["namespaceSelector"]["matchExpressions"] for each in rule["from"])
    namespaces = {each["metadata"]["name"] for each in of(files, "Namespace")}
    denied = [each for each in of(files, "NetworkPolicy") if each["spec"]["podSelector"] == {}]
    assert {each["metadata"]["namespace"] for each in denied} == namespaces
    nothing = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert all(each["spec"] == nothing for each in denied)
    assert {each["spec"]["type"] for each in of(files, "Service")} == {"ClusterIP"}


# --- how the objects fit together --------------------------------------------------------------------


def test_selectors_match_their_own_pods_and_no_others(files: Files) -> None:
    for deployment in of(files, "Deployment"):
        selector, place = deployment["spec"]["selector"]["matchLabels"], deployment["metadata"]["namespace"]
        matched = [
            each["metadata"]["name"]
            for each in of(files, "Deployment")
            if each["metadata"]["namespace"] == place
            and selects(selector, each["spec"]["template"]["metadata"]["labels"])
        ]
        assert matched == [deployment["metadata"]["name"]]
    for deployment, service in beside(files, "Service"):
        assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]
        names = {port["name"] for port in deployment["spec"]["template"]["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} == names


def test_every_object_is_one_of_its_kind_in_a_namespace_that_is_rendered_too(files: Files) -> None:
    objects = [each for each in files.values() if each["apiVersion"] != KUBECTL_LISTING]
    keys = [(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in objects]
    assert len(set(keys)) == len(keys)
    namespaces = {each["metadata"]["name"] for each in of(files, "Namespace")}
    tools = {place for _, place, name in keys if name.startswith(("ordain", "argocd-cm"))} & GITOPS_NAMESPACES
    assert {place for _, place, _ in keys} == {None, *namespaces, *tools}
    assert "default" not in namespaces


def test_no_secret_is_rendered_and_every_label_is_a_label(files: Files) -> None:
    assert not of(files, "Secret")
    for each in of(files, "ConfigMap"):
        assert all(key.endswith(".json") or ".health." in key for key in each["data"])
    for each in [*files.values(), *pods(files)]:
        for key, value in each.get("metadata", {}).get("labels", {}).items():
            assert LABEL_VALUE.fullmatch(value), key
    for pod in pods(files):
        for each in containers(pod):
            assert "envFrom" not in each
            for variable in each.get("env", []):
                shard = variable["name"] == "ORDAIN_SHARD"
                assert variable.keys() == {"name", "valueFrom" if shard else "value"}
                assert not shard or variable["valueFrom"].keys() == {"fieldRef"}


def test_each_folder_lists_exactly_its_files(files: Files) -> None:
    for path, each in files.items():
        if each["apiVersion"] == KUBECTL_LISTING:
            folder = path.rpartition("/")[0]
            there = {name.rpartition("/")[2] for name in files if name.startswith(f"{folder}/")}
            assert {*each["resources"], "kustomization.yaml"} == there


# --- checkov -----------------------------------------------------------------------------------------


def checkov(folder: Path, home: Path) -> Any:
    """What checkov says of a folder, from an empty home and without the network."""
    fence = ["unshare", "-rn"] if shutil.which("unshare") else []
    if fence and subprocess.run([*fence, "true"], capture_output=True, check=False).returncode != 0:
        fence = []
    flags = ["--framework", "kubernetes", "--skip-download", "--output", "json", "--soft-fail", "--compact"]
    done = subprocess.run(
        [*fence, str(CHECKOV), "--directory", str(folder), *flags],
        cwd=home, capture_output=True, text=True, check=False, timeout=200,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8",
             "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_checkov_finds_nothing_that_is_not_waived_with_a_reason(tmp_path: Path) -> None:
    if not CHECKOV.exists():
        absent = "checkov is not installed: make checkov-env"
        if os.environ.get("CI") == "true":
            pytest.fail(absent)
        pytest.skip(absent)
    scanned = tmp_path / "manifests"
    for name in FLEETS:
        for path, data in rendered(name).items():
            file = scanned / re.sub("[^a-z]", "-", name) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
    # One manifest with a known fault, to see that faults are seen.
    sound = rendered("example")["staging/churn/deployment.yaml"]
    faulty = sound.replace(b'"readOnlyRootFilesystem": true', b'"readOnlyRootFilesystem": false')
    (scanned / "faulty.yaml").write_bytes(faulty)
    (tmp_path / "home").mkdir()
    found = checkov(scanned, tmp_path / "home")
    failed = {(each["file_path"], each["check_id"]) for each in found["results"]["failed_checks"]}
    assert ("/faulty.yaml", "CKV_K8S_22") in failed
    failed.remove(("/faulty.yaml", "CKV_K8S_22"))
    assert found["results"]["parsing_errors"] == []
    assert found["results"]["skipped_checks"] == []
    assert found["summary"]["passed"] > 100
    unwaived = sorted(each for each in failed if each[1] not in CHECKOV_WAIVERS)
    assert not unwaived
    assert CHECKOV_WAIVERS.keys() <= {check for _, check in failed}, "a waiver that nothing needs"
    assert all(len(reason) >= 20 for reason in CHECKOV_WAIVERS.values())
