"""What Prometheus scrapes, in its client's own types, built from plain counts when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from ordain.runtime.model import Identity
from ordain.runtime.predictionlog import LogStats
from ordain.runtime.stats import Histogram, ModelStats, ServerStats

if TYPE_CHECKING:
    from prometheus_client.metrics_core import HistogramMetricFamily, Metric

LABELS = ("model", "version")


class Counted(NamedTuple):
    """Everything that is counted, while it is being counted."""

    models: list[tuple[Identity, ModelStats]]
    server: ServerStats
    log: LogStats


def renderer(counted: Counted) -> Callable[[str], tuple[bytes, str]]:
    """A function from an Accept header to a body and its content type."""
    from prometheus_client import CollectorRegistry, ProcessCollector
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry()
    registry.register(Collector(counted))
    ProcessCollector(registry=registry)

    def render(accept: str) -> tuple[bytes, str]:
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type

    return render


class Collector:
    """Turns counts into metric families, the way `prometheus_client` asks a collector to."""

    def __init__(self, counted: Counted) -> None:
        self._counted = counted

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are only known with the models."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every family, now."""
        from prometheus_client.metrics_core import CounterMetricFamily as Counter

        yield self._info()
        yield from self._histograms()
        requests = Counter(
            "ordain_requests", "Scoring requests by status code.", labels=(*LABELS, "endpoint", "code")
        )
        rows = Counter("ordain_rows", "Rows scored.", labels=LABELS)
        labels = Counter("ordain_predictions", "Rows by predicted class.", labels=(*LABELS, "label"))
        violations = Counter(
            "ordain_input_violations",
            "Values outside the input contract, rejected or accepted.",
            labels=(*LABELS, "column", "kind", "action"),
        )
        for identity, stats in self._counted.models:
            whose = (identity.name, identity.version)
            rows.add_metric(whose, stats.rows)
            for (endpoint, code), count in list(stats.requests.items()):
                requests.add_metric((*whose, endpoint, str(code)), count)
            for label, count in list(stats.labels.items()):
                labels.add_metric((*whose, label), count)
            for what, count in list(stats.violations.items()):
                violations.add_metric((*whose, *what), count)
        yield from (requests, rows, labels, violations)
        yield from self._server()

    def _server(self) -> Iterator[Metric]:
        """What belongs to the process, whatever its models."""
        from prometheus_client.metrics_core import CounterMetricFamily as Counter
        from prometheus_client.metrics_core import GaugeMetricFamily as Gauge

        answers = Counter("ordain_http_requests", "HTTP requests of any kind.", labels=("code",))
        for status, count in list(self._counted.server.requests.items()):
            answers.add_metric((str(status),), count)
        ended = Counter("ordain_connections_ended", "Connections that the server ended.", labels=("reason",))
        for reason, count in list(self._counted.server.ended.items()):
            ended.add_metric((reason,), count)
        yield from (answers, ended)
        busy = self._counted.server.in_flight
        yield Gauge("ordain_requests_in_flight", "HTTP requests being answered.", value=busy)
        log = self._counted.log
        yield Counter("ordain_log_records", "Prediction log records written.", value=log.written)
        yield Counter("ordain_log_dropped", "Prediction log records dropped.", value=log.dropped)
        yield Counter(
            "ordain_log_files_removed", "Prediction log files removed to make room.", value=log.removed
        )

    def _info(self) -> Metric:
        from prometheus_client.metrics_core import GaugeMetricFamily as Gauge

        names = (*LABELS, "intent", "release", "artifact", "environment")
        info = Gauge("ordain_model_info", "What is served; always 1.", labels=names)
        for each, _ in self._counted.models:
            values = (each.name, each.version, each.intent, each.release, each.artifact, each.environment)
            info.add_metric(values, 1)
        return info

    def _histograms(self) -> Iterator[Metric]:
        from prometheus_client.metrics_core import HistogramMetricFamily

        latency = HistogramMetricFamily(
            "ordain_request_duration_seconds",
            "From a whole request received to its answer handed over.",
            labels=(*LABELS, "endpoint"),
        )
        batches = HistogramMetricFamily("ordain_run_rows", "Rows scored in one run.", labels=LABELS)
        for identity, stats in self._counted.models:
            whose = (identity.name, identity.version)
            for endpoint, histogram in stats.latency.items():
                _add(latency, (*whose, endpoint), histogram)
            _add(batches, whose, stats.batches)
        yield from (latency, batches)


def _add(family: HistogramMetricFamily, labels: tuple[str, ...], histogram: Histogram) -> None:
    bounds = [*map(str, histogram.bounds), "+Inf"]
    counts = [float(each) for each in accumulate(histogram.counts)]
    family.add_metric(labels, list(zip(bounds, counts, strict=True)), histogram.total)
