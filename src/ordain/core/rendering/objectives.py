"""Prometheus rules that follow from a spec: error budgets, burn rates, and whether what runs was approved.

The alerts are multi-window, multi-burn-rate (Google, Site Reliability Workbook, chapter 5): a fast burn
pages, a slow one makes a ticket, and each needs a long window for significance and a short one to clear.
Every number in a query is written from decimals, so no binary fraction reaches a manifest.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal

from ordain.core.rendering.prometheus import Alert, Group, Record, matchers
from ordain.core.value import Value

# The buckets of `ordain_request_duration_seconds`, in seconds; a test compares them with the server's.
LATENCY_BOUNDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
# The share of answers that must be within the latency objective.
LATENCY_SHARE = Decimal("0.99")
# Fewer errors than this in the long window are no evidence, whatever share they are.
FEWEST_ERRORS = 5
_HALF = Decimal("0.5")
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
# The label that the operator gives to what it scrapes from pods of `app.kubernetes.io/name`.
POD_LABEL = "app_kubernetes_io_name"


class Burn(Value, frozen=True, kw_only=True):
    """One pair of windows: how fast the budget of 30 days must burn, for how long, and who is told."""

    factor: Decimal
    long: str
    short: str
    hold: str
    severity: str


BURNS = (
    Burn(factor=Decimal("14.4"), long="1h", short="5m", hold="2m", severity="page"),
    Burn(factor=Decimal(6), long="6h", short="30m", hold="15m", severity="page"),
    Burn(factor=Decimal(3), long="1d", short="2h", hold="1h", severity="ticket"),
    Burn(factor=Decimal(1), long="3d", short="6h", hold="3h", severity="ticket"),
)


class Objectives(Value, frozen=True, kw_only=True):
    """What the rules of one model are made from.

    Attributes:
        namespace, model, environment, owner: where it runs and who is told.
        intent: digest of what may run there.
        availability: share of requests that must be answered, in (0, 1).
        latency_ms: within how many milliseconds `LATENCY_SHARE` of answers must come.
        logged: whether predictions are logged.
        settling_minutes: how long an approved change may take to be everywhere.
    """

    namespace: str
    model: str
    environment: str
    owner: str
    intent: str
    availability: float
    latency_ms: float
    logged: bool
    settling_minutes: int

    @property
    def labels(self) -> dict[str, str]:
        """What every series and alert of the model carries."""
        return {"namespace": self.namespace, "model": self.model}

    @property
    def series(self) -> str:
        """Matchers of the model's own series."""
        return matchers(self.labels)

    @property
    def pods(self) -> str:
        """Matchers of the series that its pods keep for the whole server."""
        return matchers({"namespace": self.namespace, POD_LABEL: self.model})


def latency_bound(milliseconds: float) -> float:
    """The bucket that stands for an objective: the first at or above it, in seconds.

    A spec's objective ends at the last; one beyond it, from before that was so, is watched as the last.
    """
    return next((each for each in LATENCY_BOUNDS if each * 1000 >= milliseconds), LATENCY_BOUNDS[-1])


def decimal(value: float) -> Decimal:
    """A number as it was written in YAML."""
    return Decimal(repr(value))


def shown(value: Decimal) -> str:
    """A number for a query: no exponent, no trailing zeros."""
    return f"{value.normalize():f}"


def server_groups(of: Objectives) -> tuple[Group, ...]:
    """The rules for a model that answers requests."""
    name = f"ordain.{of.environment}.{of.model}"
    records = [each for window in WINDOWS for each in _records(of, window)]
    errors_budget = 1 - decimal(of.availability)
    bound = latency_bound(of.latency_ms)
    alerts = [*_errors(of, errors_budget), *_latency(of, 1 - LATENCY_SHARE, bound), *_state(of)]
    return (
        Group(name=f"{name}.records", records=tuple(records)),
        Group(name=f"{name}.alerts", alerts=tuple(alerts)),
    )


class Counters(Value, frozen=True, kw_only=True):
    """Selectors of the counters that the objectives are measured by."""

    failed: str
    asked: str
    within: str
    answered: str


def counters(of: Objectives) -> Counters:
    """The counters of one model: failures, requests, answers within the objective, and all answers.

    What fails is among the requests too, so that total failure is a share of a half, or of all where nothing
    was counted. Objectives that allow so much leave failures out of the requests; to others it makes little
    difference, and theirs stay as they were approved.
    """
    seconds, bound = "ordain_request_duration_seconds", latency_bound(of.latency_ms)
    loose = (1 - decimal(of.availability)) * BURNS[0].factor >= _HALF
    others = ',code!~"5.."' if loose else ""
    return Counters(
        failed=f'ordain_http_requests_total{{{of.pods},code=~"5.."}}',
        asked=f"ordain_requests_total{{{of.series}{others}}}",
        within=f'{seconds}_bucket{{{of.series},le="{bound}"}}',
        answered=f"{seconds}_count{{{of.series}}}",
    )


def error_share(of: Objectives, window: str, among: str = "") -> str:
    """The share of requests that fail.

    Args:
        among: what each rate is multiplied with, such as ` * on(pod) …`, to count some pods only.
    """
    found = counters(of)
    failed = f"(sum(rate({found.failed}[{window}]){among}) or vector(0))"
    # A server that only ever fails has counted no request.
    asked = f"(sum(rate({found.asked}[{window}]){among}) or vector(0))"
    return f"{failed} / ({asked} + {failed})"


def slow_share(of: Objectives, window: str, among: str = "") -> str:
    """The share of answers over the latency objective; `among` as in `error_share`."""
    found = counters(of)
    within, answered = (f"sum(rate({each}[{window}]){among})" for each in (found.within, found.answered))
    return f"1 - {within} / {answered}"


