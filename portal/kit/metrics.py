"""What this process counts, for Prometheus: jobs by kind and outcome, and how long they took.

Counters live in the process that does the work: the one server process that is its own worker, or `banso worker`, which
shows them on a port of its own. What stands in the database (how much waits, how much is dead) is asked for each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
    start_http_server,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

REGISTRY = CollectorRegistry(auto_describe=True)
_ended = Counter("banso_jobs", "Attempts of jobs that ended in this process", ["kind", "outcome"], registry=REGISTRY)
_seconds = Histogram("banso_job_seconds", "How long attempts took", ["kind"], registry=REGISTRY)
ProcessCollector(registry=REGISTRY)

TEXT = "text/plain; version=0.0.4; charset=utf-8"


def job_ended(kind: str, *, well: bool, seconds: float) -> None:
    """Count one attempt."""
    _ended.labels(kind, "done" if well else "failed").inc()
    _seconds.labels(kind).observe(seconds)


def serve(host: str, port: int) -> None:
    """Show what this process counts at `http://host:port/`, from a thread of its own."""
    start_http_server(port, host, registry=REGISTRY)


@dataclass(frozen=True)
class Gauge:
    """A figure that was looked up: its values by one label."""

    name: str
    says: str
    label: str
    values: Mapping[str, float]


def exposition(gauges: Sequence[Gauge]) -> bytes:
    """Everything, in Prometheus' text format."""
    looked_up = CollectorRegistry()
    looked_up.register(_LookedUp(gauges))
    return generate_latest(REGISTRY) + generate_latest(looked_up)


class _LookedUp(Collector):
    def __init__(self, gauges: Sequence[Gauge]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        for gauge in self._gauges:
            family = GaugeMetricFamily(gauge.name, gauge.says, labels=[gauge.label])
            for value, number in gauge.values.items():
                family.add_metric([value], number)
            yield family
