"""What only a real API server can show, on whichever cluster KUBECONFIG names (`make test-cluster`).

Everything here is applied for real, in namespaces of this test's own, and removed at the end; pods are
only ever asked for with a server-side dry run, so nothing starts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ordain.adapters.resources import templates
from ordain.core.rendering.desired import desired
from ordain.core.rendering.render import render_admitted
from tests.core.fleet import example
from tests.core.test_admission import BAD, GOOD, PLACES, WORKLOADS, pod, workload

if not os.environ.get("TEST_CLUSTER"):
    pytest.skip("make test-cluster runs these against the cluster of KUBECONFIG", allow_module_level=True)
KUBECTL = shutil.which("kubectl") or pytest.fail("make test-cluster needs kubectl")
NAMESPACES = ("ml-staging", "ml-production")
API = {
    "Pod": "v1", "ReplicationController": "v1", "PodTemplate": "v1", "DaemonSet": "apps/v1",
    "Deployment": "apps/v1", "ReplicaSet": "apps/v1", "StatefulSet": "apps/v1", "CronJob": "batch/v1",
    "Job": "batch/v1",
}  # fmt: skip
CONFINED = {
    "allowPrivilegeEscalation": False, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}  # fmt: skip


def kubectl(*words: str, given: object = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    text = None if given is None else json.dumps(given)
    done = subprocess.run(
        [KUBECTL, *words], input=text, capture_output=True, text=True, timeout=120, check=False
    )
    assert not check or done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"
    return done


def apply(folder: Path) -> str:
    """Server-side apply, as Argo CD and Flux do it; what it said."""
    return kubectl("apply", "--server-side", "--field-manager=ordain-test", "-k", str(folder)).stdout


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Everything rendered for the example fleet, applied in the order in which it is synced."""
    root = tmp_path_factory.mktemp("manifests")
    wanted = desired(example(), templates())
    files = {path: data for each in wanted.values() for path, data in each.files.items()}
    for environment, namespace in zip(("staging", "production"), NAMESPACES, strict=True):
        images = [
            image
            for target, each in wanted.items()
            if target.environment == environment
            for image in each.images
        ]
        files |= render_admitted(environment, namespace, [GOOD, *images], templates())
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    order = {"_shared": 0, "_admitted": 1}
    ordered = sorted({path.parent for path in root.rglob("*.yaml")}, key=lambda each: order.get(each.name, 2))
    try:
        for each in ordered[:4]:
            apply(each)
        wait_until_enforced()
        for each in ordered[4:]:
            apply(each)
        yield ordered
    finally:
        for each in reversed(ordered):
            kubectl("delete", "--ignore-not-found", "--wait=false", "-k", str(each), check=False)


def wait_until_enforced(seconds: int = 60) -> None:
    """A new admission policy reaches the API servers some moments after it is stored."""
    for _ in range(seconds):
        if "not approved by Ordain" in asked(complete("Pod", "containers", BAD)).stderr:
            return
        time.sleep(1)
    pytest.fail("the admission policy is not enforced")


def complete(kind: str, place: str, image: str) -> dict[str, Any]:
    """One workload with every field that an API server demands, as restricted Pod Security wants it."""
    content = pod(place, image)
    for name in PLACES[:3]:
        for each in content["spec"].get(name, []):
            each["securityContext"] = CONFINED
    content["metadata"] = {"labels": {"app": "x"}}
    content["spec"]["restartPolicy"] = "Never" if kind in {"Job", "CronJob"} else "Always"
    found = {**workload(kind, content), "apiVersion": API[kind]}
    found["metadata"] = {"name": "admission-probe", "namespace": NAMESPACES[0]}
    if kind in {"DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"}:
        found["spec"]["selector"] = {"matchLabels": {"app": "x"}}
    if kind == "ReplicationController":
        found["spec"]["selector"] = {"app": "x"}
    if kind == "StatefulSet":
        found["spec"]["serviceName"] = "x"
    if kind == "CronJob":
        found["spec"]["schedule"] = "0 0 * * *"
    return found


def asked(document: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """What the server would answer to a creation."""
    return kubectl("create", "--dry-run=server", "-f", "-", given=document, check=False)


def generations(folders: list[Path]) -> dict[str, object]:
    """Of every applied object: a number that an API server raises with each change of what is wanted."""
    found: dict[str, object] = {}
    for folder in folders:
        for each in json.loads(kubectl("get", "-k", str(folder), "-o", "json").stdout)["items"]:
            head = each["metadata"]
            wanted = {key: value for key, value in each.items() if key not in {"metadata", "status"}}
            found[f"{each['kind']}/{head.get('namespace')}/{head['name']}"] = (head.get("generation"), wanted)
    return found


def test_a_second_apply_changes_nothing(folders: list[Path]) -> None:
    before = generations(folders)
    for folder in folders:
        apply(folder)
    assert generations(folders) == before


# Only a running pod can be given an ephemeral container, so an API server refuses one at creation.
@pytest.mark.parametrize("place", [each for each in PLACES if each != "ephemeralContainers"])
@pytest.mark.parametrize("kind", WORKLOADS.values())
def test_only_approved_images_are_admitted(folders: list[Path], kind: str, place: str) -> None:
    admitted = asked(complete(kind, place, GOOD))
    assert admitted.returncode == 0, admitted.stderr
    refused = asked(complete(kind, place, BAD))
    assert refused.returncode != 0
    assert "not approved by Ordain" in refused.stderr


def test_a_missing_parameter_denies(folders: list[Path]) -> None:
    kubectl("delete", "configmap", "admitted.ordain", "-n", NAMESPACES[1])
    document = complete("Pod", "containers", GOOD)
    document["metadata"]["namespace"] = NAMESPACES[1]
    try:
        for _ in range(60):
            refused = asked(document)
            if refused.returncode != 0:
                break
            time.sleep(1)
        assert refused.returncode != 0
    finally:
        apply(next(each for each in folders if each.parts[-2:] == ("production", "_admitted")))


def test_restricted_pod_security_is_enforced(folders: list[Path]) -> None:
    document = complete("Pod", "containers", GOOD)
    document["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    refused = asked(document)
    assert refused.returncode != 0
    assert "PodSecurity" in refused.stderr


def test_every_rendered_deployment_was_admitted(folders: list[Path]) -> None:
    for namespace in NAMESPACES:
        found = kubectl("get", "deployments", "-n", namespace, "-o", "name").stdout.split()
        assert found == ["deployment.apps/churn", "deployment.apps/demand"]
