"""What a worker counts, and how Prometheus reads it.

The core adds to plain integers, which costs nanoseconds; names, labels and text come into being
only when somebody scrapes. Each `Metrics` has its own registry, so that several workers (and
tests) can live in one process.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, final

import attrs
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

SECONDS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
LONG_SECONDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)
SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
_MAX_LABELS: Final = 200
OTHER: Final = "other"


@final
@attrs.define(eq=False)
class Histogram:
    """How often which size was seen."""

    bounds: Sequence[float]
    counts: list[int] = attrs.field(init=False)
    total: float = attrs.field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Count *value*."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Return (upper bound, how many up to it), the last one without bound."""
        seen, buckets = 0, []
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            seen += count
            buckets.append(("+Inf" if bound == float("inf") else str(float(bound)), float(seen)))
        return buckets


@final
class LabelCounter(Counter[str]):
    """Counts by one label; beyond 200 different ones the rest is counted as ``other``."""

    def add(self, label: object, amount: int = 1) -> None:
        """Count *amount* under *label*."""
        name = str(label)
        self[name if name in self or len(self) < _MAX_LABELS else OTHER] += amount


def _seconds() -> Histogram:
    return Histogram(SECONDS)


def _long_seconds() -> Histogram:
    return Histogram(LONG_SECONDS)


def _sizes() -> Histogram:
    return Histogram(SIZES)


@final
@attrs.define(eq=False)
class Metrics:
    """The counters of one worker; add to them directly, or through the methods."""

    events_appended: int = 0
    events_committed: int = 0
    bytes_committed: int = 0
    commit_retries: int = 0
    frames_written: int = 0
    bytes_written: int = 0
    commands: LabelCounter = attrs.field(factory=LabelCounter)
    """By type."""
    closes: LabelCounter = attrs.field(factory=LabelCounter)
    """By close code."""
    resumes: LabelCounter = attrs.field(factory=LabelCounter)
    """By mode: resumed, snapshot, fresh."""
    runs: LabelCounter = attrs.field(factory=LabelCounter)
    """Ended, by status."""
    errors: LabelCounter = attrs.field(factory=LabelCounter)
    """Told to clients, by code."""
    rate_limited: LabelCounter = attrs.field(factory=LabelCounter)
    """By where: socket, http, messages."""
    auth_failures: LabelCounter = attrs.field(factory=LabelCounter)
    """By reason."""
    missing_events: LabelCounter = attrs.field(factory=LabelCounter)
    """Promised and not kept by completed runs, by event type."""
    http_requests: LabelCounter = attrs.field(factory=LabelCounter)
    """By status."""
    batch_events: Histogram = attrs.field(factory=_sizes)
    commit_s: Histogram = attrs.field(factory=_seconds)
    run_s: Histogram = attrs.field(factory=_long_seconds)
    tool_s: Histogram = attrs.field(factory=_long_seconds)
    http_s: Histogram = attrs.field(factory=_seconds)
    loop_lag_s: Histogram = attrs.field(factory=_seconds)
    gauges: dict[str, Callable[[], float | Mapping[str, float]]] = attrs.field(factory=dict)
    """Read at scrape: a number, or numbers by label. Keys: see `GAUGES`."""

    def committed(self, *, events: int, size_bytes: int, seconds: float) -> None:
        """Count one commit of the record."""
        self.events_committed += events
        self.bytes_committed += size_bytes
        self.batch_events.observe(events)
        self.commit_s.observe(seconds)

    def run_ended(self, status: str, seconds: float) -> None:
        """Count the terminal of one run."""
        self.runs.add(status)
        self.run_s.observe(seconds)

    def http_answered(self, status: int, seconds: float) -> None:
        """Count one HTTP answer."""
        self.http_requests.add(status)
        self.http_s.observe(seconds)


_COUNTERS: Final = {
    "events_appended": "Events appended to logs.",
    "events_committed": "Events that became durable.",
    "bytes_committed": "Bytes of events that became durable.",
    "commit_retries": "Commits that had to be tried again.",
    "frames_written": "Frames written to sockets.",
    "bytes_written": "Payload bytes written to sockets.",
}
_LABELLED: Final = {
    "commands": ("type", "Commands received."),
    "closes": ("code", "Sockets closed."),
    "resumes": ("mode", "Connections, by how they began."),
    "runs": ("status", "Runs that ended."),
    "errors": ("code", "Errors told to clients."),
    "rate_limited": ("where", "Commands refused by a rate limit."),
    "auth_failures": ("reason", "Credentials refused."),
    "missing_events": ("type", "Promised events that completed runs did not have."),
    "http_requests": ("status", "HTTP requests answered."),
}
_HISTOGRAMS: Final = {
    "batch_events": ("commit_batch_events", "Events of one commit."),
    "commit_s": ("commit_seconds", "Time of one commit."),
    "run_s": ("run_seconds", "Time of one run."),
    "tool_s": ("tool_seconds", "Time of one tool call."),
    "http_s": ("http_seconds", "Time of one HTTP answer."),
    "loop_lag_s": ("loop_lag_seconds", "How late the event loop wakes a task."),
}
GAUGES: Final = {
    "sessions": ("", "Sessions in memory."),
    "connections": ("state", "Connections."),
    "runs_active": ("", "Runs under way."),
    "mailbox_depth": ("", "Commands waiting in all mailboxes."),
    "uncommitted_bytes": ("", "Bytes appended and not yet durable."),
    "uptime_seconds": ("", "Time since the worker began."),
}
"""Names of gauges that the worker may set, with their label (or none) and meaning."""


@final
@attrs.frozen
class _Collector:
    _metrics: Metrics

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the registry need not collect at registration."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield every metric as it stands now."""
        for name, about in _COUNTERS.items():
            yield CounterMetricFamily(f"netra_{name}", about, value=getattr(self._metrics, name))
        for name, (label, about) in _LABELLED.items():
            counter = CounterMetricFamily(f"netra_{name}", about, labels=[label])
            for value, count in sorted(getattr(self._metrics, name).items()):
                counter.add_metric([value], count)
            yield counter
        for name, (title, about) in _HISTOGRAMS.items():
            histogram: Histogram = getattr(self._metrics, name)
            yield HistogramMetricFamily(
                f"netra_{title}", about, buckets=histogram.buckets(), sum_value=histogram.total
            )
        for name, read in self._metrics.gauges.items():
            yield _gauge(name, read())


def _gauge(name: str, value: float | Mapping[str, float]) -> Metric:
    label, about = GAUGES[name]
    if not isinstance(value, Mapping):
        return GaugeMetricFamily(f"netra_{name}", about, value=value)
    gauge = GaugeMetricFamily(f"netra_{name}", about, labels=[label])
    for text, number in value.items():
        gauge.add_metric([text], number)
    return gauge


def render(metrics: Metrics, accept: str) -> tuple[bytes, str]:
    """Return what a scraper with that Accept header gets, and its content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(metrics))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
