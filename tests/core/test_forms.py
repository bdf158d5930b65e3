"""Every form in which a model can run: its bytes, what its objects say to each other, what it never says."""

from __future__ import annotations

import ipaddress
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import cel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.adapters.resources import templates
from ordain.core.rendering import objects
from ordain.core.rendering.desired import desired
from ordain.core.rendering.objects import Wanted, rendered
from ordain.core.rendering.observed import DASHBOARD, dashboard, objectives
from ordain.core.rendering.render import render_model
from ordain.core.rendering.templating import parse
from ordain.core.rendering.workload import Unit
from ordain.core.specs import bounds
from ordain.core.specs.deployment import Batch, Deploy, Monitoring, Watch
from ordain.core.specs.identity import Target, deployment_slice, environment_settings, essence
from ordain.core.specs.parts import CIDR_PATTERN, GIT_URL_PATTERN, SCHEDULE_PATTERN
from ordain.core.specs.predictionlog import Compact
from tests.core.fleet import (
    ALARMS,
    BATCH,
    COMBINED,
    FORMS,
    IMAGE,
    JOBS,
    LOG,
    OTHER,
    PLAIN,
    PROMETHEUS,
    ROOT,
    SHARDED,
    SIDECAR,
    SPEC,
    STAGING,
    WATCH,
    WATCHED,
    forms,
    record,
)
from tests.core.test_admission import WORKLOADS, denied, parameters
from tests.core.test_render import compare
from tests.core.test_templating import NASTY

GOLDEN = Path(__file__).parent / "golden" / "forms"
TEMPLATES = templates()
text = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["Cs"]))


def unit(form: str, **changes: Any) -> Unit:
    spec = FORMS[form]
    made = Unit(
        target=Target(environment="staging", model=form), intent=OTHER, environment=WATCHED,
        owner=spec.owner, risk=spec.risk, deploy=spec.deploy, monitoring=spec.monitoring,
        release=record(form),
        appended=COMBINED if spec.deploy.model_delivery == "appended" else None,
        bounds=bounds.rendered_bounds(spec),
    )  # fmt: skip
    return replace(made, **changes)


def files(form: str, **changes: Any) -> dict[str, dict[str, Any]]:
    """The objects of a form by file name."""
    found = render_model(unit(form, **changes), TEMPLATES)
    return {path.rpartition("/")[2].removesuffix(".yaml"): parse(data) for path, data in found.items()}


def test_every_form_is_the_golden_one(
    golden: Callable[[Path, bytes], None], request: pytest.FixtureRequest
) -> None:
    found = {path: data for each in desired(forms(), TEMPLATES).values() for path, data in each.files.items()}
    if request.config.getoption("--update-golden"):
        shutil.rmtree(GOLDEN, ignore_errors=True)
    compare(golden, GOLDEN, found)


@pytest.mark.parametrize("form", FORMS)
def test_a_spec_gives_the_objects_of_its_form_and_no_others(form: str) -> None:
    monitors = {"servicemonitor", "prometheusrule", "configmap"}
    watch, compact = (
        {f"{work}-{kind}" for kind in ("cronjob", "networkpolicy", "serviceaccount")}
        for work in ("monitor", "compact")
    )
    pods = {"networkpolicy", "serviceaccount", "kustomization"}
    budget = "poddisruptionbudget"
    silent = {"deployment", "service", "horizontalpodautoscaler", budget, *monitors}
    served = silent | compact
    expected = {
        "rest": {*served, *watch},
        "labelled": {*served, *watch},
        "logged": {*served, *watch},
        "unlogged": silent,
        "appended": served,
        "canary": {"rollout", "analysistemplate", *served} - {"deployment"},
        "kserve": {"inferenceservice", budget, "podmonitor", "prometheusrule", "configmap", *compact},
        "edge": {"daemonset", "service", *monitors, *compact},
        "batch": {"cronjob", "prometheusrule"},
        "sharded": {"cronjob", "prometheusrule", *watch},
    }
    kind = "kserve" if form.startswith("knative") else form.removesuffix("-copied").removesuffix("-appended")
    assert files(form).keys() == expected[kind] | pods


