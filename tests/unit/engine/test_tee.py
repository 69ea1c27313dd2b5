"""The tee: the same bytes to two real servers, and an account of it posted to a third."""

import asyncio
import json

import pytest
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.exporters.phoenix_tee import FACTORY, scrapes_of, tick_of
from phoenix.engine.receivers.prometheus import Scraped
from phoenix.engine.receivers.scrapeconfig import Job, Target
from phoenix.engine.telemetry import Telemetry
from tests.unit.engine.harness import parse, settings
from tests.unit.engine.otlp import T0, number_metric, request

SECOND = 1_000_000_000
SAMPLES_PATH = "/apis/phoenix.io/v1alpha1/namespaces/default/experiments/x/samples"


class Server:
    """Answers every POST, remembers the bodies by path."""

    def __init__(self, status=200):
        self.status, self.bodies = status, []

    async def __aenter__(self):
        async def take(got):
            self.bodies.append((got.path, await got.read()))
            return web.Response(status=self.status)

        app = web.Application()
        app.router.add_post("/{path:.*}", take)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_):
        await self.runner.cleanup()


def payload(tick, value):
    points = [({"i": i}, value, tick * SECOND) for i in range(3)]
    return Metrics.of(request(number_metric("gauge", "m", points)))


def tee(folder, telemetry, targets, report=""):
    folder.joinpath("token").write_text("secret")
    listed = ", ".join(f"{{name: {name}, endpoint: '{url}'}}" for name, url in targets.items())
    config, findings = parse(FACTORY, f"{{targets: [{listed}], interval: 1s{report}}}")
    assert not findings
    return FACTORY.create(settings("phoenix_tee", telemetry), config)


async def test_both_targets_get_the_same_bytes_and_the_account_says_so(tmp_path):
    telemetry = Telemetry()
    async with Server() as a, Server() as b, Server(202) as api:
        tmp_path.joinpath("endpoint.json").write_text(
            json.dumps({"server": api.url, "caFile": "", "tokenFile": str(tmp_path / "token")})
        )
        report = (
            f", report: {{endpoint_file: '{tmp_path}/endpoint.json', namespace: default, experiment: x, run: 1, "
            "window: 2s, host: h}"
        )
        made = tee(tmp_path, telemetry, {"baseline": a.url, "candidate": b.url}, report)
        await made.start()
        for tick in range(4):
            await made.consume(payload(tick, tick))
        await made.shutdown()
        with pytest.raises(ConsumeError, match="shut down"):
            await made.consume(payload(4, 4))
    assert [body for _, body in a.bodies] == [body for _, body in b.bodies]
    assert len(a.bodies) == 4
    assert a.bodies[0][0] == "/v1/metrics"
    assert len(ExportMetricsServiceRequest.FromString(a.bodies[0][1]).resource_metrics) == 1
    assert {path for path, _ in api.bodies} == {SAMPLES_PATH}
    samples = [sample for _, body in api.bodies for sample in json.loads(body)["samples"]]
    by_variant = {
        name: sorted(
            (s["windowStart"], s["ackedPoints"], s["ticks"], s["digest"]) for s in samples if s["variant"] == name
        )
        for name in ("baseline", "candidate")
    }
    assert by_variant["baseline"] == by_variant["candidate"]
    assert [row[:3] for row in by_variant["baseline"]] == [(T0, 6, 2), (T0 + 2 * SECOND, 6, 2)]
    assert b'otelcol_exporter_sent_metric_points{exporter="phoenix_tee"} 12' in telemetry.render()


async def test_a_target_that_refuses_is_counted_and_the_other_still_served(tmp_path):
    telemetry = Telemetry()
    async with Server() as good, Server(500) as bad:
        made = tee(tmp_path, telemetry, {"a": good.url, "b": bad.url})
        await made.start()
        await asyncio.gather(*(made.consume(payload(0, value)) for value in range(5)))
        await made.shutdown()
    assert len(good.bodies) == len(bad.bodies) == 5
    page = telemetry.render()
    assert b'otelcol_exporter_send_failed_metric_points{exporter="phoenix_tee"} 15' in page
    assert b'otelcol_exporter_sent_metric_points{exporter="phoenix_tee"} 0' in page


def test_the_tick_is_the_newest_time_rounded_down():
    message = request(
        number_metric("gauge", "a", [({}, 1, 3 * SECOND + 7)]), number_metric("gauge", "b", [({}, 1, SECOND)])
    )
    assert tick_of(Metrics.of(message), SECOND) == T0 + 3 * SECOND
    assert tick_of(Metrics.of(request()), SECOND) == 0


@pytest.mark.parametrize("page", ["", "up 0\n", 'up{backend="db"} 0\n', 'up{otel_scope_name="my"} 0\n'])
@pytest.mark.parametrize("came", [True, False])
def test_scrapes_are_told_by_target_and_outcome_whatever_the_page_says_of_others(page, came):
    target = Target("http://h:1/metrics", {"job": "j", "instance": "h:1"})
    scraped = Scraped(Job("j", 1.0, 1.0, (target,), (), False, True, 0), target)
    scraped.page(page, "text/plain", 0.0, T0)
    metrics, _ = scraped.page(page if came else None, "text/plain", 0.0, T0 + SECOND)
    both = metrics.message()
    both.resource_metrics.add().scope_metrics.add().metrics.add(name="up").gauge.data_points.add(as_double=0.0)
    assert list(scrapes_of(Metrics.of(both))) == [("h:1", not came)]
