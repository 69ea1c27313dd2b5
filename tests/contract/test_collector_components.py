# ruff: noqa: E501 (tables of one case a line read best)
"""One contract for every component of the embedded engine, driven through its factory."""

import asyncio

import pytest

from phoenix.engine.component import ProcessorFactory, ReceiverFactory
from phoenix.engine.config.ids import ComponentId
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.registry import EXPORTERS, EXTENSIONS, PROCESSORS, RECEIVERS
from tests.unit.engine.harness import Sink, parse, settings
from tests.unit.engine.otlp import number_metric, request

WORKING = {
    "receiver otlp": "protocols: {http: {endpoint: '127.0.0.1:0'}}",
    "otlp_grpc": "{endpoint: '127.0.0.1:1', tls: {insecure: true}, retry_on_failure: {enabled: false}}",
    "hostmetrics": "{collection_interval: 50ms, initial_delay: 0s, scrapers: {cpu: , memory: , process: }}",
    "attributes": "actions: [{key: a, action: delete}]",
    "batch": "timeout: 10ms",
    "cumulative_to_delta": "initial_value: keep",
    "delta_to_cumulative": "max_stale: 1m",
    "filter": "metrics: {metric: ['name == \"nope\"']}",
    "groupbyattrs": "keys: [a]",
    "interval": "interval: 10ms",
    "memory_limiter": "{check_interval: 10ms, limit_mib: 100000}",
    "metrics_transform": "transforms: [{include: m, action: update, new_name: n}]",
    "resource_detection": "detectors: [env]",
    "resource": "attributes: [{key: a, value: b, action: upsert}]",
    "transform": "metric_statements: ['set(metric.unit, \"s\")']",
    "debug": "",
    "file": "path: '{tmp}/out.jsonl'",
    "otlphttp": "{endpoint: 'http://127.0.0.1:1', retry_on_failure: {enabled: false}}",
    "phoenix_tee": "{targets: [{name: a, endpoint: 'http://127.0.0.1:1'}], interval: 1s}",
    "prometheus": "endpoint: '127.0.0.1:0'",
    "receiver prometheus": "config: {scrape_configs: [{job_name: j, scrape_interval: 50ms, static_configs: [{targets: ['127.0.0.1:1']}]}]}",
    "prometheus_remote_write": "{endpoint: 'http://127.0.0.1:1', retry_on_failure: {enabled: false}}",
    "health_check": "endpoint: '127.0.0.1:0'",
}
FACTORIES = [
    factory for table in (RECEIVERS, PROCESSORS, EXPORTERS, EXTENSIONS) for factory in dict.fromkeys(table.values())
]


def key(factory):
    """A type's key in WORKING: with its kind where another kind has the type too."""
    name = factory.types[0]
    return f"receiver {name}" if isinstance(factory, ReceiverFactory) and name in EXPORTERS else name


BY_TYPE = pytest.mark.parametrize("factory", FACTORIES, ids=[key(factory) for factory in FACTORIES])


@pytest.fixture
def make(tmp_path):
    def made(factory, sink=None):
        config, findings = parse(factory, WORKING[key(factory)].replace("{tmp}", str(tmp_path)))
        assert not findings, findings
        match factory:
            case ReceiverFactory() | ProcessorFactory():
                return factory.create(settings(factory.types[0]), config, sink or Sink())
            case _:
                return factory.create(settings(factory.types[0]), config)

    return made


def payload():
    return Metrics.received(request(number_metric("sum", "m", [({"a": 1}, 1), ({"a": 2}, 2)])).SerializeToString())


@pytest.fixture(autouse=True)
async def nothing_is_left_running():
    before = asyncio.all_tasks()
    yield
    for _ in range(100):  # transports close in the loop's next rounds
        if not asyncio.all_tasks() - before - {asyncio.current_task()}:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(asyncio.all_tasks() - before)


def test_every_component_has_a_case_here():
    assert {key(factory) for factory in FACTORIES} == set(WORKING)


@BY_TYPE
def test_types_are_component_types(factory):
    for name in factory.types:
        assert str(ComponentId.parse(name)) == name


@BY_TYPE
def test_unknown_keys_are_refused_with_their_path(factory):
    _, findings = parse(factory, "no_such_key: 1")
    assert any("no_such_key" in finding.message and finding.path.startswith("c") for finding in findings)


@BY_TYPE
def test_wrong_types_are_findings_not_errors(factory):
    for value in ("[]", "5", "text", "{}", "[[1]]", "~"):
        for name in WORKING[key(factory)].strip("{}").split(":")[:1]:
            parse(factory, f"{{{name.strip() or 'x'}: {value}}}")