def test_without_a_prometheus_nothing_is_scraped_and_nobody_but_callers_gets_in() -> None:
    watched, plain = files("rest"), files("rest", environment=STAGING)
    assert not {"servicemonitor", "prometheusrule", "configmap"} & plain.keys()

    def callers(found: dict[str, Any]) -> list[str]:
        (rule,) = found["networkpolicy"]["spec"]["ingress"]
        names: list[str] = rule["from"][0]["namespaceSelector"]["matchExpressions"][0]["values"]
        return names

    assert callers(plain) == ["gateway", "monitoring"]
    assert callers(watched) == ["gateway", "monitoring"]  # named once, though it scrapes too
    only = replace(WATCHED, allow_from=())
    assert callers(files("rest", environment=only)) == ["monitoring"]


def test_features_that_a_spec_does_not_use_are_in_no_identity() -> None:
    bare, spelt = deployment_slice(SPEC), deployment_slice(replace(SPEC, deploy=Deploy(mode="rest")))
    assert bare == spelt
    assert bare["deploy"] == {}
    assert bare["monitoring"] == {}
    assert essence(Deploy(edge=Deploy().edge)) == {}
    settings = environment_settings(STAGING)
    assert not {"prometheus", "sidecars"} & settings.keys()
    assert {"prometheus", "sidecars"} <= environment_settings(WATCHED).keys()


# --- batch ------------------------------------------------------------------------------------------


def test_a_batch_scores_by_the_command_and_the_artifact_that_everybody_else_uses() -> None:
    found = files("batch")["cronjob"]["spec"]
    pod = found["jobTemplate"]["spec"]["template"]["spec"]
    (worker,) = pod["containers"]
    assert worker["command"] == ["ordain", "score"]
    assert worker["args"] == ["models/batch", "file:///srv/data/in.parquet", "file:///srv/data/out.parquet"]
    variables = {each["name"]: each["value"] for each in worker["env"]}
    assert variables["ORDAIN_ARTIFACT"] == record("batch").artifact
    mounts = {each["name"]: each["mountPath"] for each in worker["volumeMounts"]}
    assert mounts == {"model": "/srv/models/batch", "tmp": "/tmp", "data": "/srv/data"}
    assert pod["restartPolicy"] == "Never"


def test_a_batch_scores_by_the_policy_and_keeps_the_columns_of_the_spec() -> None:
    batch = replace(BATCH, keep=("customer id", "region"))
    deploy = Deploy(mode="batch", batch=batch, invalid_input="accept")
    job = files("batch", deploy=deploy)["cronjob"]["spec"]["jobTemplate"]["spec"]
    (worker,) = job["template"]["spec"]["containers"]
    assert worker["args"][3:] == ["--invalid-input=accept", "--keep=customer id", "--keep=region"]


def test_a_batch_runs_only_once_a_change_to_run_it_was_approved() -> None:
    assert files("batch")["cronjob"]["spec"]["suspend"] is True
    assert files("sharded")["cronjob"]["spec"]["suspend"] is False


def test_a_batch_is_bounded_in_time_in_number_and_in_what_it_leaves() -> None:
    spec = files("batch")["cronjob"]["spec"]
    assert (spec["concurrencyPolicy"], spec["startingDeadlineSeconds"]) == ("Forbid", 600)
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (3, 3)
    job = spec["jobTemplate"]["spec"]
    assert (job["activeDeadlineSeconds"], job["backoffLimit"]) == (3600, 2)
    assert "completionMode" not in job
    other = files("sharded")["cronjob"]["spec"]
    assert (other["concurrencyPolicy"], other["timeZone"]) == ("Replace", "Europe/Paris")


