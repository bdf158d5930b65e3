"""Prometheus rules: what they say, that Prometheus takes them, and when they fire and stop.

Prometheus' own `promtool` evaluates them over made-up series.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ordain.core.rendering.objectives import (
    LATENCY_BOUNDS,
    decimal,
    job_alerts,
    latency_bound,
    server_groups,
    shown,
)
from ordain.core.rendering.observed import objectives
from ordain.core.specs.deployment import Monitoring
from ordain.runtime.stats import LATENCY
from tests.core.fleet import OTHER
from tests.core.test_forms import files, unit

PROMTOOL = shutil.which("promtool")
OF = objectives(unit("rest"))
POD = 'namespace="ml-staging",pod="rest-1",app_kubernetes_io_name="rest"'
MODEL = f'{POD},model="rest",version="1"'


def series(name: str, values: str, labels: str = MODEL) -> dict[str, str]:
    return {"series": f"{name}{{{labels}}}", "values": values}


def info(intent: str, values: str = "1x10000") -> dict[str, str]:
    return series("ordain_model_info", values, f'{MODEL},intent="{intent}"')


def traffic(total: str, failed: str = "0x10000") -> list[dict[str, str]]:
    """Requests and failures counted each minute, beside a server that is there and approved."""
    return [
        info(OTHER),
        series("ordain_requests_total", total, f'{MODEL},endpoint="infer",code="200"'),
        series("ordain_http_requests_total", failed, f'{POD},code="500"'),
    ]


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    groups = files("rest")["prometheusrule"]["spec"]["groups"]
    found: list[dict[str, Any]] = groups
    return found


def promtool(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    if PROMTOOL is None:
        absent = "promtool is not installed: Debian's package prometheus has it"
        if os.environ.get("CI") == "true":
            pytest.fail(absent)
        pytest.skip(absent)
    return subprocess.run([PROMTOOL, *words], cwd=folder, capture_output=True, text=True, check=False)


def selector(name: str) -> str:
    """Matchers for firing alerts of a name such as `OrdainJobLate` or `OrdainErrorBudgetBurn long="1h"`."""
    alert, _, more = name.partition(" ")
    return f'alertname="{alert}",alertstate="firing"' + (f",{more}" if more else "")


def firing(
    folder: Path,
    groups: list[dict[str, Any]],
    given_: list[dict[str, str]],
    at: dict[str, dict[str, int]],
    *,
    every: str = "1m",
) -> None:
    """Assert how many alerts fire at each time, in promtool's unit test; `selector` reads their names."""
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    # promtool compares whole alerts, so it is told which fire by counting Prometheus' own ALERTS.
    asked = [
        {
            "expr": f"count(ALERTS{{{selector(name)}}}) or vector(0)",
            "eval_time": time,
            "exp_samples": [{"labels": "{}", "value": count}],
        }
        for time, alerts in at.items()
        for name, count in alerts.items()
    ]
    test = {"interval": "1m", "input_series": given_, "promql_expr_test": asked}
    # Without an order promtool takes the groups as they come, now and then alerts before what they read.
    order = [group["name"] for group in groups]
    suite = {"rule_files": ["rules.yaml"], "evaluation_interval": every, "tests": [test]}
    suite["group_eval_order"] = order
    (folder / "test.yaml").write_text(yaml.safe_dump(suite))
    done = promtool(folder, "test", "rules", "test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_buckets_are_the_servers() -> None:
    assert LATENCY_BOUNDS == LATENCY


@pytest.mark.parametrize("form", ["rest", "edge", "kserve", "canary", "batch", "sharded"])
def test_prometheus_takes_every_rule(form: str, tmp_path: Path) -> None:
    groups = files(form)["prometheusrule"]["spec"]["groups"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    done = promtool(tmp_path, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_says_whose_it_is_and_what_to_do(rules: list[dict[str, Any]]) -> None:
    alerts = [rule for group in rules for rule in group["rules"] if "alert" in rule]
    assert len(alerts) == 16
    for each in alerts:
        assert each["labels"].keys() >= {"namespace", "model", "environment", "owner", "severity"}
        assert each["labels"]["severity"] in {"page", "ticket"}
        assert each["annotations"]["summary"]
        assert each["annotations"]["description"]


def test_a_fast_burn_pages_and_clears(rules: list[dict[str, Any]], tmp_path: Path) -> None:
    total, failed = "0+100x240", "0x60 0+10x60 600x120"
    firing(
        tmp_path, rules, traffic(total, failed),
        {
            "59m": {"OrdainErrorBudgetBurn": 0},
            "80m": {'OrdainErrorBudgetBurn long="1h"': 1},
            "100m": {'OrdainErrorBudgetBurn severity="page"': 2},
            "180m": {'OrdainErrorBudgetBurn severity="page"': 0},
        },
    )  # fmt: skip


def test_a_slow_burn_makes_a_ticket_and_no_page(rules: list[dict[str, Any]], tmp_path: Path) -> None:
    """Four in a thousand: four times the budget of 99.9 %."""
    firing(
        tmp_path, rules, traffic("0+1000x3000", "0+4x3000"),
        {
            "2900m": {
                'OrdainErrorBudgetBurn severity="page"': 0,
                'OrdainErrorBudgetBurn severity="ticket"': 2,
            }
        },
        every="10m",  # two days of looking each minute at three days would take promtool long
    )  # fmt: skip
    tickets = [r for g in rules for r in g["rules"] if r.get("alert") == "OrdainErrorBudgetBurn"]
    assert [each["labels"]["severity"] for each in tickets] == ["page", "page", "ticket", "ticket"]


def test_a_server_that_only_ever_fails_pages(rules: list[dict[str, Any]], tmp_path: Path) -> None:
    """It has counted no request at all, so only its failures are there."""
    failing = [info(OTHER), series("ordain_http_requests_total", "0+600x200", f'{POD},code="500"')]
    firing(tmp_path, rules, failing, {"190m": {'OrdainErrorBudgetBurn severity="page"': 2}})


def test_no_errors_and_a_handful_of_errors_are_no_alarm(rules: list[dict[str, Any]], tmp_path: Path) -> None:
    quiet = {"OrdainErrorBudgetBurn": 0, "OrdainModelAbsent": 0, "OrdainUnapprovedModel": 0}
    firing(tmp_path, rules, traffic("0+100x600"), {"500m": quiet})
    firing(tmp_path, rules, traffic("0+0.1x600", "0x300 0+1x2 3x300"), {"320m": quiet})


def test_nobody_asking_is_no_alarm(rules: list[dict[str, Any]], tmp_path: Path) -> None:
    firing(tmp_path, rules, traffic("0x600"), {"500m": {"OrdainErrorBudgetBurn": 0}})


def test_slow_answers_burn_their_own_budget(rules: list[dict[str, Any]], tmp_path: Path) -> None:
    name = "ordain_request_duration_seconds"
    slow = [
        info(OTHER),
        series(f"{name}_count", "0+100x300", f'{MODEL},endpoint="infer"'),
        series(f"{name}_bucket", "0+100x60 6000+50x240", f'{MODEL},endpoint="infer",le="0.05"'),
    ]
    firing(
        tmp_path, rules, slow,
        {
            "59m": {"OrdainLatencyBudgetBurn": 0},
            "150m": {'OrdainLatencyBudgetBurn severity="page"': 2},
        },
    )  # fmt: skip


def test_a_model_that_nobody_serves_pages_until_it_is_there(
    rules: list[dict[str, Any]], tmp_path: Path
) -> None:
    given_ = [info(OTHER, "_x20 1x100")]
    firing(
        tmp_path, rules, given_,
        {"10m": {"OrdainModelAbsent": 1}, "40m": {"OrdainModelAbsent": 0}},
    )  # fmt: skip


def test_what_was_not_approved_is_seen_where_it_runs(rules: list[dict[str, Any]], tmp_path: Path) -> None:
    other = "sha256:" + "00" * 32
    firing(
        tmp_path, rules, [info(OTHER), info(other, "_x10 1x40 _x100")],
        {
            "30m": {"OrdainUnapprovedModel": 0},  # a rollout may take as long
            "45m": {"OrdainUnapprovedModel": 1},
            "120m": {"OrdainUnapprovedModel": 0},
        },
    )  # fmt: skip


def test_a_log_that_drops_is_a_ticket(rules: list[dict[str, Any]], tmp_path: Path) -> None:
    dropped = series("ordain_log_dropped_total", "0x20 0+5x20 100x60", POD)
    firing(
        tmp_path, rules, [info(OTHER), dropped],
        {
            "19m": {"OrdainPredictionLogDropped": 0},
            "35m": {"OrdainPredictionLogDropped": 1},
            "90m": {"OrdainPredictionLogDropped": 0},
        },
    )  # fmt: skip


def test_inputs_outside_the_contract_are_a_ticket(rules: list[dict[str, Any]], tmp_path: Path) -> None:
    wrong = f'{MODEL},column="age",kind="type",action="rejected"'
    given_ = [
        info(OTHER),
        series("ordain_rows_total", "0+100x300"),
        series("ordain_input_violations_total", "0x60 0+20x240", wrong),
    ]
    firing(
        tmp_path, rules, given_,
        {"59m": {"OrdainInputOutsideContract": 0}, "200m": {"OrdainInputOutsideContract": 1}},
    )  # fmt: skip


def test_a_failed_run_is_a_ticket_until_one_succeeds(rules: list[dict[str, Any]], tmp_path: Path) -> None:
    job = 'namespace="ml-staging",job_name="rest.monitor-123"'
    cronjob = 'namespace="ml-staging",cronjob="rest.monitor"'
    other = 'namespace="ml-staging",job_name="restXmonitor-9"'
    given_ = [
        info(OTHER),
        series("kube_job_failed", "_x10 1x100", f'{job},condition="true"'),
        series("kube_job_status_start_time", "_x10 600x100", job),
        series("kube_cronjob_status_last_successful_time", "_x60 3600x50", cronjob),
        # A job of another model whose name starts alike is none of this one's.
        series("kube_job_failed", "1x110", f'{other},condition="true"'),
        series("kube_job_status_start_time", "1x110", other),
    ]
    firing(
        tmp_path, rules, given_,
        {"5m": {"OrdainJobFailed": 0}, "20m": {"OrdainJobFailed": 1}, "90m": {"OrdainJobFailed": 0}},
    )  # fmt: skip


def test_a_run_that_did_not_start_is_a_ticket(rules: list[dict[str, Any]], tmp_path: Path) -> None:
    cronjob = 'namespace="ml-staging",cronjob="rest.monitor"'
    due = series("kube_cronjob_next_schedule_time", "600x60 7200x60", cronjob)
    firing(
        tmp_path, rules, [info(OTHER), due],
        {"15m": {"OrdainJobLate": 0}, "30m": {"OrdainJobLate": 1}, "100m": {"OrdainJobLate": 0}},
    )  # fmt: skip


def test_a_threshold_that_no_share_can_exceed_is_left_out() -> None:
    lax = replace(OF, availability=0.9)
    alerts = [each for group in server_groups(lax) for each in group.alerts]
    burns = [each for each in alerts if each.alert == "OrdainErrorBudgetBurn"]
    assert [each.labels["long"] for each in burns] == ["6h", "1d", "3d"]


def test_without_a_log_there_is_no_alert_about_it() -> None:
    alerts = [each.alert for group in server_groups(replace(OF, logged=False)) for each in group.alerts]
    assert "OrdainPredictionLogDropped" not in alerts


def test_a_canarys_pause_is_no_unapproved_model() -> None:
    assert OF.settling_minutes == 30
    assert objectives(unit("canary")).settling_minutes == 40


@pytest.mark.parametrize(
    ("objective", "bound"), [(0.1, 0.00025), (50, 0.05), (50.1, 0.1), (5000, 5.0), (9000, 5.0)]
)
def test_an_objective_is_measured_by_the_first_bucket_that_holds_it(objective: float, bound: float) -> None:
    assert latency_bound(objective) == bound


def test_an_objective_that_no_bucket_could_hold_is_none() -> None:
    slowest = LATENCY_BOUNDS[-1] * 1000
    assert msgspec.convert({"latency_objective_ms": slowest}, Monitoring).latency_objective_ms == slowest
    for beyond in (slowest + 0.1, math.inf):
        with pytest.raises(msgspec.ValidationError, match="5000"):
            msgspec.convert({"latency_objective_ms": beyond}, Monitoring)


@given(st.floats(min_value=0.0001, max_value=0.9999))
def test_numbers_reach_a_query_as_they_were_written(value: float) -> None:
    assert Decimal(shown(decimal(value))) == Decimal(repr(value))
    assert "e" not in shown(decimal(value)).lower()


def test_a_jobs_name_is_no_pattern() -> None:
    failed, _ = job_alerts(OF, "a.b", 600)
    assert r"a\\.b-[0-9]+" in failed.expr
