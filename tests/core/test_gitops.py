"""What Argo CD and Flux are told: nothing wider than what is rendered, in the right order, safe to prune."""

from __future__ import annotations

import fnmatch
import subprocess
from pathlib import Path
from typing import Any

import cel
import pytest
from lupa import LuaRuntime
from msgspec.structs import replace

from ordain.adapters.resources import templates
from ordain.core.pipelines.changes import gitops_changes
from ordain.core.rendering.desired import Desired, desired
from ordain.core.rendering.gitops import HEALTH, TOOLS
from ordain.core.rendering.render import render_admitted
from ordain.core.rendering.templating import parse
from ordain.core.specs.deployment import ArgoCd
from ordain.core.specs.identity import Target
from ordain.core.state.declared import Instance
from tests.core.fleet import FORMS, GITOPS, STAGING, example, fleet, forms

TEMPLATES = templates()
FOUND = desired(forms(), TEMPLATES)
Object = dict[str, Any]


def of(tool: str) -> dict[str, Object]:
    """A tool's objects by file name."""
    files = FOUND[Target(environment=tool, model="_shared")].files
    return {path.rpartition("/")[2].removesuffix(".yaml"): parse(data) for path, data in files.items()}


def branch() -> dict[str, bytes]:
    """Everything that a live branch holds, by path from its top."""
    files = {path: data for each in FOUND.values() for path, data in each.files.items()}
    for name, namespace in (("staging", "ml-staging"), ("production", "ml-production")):
        files |= render_admitted(name, namespace, [], TEMPLATES)
    found = {f"manifests/{path}": data for path, data in files.items()}
    return {**found, "manifests/ledger/00000001.json": b"{}", "models.yaml": b"x", "src/a.py": b"x"}


def applied(environment: str) -> dict[str, Object]:
    """What is rendered for one environment, without the listings, by path."""
    top = f"manifests/{environment}/"
    files = {path: parse(data) for path, data in branch().items() if path.startswith(top)}
    return {path: each for path, each in files.items() if not path.endswith("/kustomization.yaml")}


ENVIRONMENTS = ("staging", "production")
PROJECT, SET = of("argocd")["appproject"]["spec"], of("argocd")["applicationset"]["spec"]


def permits(document: Object, namespace: str | None) -> bool:
    """Whether an application of the project may hold an object, as Argo CD decides it."""
    group = document["apiVersion"].rpartition("/")[0]
    if namespace is None:
        asked = {"group": group, "kind": document["kind"], "name": document["metadata"]["name"]}
        return asked in PROJECT["clusterResourceWhitelist"]
    kind = {"group": group, "kind": document["kind"]}
    place = namespace in {each["namespace"] for each in PROJECT["destinations"]}
    return place and kind in PROJECT["namespaceResourceWhitelist"]


# --- Argo CD ----------------------------------------------------------------------------------------


def test_the_project_permits_a_policy_by_the_prefix_that_its_environment_declares() -> None:
    plain = forms()
    environments = {
        **plain.environments, "staging": replace(plain.environments["staging"], admission_prefix="churn")
    }  # fmt: skip
    found = desired(replace(plain, environments=environments), TEMPLATES)
    target = Target(environment="argocd", model="_shared")
    assert found[target].intent != FOUND[target].intent
    project = parse(found[target].files["argocd/_shared/appproject.yaml"])
    named = [each["name"] for each in project["spec"]["clusterResourceWhitelist"]]
    assert named.count("images.ordain.churn.staging") == 2
    assert "images.ordain.staging" not in named
    assert named.count("images.ordain.production") == 2


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_project_permits_all_that_is_rendered(environment: str) -> None:
    for path, each in applied(environment).items():
        assert permits(each, each["metadata"].get("namespace")), path


@pytest.mark.parametrize(
    ("api", "kind", "namespace"),
    [
        ("v1", "Secret", "ml-staging"),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", "ml-staging"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", None),
        ("v1", "Namespace", None),
        ("apps/v1", "Deployment", "kube-system"),
        ("argoproj.io/v1alpha1", "AppProject", "argocd"),
        ("argoproj.io/v1alpha1", "AppProject", "ml-staging"),
    ],
)
def test_the_project_permits_nothing_else(api: str, kind: str, namespace: str | None) -> None:
    assert not permits({"apiVersion": api, "kind": kind, "metadata": {"name": "x"}}, namespace)


def test_the_project_names_one_repository_and_no_wildcard() -> None:
    assert PROJECT["sourceRepos"] == [GITOPS.repository]
    assert "*" not in str([PROJECT[key] for key in PROJECT if key != "description"])