def test_shards_are_an_indexed_job_whose_arguments_name_the_part() -> None:
    job = files("sharded")["cronjob"]["spec"]["jobTemplate"]["spec"]
    assert (job["completionMode"], job["completions"], job["parallelism"]) == ("Indexed", 8, 3)
    assert (job["backoffLimitPerIndex"], job["maxFailedIndexes"]) == (2, 0)
    assert "backoffLimit" not in job
    (worker,) = job["template"]["spec"]["containers"]
    # The kubelet replaces `$(NAME)` and writes `$$` as `$`: only the part's number is filled in.
    assert worker["args"][1:] == [
        "s3://in/part-$(ORDAIN_SHARD).parquet",
        "s3://out/$$(HOME)/part-$(ORDAIN_SHARD).parquet",
    ]
    shard = next(each for each in worker["env"] if each["name"] == "ORDAIN_SHARD")
    path = shard["valueFrom"]["fieldRef"]["fieldPath"]
    assert path == "metadata.annotations['batch.kubernetes.io/job-completion-index']"


@pytest.mark.parametrize(("asked", "given_"), [(None, 8), (3, 3), (99, 8)])
def test_never_more_parts_at_once_than_there_are(asked: int | None, given_: int) -> None:
    deploy = Deploy(mode="batch", batch=replace(SHARDED, parallelism=asked))
    job = files("sharded", deploy=deploy)["cronjob"]["spec"]["jobTemplate"]["spec"]
    assert job["parallelism"] == given_


def test_a_job_reaches_the_networks_that_are_named_and_nobody_reaches_it() -> None:
    closed, opened = files("batch")["networkpolicy"]["spec"], files("sharded")["networkpolicy"]["spec"]
    assert closed["ingress"] == opened["ingress"] == closed["egress"] == []
    assert closed["policyTypes"] == ["Ingress", "Egress"]
    names, networks = opened["egress"]
    assert {each["port"] for each in names["ports"]} == {53}
    assert networks["to"] == [{"ipBlock": {"cidr": each}} for each in SHARDED.allow_to]
    assert networks["ports"] == [{"protocol": "TCP", "port": 443}]