@BY_TYPE
async def test_shutdown_is_safe_unstarted_and_twice(factory, make):
    unstarted = make(factory)
    await unstarted.shutdown()
    component = make(factory)
    await component.start()
    async with asyncio.timeout(3):
        await component.shutdown()
        await component.shutdown()


@BY_TYPE
async def test_a_cancelled_shutdown_leaves_nothing_behind(factory, make):
    component = make(factory)
    await component.start()
    stopping = asyncio.create_task(component.shutdown())
    await asyncio.sleep(0)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    await component.shutdown()


@pytest.mark.parametrize("factory", dict.fromkeys(PROCESSORS.values()), ids=lambda factory: factory.types[0])
async def test_a_processor_hands_on_what_it_takes_before_its_shutdown_returns(factory, make):
    sink = Sink()
    processor = make(factory, sink)
    await processor.start()
    for _ in range(5):
        await processor.consume(payload())
    await processor.shutdown()
    newest_only = factory.types[0] == "interval"
    assert sum(metrics.points for metrics in sink.taken) == (2 if newest_only else 10)


@pytest.mark.parametrize("factory", dict.fromkeys(PROCESSORS.values()), ids=lambda factory: factory.types[0])
async def test_a_processor_passes_refusals_back_unless_it_is_a_boundary(factory, make):
    sink = Sink()
    sink.refuse = ConsumeError("full")
    processor = make(factory, sink)
    await processor.start()
    if factory.types[0] in {"batch", "interval"}:  # asynchronous: the sender has its answer already
        await processor.consume(payload())
    else:
        with pytest.raises(ConsumeError, match="full"):
            await processor.consume(payload())
    await processor.shutdown()


@pytest.mark.parametrize("factory", dict.fromkeys(PROCESSORS.values()), ids=lambda factory: factory.types[0])
async def test_a_processor_that_says_it_does_not_mutate_does_not(factory, make):
    sink, given = Sink(), payload()
    processor = make(factory, sink)
    before = given.encoded()
    await processor.start()
    await processor.consume(given if not processor.mutates else given.own())
    await processor.shutdown()
    assert given.encoded() == before


@pytest.mark.parametrize("factory", dict.fromkeys(EXPORTERS.values()), ids=lambda factory: factory.types[0])
async def test_an_exporter_counts_every_point_once(factory, make):
    exporter = make(factory)
    await exporter.start()
    await exporter.consume(payload())
    async with asyncio.timeout(40):
        await exporter.shutdown()
    assert not exporter.mutates


async def test_the_health_check_follows_the_pipelines(make):
    import aiohttp

    health = make(EXTENSIONS["health_check"])
    await health.start()
    seen = []
    async with aiohttp.ClientSession() as session:
        for ready in (None, True, False):
            if ready is not None:
                health.pipelines_ready(ready)
            async with session.get(f"http://127.0.0.1:{health.port}/") as answer:
                seen.append(answer.status)
    await health.shutdown()
    assert seen == [503, 200, 503]


async def test_hostmetrics_points_all_have_the_tick_and_one_resource_a_process(make):
    import os

    sink = Sink()
    receiver = make(RECEIVERS["hostmetrics"], sink)
    await receiver.start()
    async with asyncio.timeout(40):
        while len(sink.taken) < 2:  # noqa: ASYNC110 (the sink has no event)
            await asyncio.sleep(0.01)
    await receiver.shutdown()
    message = sink.messages[0]
    times, names, own = set(), set(), []
    for rm in message.resource_metrics:
        attributes = {pair.key: pair.value for pair in rm.resource.attributes}
        if "process.pid" in attributes and attributes["process.pid"].int_value == os.getpid():
            own.append(rm)
        for sm in rm.scope_metrics:
            for metric in sm.metrics:
                names.add((metric.name, metric.unit))
                points = getattr(metric, metric.WhichOneof("data")).data_points
                times |= {point.time_unix_nano for point in points}
    assert len(times) == 1
    assert times.pop() % 50_000_000 == 0
    assert names >= {
        ("system.cpu.time", "s"), ("system.memory.usage", "By"), ("process.cpu.time", "s"), ("process.memory.usage", "By"),
    }  # fmt: skip
    assert len(own) == 1
    states = [
        point.attributes[0].value.string_value
        for metric in own[0].scope_metrics[0].metrics
        if metric.name == "process.cpu.time"
        for point in metric.sum.data_points
    ]
    assert states == ["user", "system", "wait"]
