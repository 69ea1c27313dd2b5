# ruff: noqa: E501 (tables of one case a line read best)
"""The prometheus receiver: pages to OTLP, relabelling, staleness, configuration; and a real scrape over HTTP."""

import math

import pytest
from aiohttp import web

from phoenix.engine.config.section import Section
from phoenix.engine.config.values import load
from phoenix.engine.receivers.prometheus import Scraped
from phoenix.engine.receivers.relabel import parse_steps, relabel
from phoenix.engine.receivers.scrapeconfig import Job, Target
from phoenix.engine.registry import RECEIVERS
from tests.harness.eventually import eventually
from tests.unit.engine.harness import Sink, parse, settings
from tests.unit.engine.otlp import attributes

TEXT = "text/plain"
PAGE = """# TYPE calls_total counter
calls_total{x="1",empty=""} 5
# TYPE h histogram
h_bucket{le="1"} 1
h_bucket{le="+Inf"} 3
h_sum 3.5
h_count 3
u{job="mine"} 4
g{otel_scope_name="my",otel_scope_k="v"} 2
# TYPE s summary
s{quantile="0.5"} 1
s_sum 2
s_count 3
# TYPE target_info gauge
target_info{region="eu"} 1
"""


def job(**changes):
    values = {"name": "j", "interval_s": 1.0, "timeout_s": 1.0, "targets": (), "metric_steps": (), "honor_labels": False,
              "honor_timestamps": True, "sample_limit": 0}  # fmt: skip
    return Job(**{**values, **changes})


def target():
    return Target("http://h1:9/metrics", {"job": "j", "instance": "h1:9", "env": "prod"})


def points(metrics):
    rows = {}
    for scope in metrics.message().resource_metrics[0].scope_metrics:
        for metric in scope.metrics:
            for point in getattr(metric, metric.WhichOneof("data")).data_points:
                rows[(metric.name, tuple(sorted(attributes(point.attributes).items())))] = metric, point, scope.scope
    return rows


def values(metrics):
    return {
        key: "stale" if point.flags else getattr(point, point.WhichOneof("value"))
        for key, (metric, point, _) in points(metrics).items()
        if metric.WhichOneof("data") in {"sum", "gauge"}
    }


ENV = ("env", "prod")


def test_a_page_becomes_what_the_collector_makes_of_it():
    metrics, error = Scraped(job(), target()).page(PAGE, TEXT, 0.25, 7)
    assert not error
    assert attributes(metrics.message().resource_metrics[0].resource.attributes) == {
        "service.name": "j", "service.instance.id": "h1:9", "server.address": "h1", "server.port": "9",
        "url.scheme": "http", "region": "eu", "env": "prod",
    }  # fmt: skip
    assert values(metrics) == {
        ("calls_total", (ENV, ("x", "1"))): 5.0, ("u", (ENV, ("exported_job", "mine"))): 4.0, ("g", (ENV,)): 2.0,
        ("up", (ENV,)): 1.0, ("scrape_duration_seconds", (ENV,)): 0.25, ("scrape_samples_scraped", (ENV,)): 11.0,
        ("scrape_samples_post_metric_relabeling", (ENV,)): 11.0, ("scrape_series_added", (ENV,)): 11.0,
    }  # fmt: skip
    found = points(metrics)
    metric, point, _ = found["h", (ENV,)]
    assert (list(point.explicit_bounds), list(point.bucket_counts), point.count, point.sum) == ([1.0], [1, 2], 3, 3.5)
    assert metric.histogram.aggregation_temporality == 2
    _, point, _ = found["s", (ENV,)]
    assert [(item.quantile, item.value) for item in point.quantile_values] == [(0.5, 1.0)]
    metric, point, _ = found["calls_total", (ENV, ("x", "1"))]
    assert metric.sum.is_monotonic
    assert (point.time_unix_nano, point.start_time_unix_nano) == (7, 0)
    _, _, scope = found["g", (ENV,)]
    assert (scope.name, attributes(scope.attributes)) == ("my", {"k": "v"})