def application(environment: str) -> Object:
    """The template as Argo CD fills it for one element of the list."""
    (generator,) = SET["generators"]
    element = next(each for each in generator["list"]["elements"] if each["environment"] == environment)

    def filled(tree: Any) -> Any:
        if isinstance(tree, str):
            for key, value in element.items():
                tree = tree.replace("{{." + key + "}}", value)
            return tree
        if isinstance(tree, dict):
            return {key: filled(value) for key, value in tree.items()}
        return [filled(each) for each in tree] if isinstance(tree, list) else tree

    found: Object = filled(SET["template"])
    assert "{{" not in str(found)
    return found


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_application_syncs_its_environment_from_the_live_branch(environment: str) -> None:
    spec = application(environment)["spec"]
    source = spec["source"]
    assert (source["targetRevision"], source["path"]) == ("live", f"manifests/{environment}")
    assert {"server": spec["destination"]["server"], "namespace": spec["destination"]["namespace"]} in (
        PROJECT["destinations"]
    )
    top = f"{source['path']}/"
    seen = {
        path
        for path in branch()
        if path.startswith(top) and not fnmatch.fnmatchcase(path, source["directory"]["exclude"])
    }
    assert seen == applied(environment).keys()


def test_nothing_is_ever_removed_by_mistake() -> None:
    assert SET["syncPolicy"] == {"applicationsSync": "create-update", "preserveResourcesOnDeletion": True}
    policy = application("staging")["spec"]["syncPolicy"]
    assert policy["automated"] == {"prune": True, "selfHeal": True, "allowEmpty": False}
    options = set(policy["syncOptions"])
    assert {"PruneLast=true", "ServerSideApply=true", "FailOnSharedResource=true"} <= options
    assert "CreateNamespace=false" in options
    assert not {"Replace=true", "Force=true", "Validate=false"} & options


def test_another_cluster_is_said_once_for_both() -> None:
    elsewhere = replace(GITOPS, argocd=ArgoCd(server="https://edge.example:6443"), flux=None)
    changed = replace(forms(), models=replace(forms().models, gitops=elsewhere))
    files = desired(changed, TEMPLATES)[Target(environment="argocd", model="_shared")].files
    assert all(
        b"kubernetes.default.svc" not in data and b"edge.example" in data
        for path, data in files.items()
        if path.endswith(("appproject.yaml", "applicationset.yaml"))
    )


# --- health, in the tools' own languages -------------------------------------------------------------


def argocd_health(kind: str, document: Object) -> str:
    """Argo CD's verdict: the Lua, run as it runs it."""
    script = of("argocd")["configmap"]["data"][f"resource.customizations.health.{kind}"]
    lua = LuaRuntime(unpack_returned_tuples=True)
    lua.globals()["obj"] = lua.table_from(document, recursive=True)
    return str(lua.execute(script)["status"])


@pytest.mark.parametrize(
    ("suspended", "status", "expected"),
    [
        (True, {}, "Suspended"),
        (False, None, "Healthy"),
        (False, {"lastScheduleTime": "2026-11-25T04:30:00Z", "active": [{"name": "x"}]}, "Healthy"),
        (False, {"lastScheduleTime": "2026-11-25T04:30:00Z"}, "Degraded"),
        (
            False,
            {"lastScheduleTime": "2026-11-25T04:30:00Z", "lastSuccessfulTime": "2026-11-24T04:31:00Z"},
            "Degraded",
        ),
        (
            False,
            {"lastScheduleTime": "2026-11-25T04:30:00Z", "lastSuccessfulTime": "2026-11-25T04:31:00Z"},
            "Healthy",
        ),
    ],
)
def test_a_job_is_as_healthy_as_its_newest_run(suspended: bool, status: Object | None, expected: str) -> None:
    document: Object = {"spec": {"suspend": suspended}}
    if status is not None:
        document["status"] = status
    assert argocd_health("batch_CronJob", document) == expected


@pytest.mark.parametrize(
    ("observed", "expected"), [(None, "Progressing"), (1, "Progressing"), (2, "Healthy")]
)
def test_a_policy_is_healthy_once_the_server_has_seen_it(observed: int | None, expected: str) -> None:
    status = {} if observed is None else {"status": {"observedGeneration": observed}}
    document = {"metadata": {"generation": 2}, **status}
    kind = "admissionregistration.k8s.io_ValidatingAdmissionPolicy"
    assert argocd_health(kind, document) == expected


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("InferenceService", {}, "in_progress"),
        ("InferenceService", {"conditions": [{"type": "Ready", "status": "False"}]}, "in_progress"),
        ("InferenceService", {"conditions": [{"type": "Ready", "status": "True"}]}, "current"),
        ("InferenceService", {"modelStatus": {"transitionStatus": "InvalidSpec"}}, "failed"),
        ("Rollout", {}, "in_progress"),
        ("Rollout", {"phase": "Paused"}, "in_progress"),
        ("Rollout", {"phase": "Healthy"}, "current"),
        ("Rollout", {"phase": "Degraded"}, "failed"),
    ],
)
def test_flux_knows_when_what_it_does_not_know_is_ready(kind: str, status: Object, expected: str) -> None:
    health = next(each for each in HEALTH if each.kind == kind)
    verdicts = {
        name: cel.evaluate(getattr(health, name), {"status": status})
        for name in ("current", "failed", "in_progress")
    }
    assert verdicts[expected] is True
    assert verdicts["current"] is (expected == "current")
    assert verdicts["failed"] is (expected == "failed")


