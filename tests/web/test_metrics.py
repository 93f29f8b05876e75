import timeit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from netra_actors.web.metrics import GAUGES, SECONDS, Histogram, LabelCounter, Metrics, render


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    body, _ = render(metrics, "")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_what_was_counted_is_what_is_scraped() -> None:
    metrics = Metrics()
    metrics.events_appended += 5
    metrics.committed(events=4, size_bytes=400, seconds=0.003)
    metrics.closes.add(4401)
    metrics.closes.add(4401)
    metrics.run_ended("completed", 2.0)
    found = samples(metrics)
    assert found["netra_events_appended_total", ()] == 5
    assert found["netra_events_committed_total", ()] == 4
    assert found["netra_bytes_committed_total", ()] == 400
    assert found["netra_closes_total", (("code", "4401"),)] == 2
    assert found["netra_runs_total", (("status", "completed"),)] == 1
    assert found["netra_commit_seconds_bucket", (("le", "0.0025"),)] == 0
    assert found["netra_commit_seconds_bucket", (("le", "0.005"),)] == 1
    assert found["netra_commit_seconds_bucket", (("le", "+Inf"),)] == 1
    assert found["netra_run_seconds_sum", ()] == 2.0
    assert found["netra_commit_batch_events_count", ()] == 1


def test_gauges_are_read_when_somebody_scrapes() -> None:
    metrics = Metrics()
    depth = [3.0]
    metrics.gauges["mailbox_depth"] = lambda: depth[0]
    metrics.gauges["connections"] = lambda: {"live": 2.0, "replaying": 1.0}
    assert samples(metrics)["netra_mailbox_depth", ()] == 3
    depth[0] = 9.0
    found = samples(metrics)
    assert found["netra_mailbox_depth", ()] == 9
    assert found["netra_connections", (("state", "replaying"),)] == 1


def test_two_workers_in_one_process_do_not_mix() -> None:
    one, two = Metrics(), Metrics()
    one.frames_written += 1
    one.closes.add(4001)
    assert samples(two)["netra_frames_written_total", ()] == 0
    assert ("netra_closes_total", (("code", "4001"),)) not in samples(two)


def test_every_gauge_has_words() -> None:
    metrics = Metrics()
    for name, (label, about) in GAUGES.items():
        assert about
        metrics.gauges[name] = (lambda: {"x": 1.0}) if label else (lambda: 1.0)
    assert {name for name, _ in samples(metrics)} >= {f"netra_{name}" for name in GAUGES}


def test_labels_from_outside_cannot_grow_without_end() -> None:
    counter = LabelCounter()
    for number in range(1000):
        counter.add(number)
    assert len(counter) <= 201
    assert sum(counter.values()) == 1000
    assert counter["other"] == 800


@pytest.mark.parametrize(
    ("value", "bucket"), [(0.0, 0), (0.0005, 0), (0.00051, 1), (10.0, 13), (11.0, 14)]
)
def test_a_value_on_a_bound_belongs_to_it(value: float, bucket: int) -> None:
    histogram = Histogram(SECONDS)
    histogram.observe(value)
    assert histogram.counts.index(1) == bucket


def test_a_scraper_that_asks_for_openmetrics_gets_it() -> None:
    body, content_type = render(Metrics(), "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_counting_costs_less_than_a_microsecond() -> None:
    histogram = Histogram(SECONDS)
    best_s = min(timeit.repeat(lambda: histogram.observe(0.003), number=2000, repeat=5)) / 2000
    assert best_s < 5e-6  # 0.15 us when the machine is quiet