def test_series_that_vanish_and_scrapes_that_fail_end_them():
    scraped = Scraped(job(), target())
    scraped.page("a 1\nb 2\n", TEXT, 0.0, 1)
    second = values(scraped.page("a 1\nc 2\n", TEXT, 0.0, 2)[0])
    assert second["b", (ENV,)] == "stale"
    assert second["scrape_series_added", (ENV,)] == 1.0
    third = values(scraped.page(None, "", 0.0, 3)[0])
    assert {key[0]: value for key, value in third.items() if not key[0].startswith("scrape_")} == {
        "a": "stale",
        "c": "stale",
        "up": 0.0,
    }
    assert "a" not in {key[0] for key in values(scraped.page(None, "", 0.0, 4)[0])}


@pytest.mark.parametrize(
    ("changes", "page", "fault"),
    [
        ({}, "a{ 1", ""),
        ({"sample_limit": 1}, "a 1\nb 2\n", "sample limit exceeded: 2 of 1"),
        ({}, "fine 1\na 1 -5\n", "out of range"),
        ({}, '# TYPE h histogram\nh_bucket{le="abc"} 1\n', "abc"),
        ({}, '# TYPE h histogram\nh_bucket{le="+Inf"} NaN\nh_count NaN\n', "NaN"),
        ({}, "# TYPE s summary\ns_count Inf\n", "infinity"),
    ],
)
def test_pages_that_are_refused_whole(changes, page, fault):
    metrics, error = Scraped(job(**changes), target()).page(page, TEXT, 0.0, 1)
    assert error
    assert fault in error
    assert values(metrics)["up", (ENV,)] == 0.0
    assert values(metrics)["scrape_samples_scraped", (ENV,)] == 0.0
    assert all(name == "up" or name.startswith("scrape_") for name, _ in points(metrics)), "nothing of half a page"


def test_metrics_of_one_name_and_two_types():
    page = '# TYPE up summary\nup_count 3\n# TYPE h histogram\nh_bucket{le="+Inf"} 3\nh_count 3\n# TYPE g gauge\ng{x="1"} 1\n'
    renaming = "[{source_labels: [__name__], regex: g, target_label: __name__, replacement: h}]"
    metrics, error = Scraped(job(metric_steps=steps(renaming)), target()).page(page, TEXT, 0.0, 1)
    assert not error
    found = {(metric.name, metric.WhichOneof("data")) for scope in metrics.message().resource_metrics[0].scope_metrics
             for metric in scope.metrics}  # fmt: skip
    assert found >= {("up", "summary"), ("up", "gauge"), ("h", "histogram"), ("h", "gauge")}


def test_openmetrics_with_created_times_and_odd_values():
    page = "# TYPE c counter\nc_total 5.0\nc_created 100.5\n# TYPE g gauge\ng NaN\n# EOF\n"
    metrics, error = Scraped(job(), target()).page(page, "application/openmetrics-text", 0.0, 1)
    assert not error
    _, point, _ = points(metrics)["c_total", (ENV,)]
    assert point.start_time_unix_nano == 100_500_000_000
    assert math.isnan(values(metrics)["g", (ENV,)])


@pytest.mark.parametrize("honored", [True, False])
def test_labels_of_the_target_or_of_the_page(honored):
    metrics, _ = Scraped(job(honor_labels=honored), target()).page('a{env="own"} 1\n', TEXT, 0.0, 1)
    expected = (("env", "own"),) if honored else (ENV, ("exported_env", "own"))
    assert ("a", expected) in points(metrics)


def steps(yaml):
    findings = []
    made = parse_steps(Section(load(f"x: {yaml}"), "", findings), "x")
    assert not findings, findings
    return made


