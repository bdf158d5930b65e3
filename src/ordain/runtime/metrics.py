"""What Prometheus scrapes, in its client's own types, built from plain counts when asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from ordain.runtime.model import Identity
from ordain.runtime.stats import Histogram, ModelStats, Tally
from ordain.runtime.workers.siblings import Siblings
from ordain.runtime.workers.wire import Others

if TYPE_CHECKING:
    from prometheus_client.metrics_core import HistogramMetricFamily, Metric

LABELS = ("model", "version")


class Counted(NamedTuple):
    """Everything that is counted, by one process or by several.

    Attributes:
        identities: of the models, in the order of the tally.
    """

    identities: Sequence[Identity]
    tally: Tally


class Scrape:
    """Answers Prometheus: from an Accept header to a body and its content type.

    Args:
        counted: by this process, while it is being counted.
        siblings: other processes that serve the same models; None without any.
    """

    def __init__(self, counted: Counted, siblings: Siblings | None = None) -> None:
        self._counted, self._siblings = counted, siblings

    async def __call__(self, accept: str) -> tuple[bytes, str]:
        """All counts, of all processes."""
        others = await self._siblings.others() if self._siblings else None
        # The first scrape imports the Prometheus client; a thread keeps that off the request path.
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self._rendered, accept, others)

    def _rendered(self, accept: str, others: Others | None) -> tuple[bytes, str]:
        from prometheus_client import CollectorRegistry, ProcessCollector
        from prometheus_client.exposition import choose_encoder

        counted, registry = self._counted, CollectorRegistry()
        if others is None:
            ProcessCollector(registry=registry)
        else:
            tally = Tally.of(len(counted.identities))
            for each in (counted.tally, others.tally):
                if each is not None:
                    tally.add(each)
            counted = counted._replace(tally=tally)
            registry.register(Processes(others))
        registry.register(Collector(counted))
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type


class Processes:
    """The `process_*` metrics of several processes: sums, the earliest start, the lowest limit."""

    def __init__(self, others: Others) -> None:
        self._others = others

    def describe(self) -> Iterable[Metric]:
        """Nothing: that would ask for the metrics."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every family, now; of a process that has just ended, nothing."""
        from prometheus_client import ProcessCollector

        families: dict[str, Metric] = {}
        values: dict[str, list[float]] = {"process_cpu_seconds": [self._others.seconds]}
        for pid in self._others.pids:
            for family in ProcessCollector(pid=partial(int, pid), registry=None).collect():
                families[family.name] = family
                values.setdefault(family.name, []).append(family.samples[0].value)
        for name, family in families.items():
            least = name in {"process_start_time_seconds", "process_max_fds"}
            value = min(values[name]) if least else sum(values[name])
            family.samples = [family.samples[0]._replace(value=value)]
            yield family


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
        for identity, stats in self._models():
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

    def _models(self) -> Iterator[tuple[Identity, ModelStats]]:
        return zip(self._counted.identities, self._counted.tally.models, strict=True)

    def _server(self) -> Iterator[Metric]:
        """What belongs to the process, whatever its models."""
        from prometheus_client.metrics_core import CounterMetricFamily as Counter
        from prometheus_client.metrics_core import GaugeMetricFamily as Gauge

        server, log = self._counted.tally.server, self._counted.tally.log
        answers = Counter("ordain_http_requests", "HTTP requests of any kind.", labels=("code",))
        for status, count in list(server.requests.items()):
            answers.add_metric((str(status),), count)
        ended = Counter("ordain_connections_ended", "Connections that the server ended.", labels=("reason",))
        for reason, count in list(server.ended.items()):
            ended.add_metric((reason,), count)
        yield from (answers, ended)
        yield Gauge("ordain_requests_in_flight", "HTTP requests being answered.", value=server.in_flight)
        yield Counter("ordain_log_records", "Prediction log records written.", value=log.written)
        yield Counter("ordain_log_dropped", "Prediction log records dropped.", value=log.dropped)
        yield Counter(
            "ordain_log_files_removed", "Prediction log files removed to make room.", value=log.removed
        )
        yield Counter("ordain_workers_ended", "Processes started anew.", value=server.workers_ended)
        yield Counter("ordain_traces_dropped", "Spans of traces dropped.", value=server.traces_dropped)

    def _info(self) -> Metric:
        from prometheus_client.metrics_core import GaugeMetricFamily as Gauge

        names = (*LABELS, "intent", "release", "artifact", "environment")
        info = Gauge("ordain_model_info", "What is served; always 1.", labels=names)
        for each in self._counted.identities:
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
        for identity, stats in self._models():
            whose = (identity.name, identity.version)
            for endpoint, histogram in stats.latency.items():
                _add(latency, (*whose, endpoint), histogram)
            _add(batches, whose, stats.batches)
        yield from (latency, batches)


def _add(family: HistogramMetricFamily, labels: tuple[str, ...], histogram: Histogram) -> None:
    bounds = [*map(str, histogram.bounds), "+Inf"]
    counts = [float(each) for each in accumulate(histogram.counts)]
    family.add_metric(labels, list(zip(bounds, counts, strict=True)), histogram.total)