def test_credentials_are_files_of_a_secret_that_is_named_and_never_rendered() -> None:
    pod = files("sharded")["cronjob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (worker,) = pod["containers"]
    volume = next(each for each in pod["volumes"] if each["name"] == "credentials")
    assert volume["secret"]["secretName"] == "s3"
    assert volume["secret"]["defaultMode"] == 0o440
    mount = next(each for each in worker["volumeMounts"] if each["name"] == "credentials")
    assert mount["readOnly"] is True
    assert {"name": "FSSPEC_CONFIG_DIR", "value": mount["mountPath"]} in worker["env"]


# --- monitor, edge ------------------------------------------------------------------------------------


def test_a_monitor_reads_the_log_with_the_profile_that_travels_in_the_artifact() -> None:
    found = files("rest")
    job = found["monitor-cronjob"]
    (worker,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert worker["command"] == ["ordain", "monitor"]
    where = ["--artifact", "models/rest", "--log", "s3://logs/predictions"]
    assert worker["args"] == ["rest@staging", *where, "--exit-code"]
    names = {found[f"monitor-{kind}"]["metadata"]["name"] for kind in ("cronjob", "serviceaccount")}
    assert names == {"rest.monitor"}


def monitors(form: str, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A monitor's job, and its only container."""
    job = files(form, **changes)["monitor-cronjob"]["spec"]["jobTemplate"]["spec"]
    (worker,) = job["template"]["spec"]["containers"]
    return job, worker


def test_an_alarm_ends_a_monitor_at_once_with_an_error() -> None:
    job, worker = monitors("rest")
    assert "--exit-code" in worker["args"]
    (rule,) = job["podFailurePolicy"]["rules"]
    codes = {"containerName": "monitor", "operator": "In", "values": [2]}
    assert rule == {"action": "FailJob", "onExitCodes": codes}
    assert "podFailurePolicy" not in files("batch")["cronjob"]["spec"]["jobTemplate"]["spec"]


def test_a_monitor_is_told_where_labels_are_and_which_gates_judge_them() -> None:
    _, worker = monitors("labelled")
    said = dict(each.removeprefix("--").split("=", 1) for each in worker["args"] if "=" in each)
    assert said.keys() == {"labels", "label-id", "label-column", "label-delay", "gates"}
    assert said["labels"] == "s3://labels/$$(HOME).parquet"
    assert (said["label-id"], said["label-column"], said["label-delay"]) == ("prediction", "left", "720h")
    assert bounds.decode(said["gates"]) == bounds.bounds_of(FORMS["labelled"])
    assert not any("label" in each or "gates" in each for each in monitors("rest")[1]["args"])


def test_a_monitor_cuts_and_judges_as_the_spec_says() -> None:
    watch = replace(
        WATCH, window="6h", alarm="3/4", season="7d", horizon=200, level=1e-06, effect=0.2, fewest=20
    )
    _, worker = monitors("rest", monitoring=Monitoring(watch=watch))
    assert worker["args"][worker["args"].index("--exit-code") + 1 :] == [
        "--window=6h", "--alarm=3/4", "--season=7d", "--horizon=200", "--level=1e-06", "--effect=0.2",
        "--fewest=20",
    ]  # fmt: skip
    spelt = replace(WATCH, window="1d", alarm="2/3", level=0.05, effect=0.1, fewest=50)
    assert essence(spelt) == essence(WATCH)
    assert monitors("rest", monitoring=Monitoring(watch=spelt)) == monitors("rest")


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_a_monitor_tells_the_forge_with_a_token_that_is_in_no_manifest(
    forge: Literal["github", "gitlab"],
) -> None:
    environment = replace(WATCHED, alarms=replace(ALARMS, forge=forge))
    job, worker = monitors("rest", environment=environment)
    assert {"--tell=https://github.com/acme/models", f"--forge={forge}", "--branch=main"} <= set(
        worker["args"]
    )
    variables = {each["name"]: each["value"] for each in worker["env"]}
    assert variables[f"{forge.upper()}_TOKEN_FILE"] == "/srv/alarms/token"
    volumes = {each["name"]: each for each in job["template"]["spec"]["volumes"]}
    token = {"secretName": "ordain-alarms", "defaultMode": 288, "items": [{"key": "token", "path": "token"}]}
    assert volumes["alarms"]["secret"] == token
    found = files("rest", environment=environment)
    networks = found["monitor-networkpolicy"]["spec"]["egress"][1]["to"]
    assert [each["ipBlock"]["cidr"] for each in networks] == ["10.1.0.0/16", "10.9.0.0/16"]
    # Nobody else gets it, and without the setting nothing changes.
    assert "ordain-alarms" not in json.dumps(
        {name: each for name, each in found.items() if name != "monitor-cronjob"}
    )
    assert "alarms" not in json.dumps(monitors("rest")[0])


@pytest.mark.parametrize("form", ["rest", "sharded"])
def test_no_service_and_no_policy_of_the_model_takes_the_monitors_pods_for_its_own(form: str) -> None:
    found = files(form)
    template = found["monitor-cronjob"]["spec"]["jobTemplate"]["spec"]["template"]
    for kind in ("service", "networkpolicy", "poddisruptionbudget"):
        selector = found.get(kind, {}).get("spec", {})
        chosen = selector.get("podSelector", selector.get("selector", {}))
        chosen = chosen.get("matchLabels", chosen)
        assert not chosen or not chosen.items() <= template["metadata"]["labels"].items()


def test_jobs_run_in_an_image_of_their_own_which_the_cluster_admits() -> None:
    fleet = desired(forms(), TEMPLATES)
    for form in ("rest", "batch", "sharded", "batch-appended", "logged"):
        found = files(form)
        jobs = [each for each in found.values() if each["kind"] == "CronJob"]
        pods = [each["spec"]["jobTemplate"]["spec"]["template"]["spec"] for each in jobs]
        assert {pod["containers"][0]["image"] for pod in pods} == {JOBS}
        assert JOBS in fleet[Target(environment="staging", model=form)].images
    assert JOBS not in fleet[Target(environment="staging", model="unlogged")].images
    assert IMAGE not in fleet[Target(environment="staging", model="batch")].images
    before = replace(WATCHED, runtime=STAGING.runtime)  # a state from before there was a jobs image
    (worker,) = _pod(files("batch", environment=before)["cronjob"])["containers"]
    assert worker["image"] == IMAGE


def test_an_image_with_the_model_in_it_hands_the_model_to_the_job() -> None:
    pod = _pod(files("batch-appended")["cronjob"])
    (copy,) = pod["initContainers"]
    assert copy["image"].endswith(f"@{COMBINED}")
    assert copy["command"][:2] == ["/usr/bin/busybox", "cp"]
    assert copy["command"][2] == "/srv/models/batch-appended/model.onnx"
    (worker,) = pod["containers"]
    assert {"name": "model", "mountPath": "/srv/models/batch-appended", "readOnly": True} in worker[
        "volumeMounts"
    ]
    assert worker["resources"]["limits"]["ephemeral-storage"] == "68Mi"


def _pod(cronjob: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("form", ["logged", "canary", "kserve", "knative", "edge"])
def test_servers_log_to_where_the_environment_says_and_reach_nothing_else(form: str) -> None:
    found = files(form)
    (pod,) = [
        each for name, each in _pods(found).items() if name not in ("monitor-cronjob", "compact-cronjob")
    ]
    (server,) = pod["containers"]
    variables = {each["name"]: each for each in server["env"]}
    assert variables["ORDAIN_PREDICTION_LOG"]["value"] == f"s3://logs/$$(HOME)/{form}"
    assert variables["ORDAIN_LOG_SALT_FILE"]["value"] == "/srv/salt/salt"
    mounts = {each["name"]: each["mountPath"] for each in server["volumeMounts"]}
    assert (mounts["salt"], mounts["credentials"]) == ("/srv/salt", "/srv/credentials")
    assert variables["FSSPEC_CONFIG_DIR"]["value"] == "/srv/credentials"
    secrets = [each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each]
    assert secrets == ["logs", "salt"]
    assert not [each for each in pod["volumes"] if each["name"] == "log"]
    _, networks = found["networkpolicy"]["spec"]["egress"]
    assert networks == {
        "to": [{"ipBlock": {"cidr": "10.9.0.0/16"}}],
        "ports": [{"protocol": "TCP", "port": 443}],
    }


def _pods(found: dict[str, Any]) -> dict[str, Any]:
    """The pod of each workload by file."""
    pods = {}
    for name, each in found.items():
        if each["kind"] == "CronJob":
            pods[name] = _pod(each)
        elif each["kind"] == "InferenceService":
            pods[name] = each["spec"]["predictor"]
        elif each["kind"] in ("Deployment", "Rollout", "DaemonSet"):
            pods[name] = each["spec"]["template"]["spec"]
    return pods


def test_a_log_without_secrets_names_none_and_one_that_nobody_writes_opens_nothing() -> None:
    bare = replace(LOG, salt_secret=None, credentials=None, compact=None)
    found = files("logged", environment=replace(WATCHED, prediction_log=bare))
    assert "secret" not in json.dumps(found["deployment"]).lower().replace("pullsecrets", "")
    assert "compact-cronjob" not in found
    assert files("unlogged")["networkpolicy"]["spec"]["egress"] == []
    assert "compact-cronjob" not in files("batch")


def test_a_monitor_and_a_compaction_find_the_log_of_the_environment() -> None:
    found = files("logged")
    reached = [{"ipBlock": {"cidr": "10.9.0.0/16"}}]
    for work, words in {
        "monitor": [
            "logged@staging",
            "--artifact",
            "models/logged",
            "--log",
            "s3://logs/$$(HOME)/logged",
            "--exit-code",
        ],
        "compact": ["s3://logs/$$(HOME)/logged", "--keep-days=90"],
    }.items():
        pod = _pod(found[f"{work}-cronjob"])
        assert pod["containers"][0]["args"] == words
        assert [each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each] == ["logs"]
        assert found[f"{work}-networkpolicy"]["spec"]["egress"][1]["to"] == reached
    assert found["compact-cronjob"]["spec"]["concurrencyPolicy"] == "Forbid"
    whole = replace(WATCHED, prediction_log=replace(LOG, compact=Compact(schedule="1 1 * * *")))
    pod = _pod(files("logged", environment=whole)["compact-cronjob"])
    assert pod["containers"][0]["args"] == ["s3://logs/$$(HOME)/logged"]
    # A state that `check` refuses still renders: what was asked for, and no address.
    alone = replace(WATCHED, prediction_log=None)
    assert _pod(files("logged", environment=alone)["monitor-cronjob"])["containers"][0]["args"][-2] == ""


def test_an_edge_node_holds_its_own_copy_and_answers_with_it() -> None:
    found = files("edge")
    spec = found["daemonset"]["spec"]
    pod = spec["template"]["spec"]
    assert pod["nodeSelector"] == {"node-role.kubernetes.io/edge": ""}
    assert pod["tolerations"] == [{"key": "node-role.kubernetes.io/edge", "operator": "Exists"}]
    assert spec["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}
    assert found["service"]["spec"]["internalTrafficPolicy"] == "Local"
    assert "hostPort" not in json.dumps(found)


@pytest.mark.parametrize("form", ["edge", "edge-copied"])
def test_an_edge_node_starts_its_pods_again_without_any_registry(form: str) -> None:
    pod = files(form)["daemonset"]["spec"]["template"]["spec"]
    policies = {each["imagePullPolicy"] for each in [*pod["containers"], *pod.get("initContainers", [])]}
    policies |= {each["image"]["pullPolicy"] for each in pod["volumes"] if "image" in each}
    assert policies == {"IfNotPresent"}


# --- kserve, canary ------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["kserve", "kserve-copied", "knative", "knative-finished"])
def test_kserve_runs_the_approved_pod(form: str) -> None:
    """The same image, artifact, arguments and confinement as a Deployment of the same spec."""
    predictor = files(form)["inferenceservice"]["spec"]["predictor"]
    plain = replace(FORMS[form].deploy, platform="kubernetes", rollout="rolling")
    pod = files(form, deploy=plain)["deployment"]["spec"]["template"]
    (server,), (other,) = predictor["containers"], pod["spec"]["containers"]
    assert server["name"] == "kserve-container"
    for key in ("image", "command", "args", "env", "volumeMounts", "resources"):
        assert server[key] == other[key]
    assert predictor["volumes"] == pod["spec"]["volumes"]
    assert predictor.get("initContainers") == pod["spec"].get("initContainers")
    assert predictor["annotations"] == pod["metadata"]["annotations"]


def test_kserve_splits_traffic_on_knative_only() -> None:
    plain, split = files("kserve")["inferenceservice"], files("knative")["inferenceservice"]
    mode = "serving.kserve.io/deploymentMode"
    assert plain["metadata"]["annotations"][mode] == "Standard"
    assert "canaryTrafficPercent" not in plain["spec"]["predictor"]
    assert split["metadata"]["annotations"][mode] == "Knative"
    assert split["spec"]["predictor"]["canaryTrafficPercent"] == 20
    finished = files("knative-finished")["inferenceservice"]
    assert finished["spec"]["predictor"]["canaryTrafficPercent"] == 100
    (server,) = split["spec"]["predictor"]["containers"]
    # Knative refuses a service that says any of these.
    assert "lifecycle" not in server
    assert "privileged" not in server["securityContext"]
    assert "terminationGracePeriodSeconds" not in split["spec"]["predictor"]


def test_a_rollout_is_scaled_selected_and_measured() -> None:
    found = files("canary")
    rollout, scaler = found["rollout"], found["horizontalpodautoscaler"]
    assert scaler["spec"]["scaleTargetRef"] == {
        "apiVersion": rollout["apiVersion"], "kind": "Rollout", "name": "canary",
    }  # fmt: skip
    assert "replicas" not in rollout["spec"]
    assert found["service"]["spec"]["selector"] == rollout["spec"]["selector"]["matchLabels"]
    weight, pause, analysis = rollout["spec"]["strategy"]["canary"]["steps"]
    assert (weight["setWeight"], pause["pause"]["duration"]) == (10, "5m")
    (named,) = analysis["analysis"]["templates"]
    assert named["templateName"] == found["analysistemplate"]["metadata"]["name"]


def test_a_canary_without_answers_neither_passes_nor_fails() -> None:
    """The conditions as Argo Rollouts evaluates them, over what Prometheus may answer."""
    nan = float("nan")
    for metric in files("canary")["analysistemplate"]["spec"]["metrics"]:
        assert (metric["failureLimit"], metric["inconclusiveLimit"]) == (0, 0)
        assert f'intent="{OTHER}"' in metric["provider"]["prometheus"]["query"]

        def verdict(answer: list[float], metric: dict[str, Any] = metric) -> tuple[bool, bool]:
            def holds(condition: str) -> bool:
                written = condition.replace("len(result)", "size(result)")
                written = written.replace("!isNaN(result[0])", "result[0] == result[0]")
                return bool(cel.evaluate(written, {"result": answer}))

            return holds(metric["successCondition"]), holds(metric["failureCondition"])

        assert verdict([]) == verdict([nan]) == (False, False)
        assert verdict([0.0]) == (True, False)
        assert verdict([1.0]) == (False, True)


# --- all of them ----------------------------------------------------------------------------------------


def test_the_cluster_admits_every_form_by_what_its_decision_records() -> None:
    judged = 0
    for target, each in desired(forms(), TEMPLATES).items():
        for data in each.files.values():
            document = parse(data)
            if document["kind"] in WORKLOADS.values():
                assert denied(document, parameters(*each.images)) is None, target
                assert denied(document, parameters(SIDECAR)), target
                judged += 1
    assert judged == 37


def test_what_the_platform_puts_into_pods_is_admitted_with_its_environment() -> None:
    found = desired(forms(), TEMPLATES)
    assert found[Target(environment="staging", model="_shared")].images == (SIDECAR,)
    assert found[Target(environment="production", model="_shared")].images == ()
    assert found[Target(environment="argocd", model="_shared")].images == ()


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None, max_examples=15)
@given(word=text.filter(bool), url=text)
def test_no_text_of_any_form_adds_a_key_or_a_document(form: str, word: str, url: str) -> None:
    def shaped(word: str, url: str) -> dict[str, Any]:
        deploy, monitoring = FORMS[form].deploy, FORMS[form].monitoring
        if deploy.batch:
            deploy = replace(deploy, batch=replace(deploy.batch, input=url, claim=word, time_zone=word))
        if monitoring.watch and monitoring.watch.log:
            monitoring = replace(
                monitoring, watch=replace(monitoring.watch, log=f"s:{url}", credentials=word)
            )
        edge = replace(deploy.edge, node_labels={"a": word}, tolerate=(word,))
        prometheus = replace(PROMETHEUS, address=url, labels={"release": word})
        log = replace(LOG, url=url, salt_secret=word, credentials=word)
        alarms = replace(ALARMS, repository=url, secret=word, branch=word)
        environment = replace(WATCHED, prometheus=prometheus, prediction_log=log, alarms=alarms)
        changes = {"deploy": replace(deploy, edge=edge), "monitoring": monitoring, "owner": word}
        return files(form, environment=environment, **changes)

    def shape(tree: Any) -> Any:
        if isinstance(tree, dict):
            return {key: shape(value) for key, value in tree.items()}
        return [shape(each) for each in tree] if isinstance(tree, list) else type(tree)

    assert shape(shaped(word, url)) == shape(shaped("plain", "s3://plain"))


# --- the builder ------------------------------------------------------------------------------------------


def test_two_objects_never_share_a_file() -> None:
    twice = Wanted(file="a", template="rest/serviceaccount", name="rest")
    values = {"model": "rest", "namespace": "x", "labels": {}}
    with pytest.raises(ValueError, match="two files of one name"):
        rendered("x/y", (twice, twice), values, TEMPLATES)
    listing = replace(twice, file="kustomization")
    with pytest.raises(ValueError, match="two files of one name"):
        rendered("x/y", (listing,), values, TEMPLATES)


def test_a_template_stands_in_another_at_its_column() -> None:
    sources = {"a/a.yaml.j2": 'a:\n  {% include "b/b.yaml.j2" %}\nc: 1\n', "b/b.yaml.j2": "x:\n  y: 2\n"}
    assert objects.expanded("a/a.yaml.j2", sources) == "a:\n  x:\n    y: 2\nc: 1\n"


# --- words that are accepted ---------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.from_regex(GIT_URL_PATTERN))
def test_no_accepted_repository_is_an_option_a_helper_or_holds_a_password(url: str) -> None:
    assert url.startswith(("https://", "ssh://"))
    assert "::" not in url
    assert not any(character in url for character in " \n\t'\"`$\\#?")
    authority = url.partition("://")[2].partition("/")[0]
    assert "@" not in authority or (url.startswith("ssh://") and ":" not in authority.partition("@")[0])


@settings(max_examples=100, deadline=None)
@given(st.from_regex(CIDR_PATTERN))
def test_every_accepted_network_is_one(network: str) -> None:
    assert ipaddress.ip_network(network, strict=False)


@settings(max_examples=100, deadline=None)
@given(st.from_regex(SCHEDULE_PATTERN))
def test_every_accepted_schedule_has_five_fields(schedule: str) -> None:
    assert len(schedule.split(" ")) == 5


# --- the dashboard ----------------------------------------------------------------------------------------


def test_the_dashboard_is_what_grafanas_own_builders_make() -> None:
    script = ROOT / "scripts" / "dashboard.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == TEMPLATES[DASHBOARD], f"python {script} > src/ordain/templates/{DASHBOARD}"


def test_a_models_dashboard_asks_about_that_model_and_nothing_else() -> None:
    of = objectives(unit("rest"))
    found = json.loads(dashboard(of, TEMPLATES[DASHBOARD]))
    constants = {each["name"]: each["query"] for each in found["templating"]["list"]}
    assert constants["namespace"] == "ml-staging"
    assert constants["model"] == "rest"
    assert constants["objective"] == "0.05"
    assert len(found["uid"]) == 40
    other = json.loads(dashboard(replace(of, namespace="other"), TEMPLATES[DASHBOARD]))
    assert other["uid"] != found["uid"]
    queries = [target["expr"] for panel in found["panels"] for target in panel["targets"]]
    assert len(queries) > 15
    assert all('namespace="$namespace"' in each or each == "vector($objective)" for each in queries)


def test_a_batch_that_nobody_watches_has_alerts_for_its_runs_and_no_dashboard() -> None:
    alone = Monitoring(watch=None)
    found = files("batch", monitoring=alone)
    (group,) = found["prometheusrule"]["spec"]["groups"]
    assert [each["alert"] for each in group["rules"]] == ["OrdainJobFailed", "OrdainJobLate"]
    assert "configmap" not in found


def test_a_bare_batch_or_watch_says_what_it_needs() -> None:
    with pytest.raises(TypeError):
        Batch(schedule="* * * * *")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Watch()  # type: ignore[call-arg]
    assert files("rest", environment=PLAIN)["networkpolicy"]["spec"]["ingress"] == []