@pytest.mark.parametrize(
    ("yaml", "labels"),
    [
        ("[{source_labels: [a, b], separator: '-', target_label: c}]", {"a": "1", "b": "xy", "c": "1-xy"}),
        (
            "[{source_labels: [b], regex: '(x).*', target_label: 'n_$1', replacement: 'v_$1'}]",
            {"a": "1", "b": "xy", "n_x": "v_x"},
        ),
        ("[{source_labels: [b], regex: x, target_label: c}]", {"a": "1", "b": "xy"}),
        ("[{source_labels: [b], target_label: a, replacement: ''}]", {"b": "xy"}),
        ("[{action: keep, source_labels: [b], regex: x}]", None),
        ("[{action: drop, source_labels: [b], regex: x.}]", None),
        ("[{action: labelmap, regex: (a), replacement: 'z_$1'}]", {"a": "1", "b": "xy", "z_a": "1"}),
        ("[{action: labeldrop, regex: a|c}]", {"b": "xy"}),
        ("[{action: labelkeep, regex: a}]", {"a": "1"}),
        ("[{action: uppercase, source_labels: [b], target_label: b}]", {"a": "1", "b": "XY"}),
        ("[{action: dropequal, source_labels: [a], target_label: a}]", None),
        ("[{action: hashmod, source_labels: [a], target_label: m, modulus: 1}]", {"a": "1", "b": "xy", "m": "0"}),
    ],
)
def test_relabelling(yaml, labels):
    assert relabel({"a": "1", "b": "xy"}, steps(yaml)) == labels


ONE = "config: {scrape_configs: [{job_name: j, %s}]}"


@pytest.mark.parametrize(
    ("yaml", "fault"),
    [
        ("config: {}", "no Prometheus scrape_configs"),
        (
            ONE % "kubernetes_sd_configs: [{role: pod}]",
            "scrape_configs[0].kubernetes_sd_configs: the Embedded engine scrapes static_configs only",
        ),
        (ONE % "scrape_interval: 1s, scrape_timeout: 5s", "scrape timeout greater than scrape interval"),
        (ONE % "scrape_interval: 5", "expected type 'string'"),
        (ONE % "scrape_interval: 1x", "not a valid duration"),
        (ONE % "nope: 1", "invalid keys: nope"),
        (ONE % "basic_auth: {username: u}", "'basic_auth' is not implemented"),
        (ONE % "metric_relabel_configs: [{regex: '('}]", "metric_relabel_configs[0].regex"),
        (ONE % "static_configs: [{targets: ['http://h/metrics']}]", "is not a valid hostname"),
        ("config: {remote_write: [], scrape_configs: [{job_name: j}]}", "unsupported features: remote_write"),
    ],
)
def test_faults(yaml, fault):
    _, findings = parse(RECEIVERS["prometheus"], yaml)
    assert any(fault in str(found) for found in findings), findings


def test_intervals_are_those_of_prometheus():
    config, findings = parse(
        RECEIVERS["prometheus"],
        "config: {global: {scrape_interval: 1d}, scrape_configs: [{job_name: a}, {job_name: b, scrape_interval: 1m30s, scrape_timeout: 500ms}]}",
    )
    assert not findings
    assert [(job.interval_s, job.timeout_s) for job in config.jobs] == [(86_400.0, 10.0), (90.0, 0.5)]


async def test_a_target_is_scraped_at_its_interval():
    async def page(_request):
        return web.Response(text="a 1\n")

    app = web.Application()
    app.router.add_get("/metrics", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    sink, factory = Sink(), RECEIVERS["prometheus"]
    config, findings = parse(
        factory, ONE % f"scrape_interval: 50ms, static_configs: [{{targets: ['127.0.0.1:{port}']}}]"
    )
    assert not findings
    receiver = factory.create(settings("prometheus"), config, sink)
    await receiver.start()

    async def taken():
        return len(sink.taken)

    await eventually(taken, lambda count: count >= 2, within_s=5, what="two scrapes", every_s=0.02)
    await receiver.shutdown()
    await runner.cleanup()
    assert values(sink.taken[0])["a", ()] == 1.0
    assert "server.address" not in attributes(sink.messages[0].resource_metrics[0].resource.attributes)
    assert all(point.time_unix_nano % 50_000_000 == 0 for _, point, _ in points(sink.taken[0]).values())
