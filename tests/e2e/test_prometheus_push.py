"""Series on their way into a real Prometheus: written by both engines over an outage, and scraped from both."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.api.collector import Collector
from phoenix.api.host import Host
from tests.harness.cluster import Cluster, cluster
from tests.harness.engines import ENGINES, Running, engine
from tests.harness.eventually import eventually
from tests.harness.otelcol import OTLP, required
from tests.harness.otlp_sink import OtlpSink
from tests.harness.prometheusserver import Prometheus, Vector, prometheus

pytestmark = pytest.mark.e2e
USERS = 300
"""Of the counter: enough for several parts of `max_batch_size_bytes`."""
EXPORTERS = """\
exporters:
  prometheusremotewrite:
    endpoint: URL/api/v1/write
    max_batch_size_bytes: 10000
    external_labels: {engine: ENGINE, way: pushed}
  prometheus: {endpoint: "127.0.0.1:@page@"}
service:
  pipelines:
    metrics: {receivers: [otlp], exporters: [prometheusremotewrite, prometheus]}"""
SCRAPES = """\
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs:
"""


def attributes(of: Any, **pairs: str) -> None:
    for key, value in pairs.items():
        of.attributes.add(key=key.replace("_", ".")).value.string_value = value


def request(tick: int, time_unix_nano: int) -> bytes:
    """Every kind of point that text pages and remote write 1.0 have, with values that follow from the tick."""
    built = ExportMetricsServiceRequest()
    resource = built.resource_metrics.add()
    attributes(resource.resource, service_name="shop", service_instance_id="i1", host_name="box")
    scope = resource.scope_metrics.add()
    scope.scope.name, scope.scope.version = "checkout", "1.2"
    times = {"start_time_unix_nano": time_unix_nano - 10**9 * (tick + 1), "time_unix_nano": time_unix_nano}
    counter = scope.metrics.add(name="orders", unit="1").sum
    counter.is_monotonic, counter.aggregation_temporality = True, 2
    for user in range(USERS):
        attributes(counter.data_points.add(as_int=tick * (user + 1), **times), user_id=f"u{user}")
    level = scope.metrics.add(name="queue.level", unit="By").sum
    level.aggregation_temporality = 2
    attributes(level.data_points.add(as_double=tick + 0.5, **times), odd_name='a "b" \\ c')
    scope.metrics.add(name="load.1m").gauge.data_points.add(as_double=-tick, time_unix_nano=time_unix_nano)
    wait = scope.metrics.add(name="wait", unit="s").histogram
    wait.aggregation_temporality = 2
    wait.data_points.add(
        count=3 * tick, sum=1.5 * tick, bucket_counts=[tick, tick, tick], explicit_bounds=[0.1, 2.0], **times
    )
    size = scope.metrics.add(name="size", unit="By").summary.data_points.add(count=tick, sum=2.0 * tick, **times)
    size.quantile_values.add(quantile=0.99, value=7.0)
    return built.SerializeToString()


async def feed(collectors: list[Running], ticks: range, every_s: float) -> None:
    for tick in ticks:
        body = request(tick, time.time_ns())
        assert [await one.send(body) for one in collectors] == [200] * len(collectors)
        await asyncio.sleep(every_s)


def plain(vector: Vector, *without: str) -> Vector:
    return {tuple(pair for pair in labels if pair[0] not in without): value for labels, value in vector.items()}


async def test_both_engines_write_the_same_into_a_prometheus_that_was_away_and_show_it_the_same_pages(
    tmp_path: Path,
) -> None:
    required()
    before, away, after = range(1, 4), range(4, 10), range(10, 13)
    async with AsyncExitStack() as stack:
        seen = await stack.enter_async_context(prometheus(tmp_path / "prometheus", SCRAPES + "  []\n"))
        running = [
            await stack.enter_async_context(
                engine(which, tmp_path, "", EXPORTERS.replace("URL", seen.url).replace("ENGINE", which), page=0)
            )
            for which in ENGINES
        ]
        await feed(running, before, 0.2)
        arrived = f'count by (engine) (count_over_time(orders_total{{way="pushed"}}[1h]) >= {len(before)})'
        both = dict.fromkeys(ENGINES, float(USERS))
        await eventually(lambda: seen.by("engine", arrived), lambda by: by == both, within_s=30, what="the first ticks")

        await seen.stop()
        await feed(running, away, 0.4)
        (seen.folder / "prometheus.yml").write_text(scrapes(running))
        await seen.start()
        await feed(running, after, 0.2)
        await exactly_once(seen, after[-1])
        await the_same_written(seen)
        points = 2.0 * after[-1] * (USERS + 4)  # by two exporters
        for one in running:
            await eventually(
                lambda one=one: sent_and_failed(one),  # type: ignore[misc]
                lambda found: found == (points, 0.0),
                within_s=30,
                what="all points counted as sent, none as failed",
            )
        await the_same_pages(seen)


async def sent_and_failed(one: Running) -> tuple[float, float]:
    counters = await one.counters()
    return (
        counters.get("otelcol_exporter_sent_metric_points", 0.0),
        counters.get("otelcol_exporter_send_failed_metric_points", 0.0),
    )


def scrapes(running: list[Running]) -> str:
    jobs = [
        f'  - job_name: {which}\n    static_configs: [{{targets: ["127.0.0.1:{one.ports["page"]}"]}}]\n'
        for which, one in zip(ENGINES, running, strict=True)
    ]
    return SCRAPES + "".join(jobs)


async def exactly_once(seen: Prometheus, ticks: int) -> None:
    """Every tick of every series is there: none was lost, and none is twice, which the sums of values would show."""
    total = f'count by (engine) (count_over_time(orders_total{{way="pushed"}}[1h]) == {ticks})'
    both = dict.fromkeys(ENGINES, float(USERS))
    await eventually(lambda: seen.by("engine", total), lambda by: by == both, within_s=30, what="every tick")
    sums = await seen.vector('sum by (engine) (sum_over_time(orders_total{way="pushed"}[1h]))')
    expected = sum(range(ticks + 1)) * sum(range(USERS + 1))
    assert set(sums.values()) == {float(expected)}


async def the_same_written(seen: Prometheus) -> None:
    """Names, labels and values are those of the real Collector."""

    async def written() -> list[Vector]:
        return [plain(await seen.vector(f'{{way="pushed", engine="{which}"}}'), "engine") for which in ENGINES]

    # The histogram has five series, the summary three, and there is target_info.
    await eventually(
        written,
        lambda both: both[0] == both[1] and len(both[0]) == USERS + 2 + 5 + 3 + 1,
        within_s=30,
        what="the same series with the same values",
    )


async def the_same_pages(seen: Prometheus) -> None:
    scraped = '{job="%s", __name__!~"up|scrape_.*"}'

    async def pages() -> list[Vector]:
        return [plain(await seen.vector(scraped % which), "job", "instance") for which in ENGINES]

    await eventually(
        pages,
        lambda both: both[0] == both[1] and len(both[0]) == USERS + 2 + 5 + 3 + 1,
        within_s=30,
        what="the same series of both pages",
    )


def written_by(url: str, drop: str = "") -> dict[str, Any]:
    """A variant that keeps its own way into a Prometheus."""
    processors = {"attributes": {"actions": [{"key": drop, "action": "delete"}]}} if drop else {}
    metrics = {"processors": list(processors), "exporters": ["prometheusremotewrite"]}
    exporters = {"prometheusremotewrite": {"endpoint": f"{url}/api/v1/write"}}
    return {
        "config": {"processors": processors, "exporters": exporters, "service": {"pipelines": {"metrics": metrics}}}
    }


def experiment(engine_name: str, url: str) -> dict[str, Any]:
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": f"on-{engine_name.lower()}"},
        "spec": {
            "source": {"load": {"profileRef": {"name": "steady"}, "scale": 0.1}},
            "engine": engine_name,
            "exporters": "Keep",
            "variants": [
                {"name": "baseline", "role": "Baseline", "pipeline": written_by(url)},
                {"name": "candidate", "role": "Candidate", "pipeline": written_by(url, "url.scheme")},
            ],
            "timing": {"warmup": "2s", "duration": "10m", "interval": "500ms"},
        },
    }


def deployment(url: str, sink: OtlpSink) -> dict[str, Any]:
    config = written_by(url)["config"]
    config["exporters"]["otlphttp"] = {"endpoint": sink.endpoint, "compression": "none"}
    config["service"]["pipelines"]["metrics"]["exporters"].append("otlphttp")
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "PipelineDeployment",
        "metadata": {"name": "edge"},
        "spec": {"pipeline": {"config": config}, "variantLabels": {"place": "edge"}},
    }


WHOSE = "experiment, run, variant, deployment, host, namespace"
SAMPLES = 'http_server_request_duration_seconds_count{experiment="%s", variant="%s"}[1h]'


async def test_what_is_pushed_says_whose_it_is(tmp_path: Path) -> None:
    binary = required()
    async with (
        prometheus(tmp_path / "prometheus", SCRAPES + "  []\n") as seen,
        OtlpSink() as sink,
        cluster(tmp_path, "--port", "0", "--otelcol", binary) as phoenix,
    ):
        names = {which: f"on-{which.lower()}" for which in ENGINES}
        for which in ENGINES:
            await phoenix.apply(experiment(which, seen.url))
        await phoenix.apply(deployment(seen.url, sink))
        host = (await phoenix.client.list(Host)).items[0].metadata.name
        await to_the_deployment(phoenix)

        count = f'count by ({WHOSE}) ({{__name__=~"http.*|app.*"}})'
        measured = {
            tuple(sorted({"experiment": name, "run": "1", "variant": variant, "deployment": f"{name}-{variant}",
                          "host": host, "namespace": "default"}.items()))
            for name in names.values() for variant in ("baseline", "candidate")
        }  # fmt: skip
        await eventually(
            lambda: seen.vector(count),
            lambda by: set(by) == measured and min(by.values()) > 100,
            within_s=60,
            what="all four variants",
        )
        for name in names.values():
            await equal_values(seen, name)
        mine = {
            "__name__": "orders_total", "deployment": "edge", "host": host, "instance": "i1", "job": "shop",
            "namespace": "default", "otel_scope_name": "checkout", "otel_scope_version": "1.2", "user_id": "u7",
        }  # fmt: skip
        orders = await eventually(
            lambda: seen.vector('orders_total{user_id="u7"}'), bool, within_s=40, what="the deployment's series"
        )
        assert orders == {tuple(sorted(mine.items())): 24.0}

        async def taken() -> list[bytes]:
            return sink.payloads

        (payload, *_) = await eventually(taken, bool, within_s=40, what="its OTLP")
        resource = ExportMetricsServiceRequest.FromString(payload).resource_metrics[0].resource
        assert {pair.key: pair.value.string_value for pair in resource.attributes} == {
            "service.name": "shop", "service.instance.id": "i1", "host.name": "box", "place": "edge",
            "phoenix.deployment": "edge", "phoenix.host": host, "phoenix.namespace": "default",
        }  # fmt: skip


async def to_the_deployment(phoenix: Cluster) -> None:
    """One request to the deployment's collector, on the port its agent gave it."""

    async def look() -> str:
        for found in (await phoenix.client.list(Collector)).items:
            if found.metadata.labels.get("phoenix.io/deployment") == "edge" and found.status.phase == "Running":
                return f"http://{found.status.address}:{found.status.ports['otlp']}"
        return ""

    endpoint = await eventually(look, bool, within_s=60, what="the deployment's collector runs")
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{endpoint}/v1/metrics", data=request(3, time.time_ns()), headers=OTLP) as answer,
    ):
        assert answer.status == 200


async def equal_values(seen: Prometheus, name: str) -> None:
    """Each series of the baseline is there for the candidate, and wherever both have a sample it is the same."""

    async def look() -> tuple[int, set[str]]:
        """Moments compared at least for each series, and series with a difference."""
        baseline, candidate = [
            await seen.samples(SAMPLES % (name, variant), "variant", "deployment", "url_scheme")
            for variant in ("baseline", "candidate")
        ]
        assert baseline
        both = {key: one.keys() & candidate.get(key, {}).keys() for key, one in baseline.items()}
        wrong = {str(key) for key, one in baseline.items() for at in both[key] if one[at] != candidate[key][at]}
        return min(map(len, both.values())), wrong

    moments, wrong = await eventually(look, lambda found: found[0] >= 3, within_s=60, what=f"three moments of {name}")
    assert moments >= 3
    assert not wrong