# --- Flux --------------------------------------------------------------------------------------------


def steps() -> dict[str, Object]:
    return {
        each["metadata"]["name"]: each["spec"]
        for name, each in of("flux").items()
        if name.startswith("kustomization-")
    }


def test_models_wait_for_the_admission_list_and_that_for_the_policy() -> None:
    found = steps()
    assert len(found) == 7
    for name in ENVIRONMENTS:
        assert found[f"ordain-{name}-models"]["dependsOn"] == [{"name": f"ordain-{name}-admitted"}]
        assert found[f"ordain-{name}-admitted"]["dependsOn"] == [{"name": f"ordain-{name}-shared"}]
        assert "dependsOn" not in found[f"ordain-{name}-shared"]
    assert all(each["wait"] and each["prune"] for each in found.values())
    assert {each["deletionPolicy"] for each in found.values()} == {"Orphan"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("live")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    for path, data in branch().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def kept(root: Path, ignore: str) -> set[str]:
    """The files that a source holds, by Git's own reading of its `ignore`."""
    (root / ".git/info/exclude").write_text(ignore)
    words = ["git", "-C", str(root), "ls-files", "--others", "--exclude-standard"]
    return set(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())


def test_every_object_belongs_to_exactly_one_step(clone: Path) -> None:
    """Two steps that hold one object would prune it from under each other."""
    sources = {
        each["metadata"]["name"]: kept(clone, each["spec"]["ignore"])
        for name, each in of("flux").items()
        if name.startswith("gitrepository-")
    }
    assert not any(path.startswith(("src", "models.yaml", "manifests/ledger")) for path in sources["ordain"])
    owners: dict[str, list[str]] = {}
    for name, spec in steps().items():
        top = spec["path"].removeprefix("./") + "/"
        for path in sources[spec["sourceRef"]["name"]]:
            if path.startswith(top) and not path.endswith("/kustomization.yaml"):
                owners.setdefault(path, []).append(name)
    expected = {path for name in ENVIRONMENTS for path in applied(name)}
    expected |= {f"manifests/flux/_shared/{name}.yaml" for name in of("flux") if name != "kustomization"}
    assert owners.keys() == expected
    assert {path: each for path, each in owners.items() if len(each) != 1} == {}


def test_flux_reads_the_live_branch_with_the_secret_that_is_named() -> None:
    for name, each in of("flux").items():
        if name.startswith("gitrepository-"):
            spec = each["spec"]
            assert (spec["url"], spec["ref"]) == (GITOPS.repository, {"branch": "live"})
            assert spec["secretRef"] == {"name": "models-reader"}


# --- identity ------------------------------------------------------------------------------------------


def with_gitops(instance: Instance, **changes: Any) -> dict[Target, Desired]:
    changed = replace(instance.models, gitops=replace(GITOPS, **changes))
    return desired(replace(instance, models=changed), TEMPLATES)


def test_nothing_is_followed_unless_it_is_asked_for() -> None:
    assert not any(target.environment in TOOLS for target in desired(example(), TEMPLATES))
    assert not with_gitops(fleet({}, {"staging": STAGING}))


def test_one_tools_settings_are_none_of_the_others_business() -> None:
    argocd, flux = (Target(environment=tool, model="_shared") for tool in TOOLS)
    first = with_gitops(example())
    second = with_gitops(example(), argocd=ArgoCd(namespace="gitops"))
    assert first[argocd].subject != second[argocd].subject
    assert {t: e.subject for t, e in first.items() if t != argocd} == {
        t: e.subject for t, e in second.items() if t != argocd
    }
    third = with_gitops(example(), flux=None)
    assert flux not in third
    assert third[argocd].subject == first[argocd].subject


def test_what_is_followed_depends_on_no_model() -> None:
    one = with_gitops(fleet({"churn": FORMS["rest"]}, {"staging": STAGING}))
    two = with_gitops(fleet({"churn": FORMS["edge"], "other": FORMS["batch"]}, {"staging": STAGING}))
    for tool in TOOLS:
        target = Target(environment=tool, model="_shared")
        assert one[target].subject == two[target].subject


def test_a_plan_names_the_setting_that_changed() -> None:
    before, after = (
        replace(example(), models=replace(example().models, gitops=each))
        for each in (GITOPS, replace(GITOPS, branch="other"))
    )
    (change,) = gitops_changes("flux", before, after)
    assert (change.key, change.before, change.after) == ("branch", "live", "other")
    assert gitops_changes("flux", example(), after) == ()
    assert gitops_changes("flux", before, example()) == ()
    without = replace(before, models=replace(before.models, gitops=replace(GITOPS, flux=None)))
    assert gitops_changes("flux", before, without) == gitops_changes("flux", without, after) == ()
