#!/usr/bin/env python3
"""Make the Grafana dashboard that all models share, with Grafana's own builders.

It is made here and committed, so that what a repository renders does not depend on which version of the
builders is installed where it is rendered. Usage: `python scripts/dashboard.py > FILE`; a test compares.
"""

from __future__ import annotations

import json
import sys

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
SERIES = 'namespace="$namespace",model="$model"'
PODS = 'namespace="$namespace",app_kubernetes_io_name="$model"'
SECONDS = "ordain_request_duration_seconds"
# Title, unit, and each query with its legend.
Panel = tuple[str, str, dict[str, str]]
PANELS: tuple[Panel, ...] = (
    (
        "Requests by status code",
        "reqps",
        {"{{code}}": f"sum by (code) (rate(ordain_requests_total{{{SERIES}}}[$__rate_interval]))"},
    ),
    (
        "Share of requests that fail",
        "percentunit",
        {w: f"ordain:errors:ratio_rate{w}{{{SERIES}}}" for w in ("5m", "1h", "6h", "3d")},
    ),
    (
        "Latency",
        "s",
        {
            f"p{100 * q:g}": f"histogram_quantile({q}, "
            f"sum by (le) (rate({SECONDS}_bucket{{{SERIES}}}[$__rate_interval])))"
            for q in (0.5, 0.95, 0.99)
        }
        | {"objective": "vector($objective)"},
    ),
    (
        "Share of answers over the latency objective",
        "percentunit",
        {w: f"ordain:slow:ratio_rate{w}{{{SERIES}}}" for w in ("5m", "1h", "6h", "3d")},
    ),
    (
        "Rows scored",
        "rowsps",
        {"version {{version}}": f"sum by (version) (rate(ordain_rows_total{{{SERIES}}}[$__rate_interval]))"},
    ),
    (
        "Predictions by class",
        "percentunit",
        {
            "{{label}}": f"sum by (label) (rate(ordain_predictions_total{{{SERIES}}}[$__rate_interval]))"
            f" / scalar(sum(rate(ordain_predictions_total{{{SERIES}}}[$__rate_interval])))"
        },
    ),
    (
        "Values outside the input contract",
        "short",
        {
            "{{column}}: {{kind}}, {{action}}": "sum by (column, kind, action) "
            f"(increase(ordain_input_violations_total{{{SERIES}}}[$__rate_interval]))"
        },
    ),
    (
        "Prediction log",
        "short",
        {
            "written": f"sum(increase(ordain_log_records_total{{{PODS}}}[$__rate_interval]))",
            "dropped": f"sum(increase(ordain_log_dropped_total{{{PODS}}}[$__rate_interval]))",
        },
    ),
    (
        "Requests in flight",
        "short",
        {"{{pod}}": f"sum by (pod) (ordain_requests_in_flight{{{PODS}}})"},
    ),
    (
        "Memory",
        "bytes",
        {"{{pod}}": f"sum by (pod) (process_resident_memory_bytes{{{PODS}}})"},
    ),
)


def query(expr: str, legend: str, ref: int) -> prometheus.Dataquery:
    """One query of a panel."""
    return prometheus.Dataquery().expr(expr).legend_format(legend).ref_id(chr(ord("A") + ref))


def chart(panel: Panel) -> timeseries.Panel:
    """One chart, half as wide as the page."""
    title, unit, queries = panel
    built = timeseries.Panel().title(title).unit(unit).datasource(SOURCE).span(12).height(8).min(0)
    for ref, (legend, expr) in enumerate(queries.items()):
        built = built.with_target(query(expr, legend, ref))
    return built


def passport() -> table.Panel:
    """Which release, intent and artifact run, and in how many pods."""
    expr = f"count by (release, intent, artifact, environment) (ordain_model_info{{{SERIES}}})"
    built = table.Panel().title("What runs").datasource(SOURCE).span(18).height(5)
    return built.with_target(query(expr, "", 0).instant().format("table"))


def alerts() -> stat.Panel:
    """How many alerts of the model fire."""
    expr = f'count(ALERTS{{{SERIES},alertstate="firing"}}) or vector(0)'
    built = stat.Panel().title("Alerts").datasource(SOURCE).span(6).height(5)
    return built.with_target(query(expr, "", 0).instant())


def shared() -> dashboard.Dashboard:
    """The dashboard; namespace, model and objective are constants that the renderer replaces."""
    built = (
        dashboard.Dashboard("Ordain")
        .uid("ordain")
        .tags(["ordain"])
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .readonly()
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    for name in ("namespace", "model", "objective"):
        hidden = dashboard.ConstantVariable(name).value(name)
        built = built.with_variable(hidden)
    built = built.with_panel(passport()).with_panel(alerts())
    for panel in PANELS:
        built = built.with_panel(chart(panel))
    return built


if __name__ == "__main__":
    text = json.dumps(shared().build(), cls=JSONEncoder, indent=1, sort_keys=True)
    sys.stdout.write(text + "\n")