def _records(of: Objectives, window: str) -> tuple[Record, ...]:
    found = counters(of)
    within, answered = (f"sum(increase({each}[{window}]))" for each in (found.within, found.answered))
    rules = {
        "errors:ratio_rate": error_share(of, window),
        "errors:increase": f"sum(increase({found.failed}[{window}])) or vector(0)",
        "slow:ratio_rate": slow_share(of, window),
        "slow:increase": f"{answered} - {within}",
    }
    return tuple(
        Record(record=f"ordain:{what}{window}", expr=expr, labels=of.labels) for what, expr in rules.items()
    )


def _errors(of: Objectives, budget: Decimal) -> list[Alert]:
    said = f"of the requests to {of.model} in {of.environment} fail; the objective allows {shown(budget)}."
    return _burning(of, "errors", budget, ("OrdainErrorBudgetBurn", "failing requests", said))


def _latency(of: Objectives, budget: Decimal, bound: float) -> list[Alert]:
    said = f"of the answers of {of.model} in {of.environment} take longer than {bound} s."
    return _burning(of, "slow", budget, ("OrdainLatencyBudgetBurn", "slow answers", said))


def _burning(of: Objectives, what: str, budget: Decimal, words: tuple[str, str, str]) -> list[Alert]:
    """An alert for each pair of windows whose threshold is a share that can be exceeded."""
    alert, summary, said = words
    found = []
    for burn in BURNS:
        limit = budget * burn.factor
        if limit >= 1:
            continue
        ratio = f"ordain:{what}:ratio_rate"
        expr = " and ".join(
            f"{ratio}{window}{{{of.series}}} > {shown(limit)}" for window in (burn.long, burn.short)
        )
        expr += f" and ordain:{what}:increase{burn.long}{{{of.series}}} >= {FEWEST_ERRORS}"
        found.append(
            Alert(
                alert=alert,
                expr=expr,
                hold=burn.hold,
                labels={**_told(of, burn.severity), "long": burn.long, "short": burn.short},
                summary=f"{of.model} in {of.environment}: {summary} burn the budget",
                description=f"{{{{ $value | humanizePercentage }}}} {said}",
            )
        )
    return found


def _told(of: Objectives, severity: str) -> dict[str, str]:
    return {**of.labels, "environment": of.environment, "owner": of.owner, "severity": severity}


def _state(of: Objectives) -> list[Alert]:
    """Whether the model is there, is the approved one, is asked what it was made for, and is logged."""
    where, info = f"{of.model} in {of.environment}", f"ordain_model_info{{{of.series}"
    violations = f"sum(increase(ordain_input_violations_total{{{of.series}}}[1h]))"
    rows = f"sum(increase(ordain_rows_total{{{of.series}}}[1h]))"
    found = [
        Alert(
            alert="OrdainModelAbsent",
            expr=f"absent({info}}})",
            hold="5m",
            labels=_told(of, "page"),
            summary=f"{where}: no pod serves it",
            description="No pod that is scraped says that it serves this model.",
        ),
        Alert(
            alert="OrdainUnapprovedModel",
            expr=f"count({info},intent!={json.dumps(of.intent)}}}) > 0",
            hold=f"{of.settling_minutes}m",
            labels=_told(of, "page"),
            summary=f"{where}: pods serve what is not approved",
            description="{{ $value }} pods carry another intent than was approved; ask `ordain why`.",
        ),
        Alert(
            alert="OrdainInputOutsideContract",
            expr=f"{violations} > 0.05 * ({rows} + {violations})",
            hold="1h",
            labels=_told(of, "ticket"),
            summary=f"{where}: inputs break the contract",
            description="More than one value in twenty rows of the last hour is outside the input contract.",
        ),
    ]
    dropped = Alert(
        alert="OrdainPredictionLogDropped",
        expr=f"sum(increase(ordain_log_dropped_total{{{of.pods}}}[15m])) > 0",
        hold="5m",
        labels=_told(of, "ticket"),
        summary=f"{where}: predictions are not logged",
        description="{{ $value }} records were dropped; drift and performance are judged on what is left.",
    )
    return [*found, dropped] if of.logged else found


def job_alerts(of: Objectives, name: str, start_deadline_seconds: int) -> tuple[Alert, ...]:
    """Alerts for work on a schedule, from kube-state-metrics.

    Args:
        name: of the CronJob. start_deadline_seconds: after which a run is late.
    """
    jobs = f"namespace={json.dumps(of.namespace)},job_name=~{json.dumps(re.escape(name) + '-[0-9]+')}"
    cronjob = matchers({"namespace": of.namespace, "cronjob": name})
    failed = f'kube_job_failed{{{jobs},condition="true"}} == 1'
    started = f"kube_job_status_start_time{{{jobs}}}"
    where = f"{name} in {of.environment}"
    return (
        Alert(
            alert="OrdainJobFailed",
            expr=f"max({started} * on(namespace, job_name) group_left() ({failed}))"
            f" > (max(kube_cronjob_status_last_successful_time{{{cronjob}}}) or vector(0))",
            hold="1m",
            labels={**_told(of, "ticket"), "cronjob": name},
            summary=f"{where}: the newest run failed",
            description="No run has succeeded since the one that failed.",
        ),
        Alert(
            alert="OrdainJobLate",
            expr=f"time() - max(kube_cronjob_next_schedule_time{{{cronjob}}}) > {start_deadline_seconds}",
            hold="5m",
            labels={**_told(of, "ticket"), "cronjob": name},
            summary=f"{where}: a run that was due did not start",
            description="It is {{ $value | humanizeDuration }} late.",
        ),
    )
