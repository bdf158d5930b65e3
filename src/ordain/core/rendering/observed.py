"""What Prometheus and Grafana are told about one model: what to scrape, which rules, which dashboard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ordain.core.canonical import digest
from ordain.core.rendering.canary import canary_measurements
from ordain.core.rendering.jobs import jobs
from ordain.core.rendering.objectives import Objectives, job_alerts, latency_bound, server_groups
from ordain.core.rendering.objects import Wanted, by_kind
from ordain.core.rendering.prometheus import Group
from ordain.core.rendering.workload import Unit, pod_selector, unit_labels

# Made by `scripts/dashboard` with Grafana's own builders; what differs by model is filled in here.
DASHBOARD = "observe/server.dashboard.json"
# How long an approved change may take to be everywhere, beside a canary's pause.
SETTLING_MINUTES = 30


def observed(unit: Unit) -> tuple[Wanted, ...]:
    """The objects that watch a model; none where the environment names no Prometheus."""
    model = unit.target.model
    if unit.environment.prometheus is None or not rule_groups(unit):
        return ()
    rules = by_kind("observe/prometheusrule", model)
    if unit.form == "batch":
        return (rules,)
    monitor = by_kind(f"observe/{'podmonitor' if unit.form == 'kserve' else 'servicemonitor'}", model)
    return (monitor, rules, by_kind("observe/configmap", dashboard_name(model)))


def dashboard_name(model: str) -> str:
    """The name of the ConfigMap that holds a model's dashboard."""
    return f"{model}.dashboard"


def objectives(unit: Unit) -> Objectives:
    """What the rules of a model are made from."""
    pause = unit.deploy.canary.pause_minutes if unit.deploy.rollout == "canary" else 0
    return Objectives(
        namespace=unit.environment.namespace,
        model=unit.target.model,
        environment=unit.target.environment,
        owner=unit.owner,
        intent=unit.intent,
        availability=unit.monitoring.availability_objective,
        latency_ms=unit.monitoring.latency_objective_ms,
        logged=unit.monitoring.prediction_log,
        settling_minutes=SETTLING_MINUTES + pause,
    )


def rule_groups(unit: Unit) -> tuple[Group, ...]:
    """Every rule of a model: of its server, and of its jobs."""
    of = objectives(unit)
    servers = server_groups(of) if unit.form != "batch" else ()
    late = [each for job in jobs(unit) for each in job_alerts(of, job.name, job.start_deadline_seconds)]
    name = f"ordain.{of.environment}.{of.model}.jobs"
    return (*servers, *((Group(name=name, alerts=tuple(late)),) if late else ()))


def observed_values(unit: Unit, templates: Mapping[str, str]) -> dict[str, object]:
    """What the templates that watch a model, or try it as a canary, may name."""
    prometheus = unit.environment.prometheus
    if prometheus is None:
        return {}
    of = objectives(unit)
    canary = {"warm_up": "5m", "address": prometheus.address, "metrics": canary_measurements(of)}
    # What the operator looks for comes first: a label of Ordain's own can't be replaced.
    labels = {**prometheus.labels, **pod_selector(unit.target.model, "server"), **unit_labels(unit)}
    return {
        "watch_labels": labels,
        "rule_groups": rule_groups(unit),
        "dashboard_name": dashboard_name(unit.target.model),
        "dashboard": {f"{of.namespace}-{of.model}.json": dashboard(of, templates[DASHBOARD])},
        "canary": canary,
    }


def dashboard(of: Objectives, source: str) -> str:
    """A model's dashboard as JSON.

    Args:
        source: the dashboard that all models share; its constants are replaced by name.
    """
    document: dict[str, Any] = json.loads(source)
    document["title"] = f"Ordain / {of.environment} / {of.model}"
    # Grafana takes 40 characters; two models of one name in different namespaces are two dashboards.
    document["uid"] = _uid(of)
    constants = {
        "namespace": of.namespace,
        "model": of.model,
        "objective": str(latency_bound(of.latency_ms)),
    }
    for each in document["templating"]["list"]:
        if each["name"] in constants:
            each["query"] = constants[each["name"]]
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _uid(of: Objectives) -> str:
    return digest("dashboard/v1", {"namespace": of.namespace, "model": of.model}).removeprefix("sha256:")[:40]
