# ruff: noqa: E501 (tables of one case a line read best)
"""metrics_transform, interval and memory_limiter: what tests/differential cannot see (time, memory, refusals)."""

import pytest

from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError
from phoenix.engine.processors.memorylimiter import Config, MemoryLimiter, total_bytes
from phoenix.engine.registry import PROCESSORS
from phoenix.engine.telemetry import Telemetry
from tests.harness.eventually import eventually
from tests.unit.engine.harness import Sink, faults, parse, processor, settings, through
from tests.unit.engine.otlp import CUMULATIVE, DELTA, number_metric, numbers, request

MIB = 1 << 20


async def until(holds):
    async def look():
        return holds()

    await eventually(look, bool, within_s=5, what="the processor", every_s=0.005)


@pytest.mark.parametrize(
    ("yaml", "fault"),
    [
        ("transforms: [{include: a, action: combine, new_name: b, aggregation_type: sum}]", "transforms[0].action: action combine is not implemented by the Embedded engine"),
        ("transforms: [{include: a, action: group, group_resource_labels: {x: y}}]", "set engine: Otelcol"),
        ("transforms: [{include: a, action: update, submatch_case: lower}]", "submatch_case"),
        ("transforms: [{include: a, action: update, operations: [{action: add_label, new_label: v, new_value: '{{version}}'}]}]", "operations[0].new_value: {{version}}"),
        ("transforms: [{include: a, action: update, operations: [{action: experimental_scale_value}]}]", 'missing required field "experimental_scale"'),
        ("transforms: [{include: a, action: update, nope: 1}]", "has invalid keys: nope"),
        ("transforms: [{include: a, match_type: glob, action: update}]", "'glob' is not one of"),
    ],
)  # fmt: skip
def test_metrics_transform_says_what_it_has_not(yaml, fault):
    assert any(fault in found for found in faults("metrics_transform", yaml)), faults("metrics_transform", yaml)


@pytest.mark.parametrize(("operation", "by_identity"), [("toggle_scalar_data_type", False), ("aggregate_labels", True)])
def test_metrics_transform_may_be_planned_unless_it_reads_values(operation, by_identity):
    config, _ = parse(
        PROCESSORS["metricstransform"],
        f"transforms: [{{include: a, action: update, operations: [{{action: {operation}}}]}}]",
    )
    assert PROCESSORS["metricstransform"].work(settings("metricstransform"), config).by_identity is by_identity


async def test_interval_hands_on_the_newest_at_each_tick_and_starts_anew():
    sink = Sink()
    interval = processor("interval", "interval: 20ms", sink)
    await interval.start()
    for value, at in ((1, 1), (3, 3), (2, 2)):
        await interval.consume(Metrics.of(request(number_metric("gauge", "g", [({}, value, at)]))))
    await until(lambda: sink.taken)
    assert [numbers(message) for message in sink.messages] == [[((), "g", (), 3)]]
    await interval.consume(Metrics.of(request(number_metric("gauge", "g", [({}, 1, 1)]))))
    await interval.shutdown()
    await interval.shutdown()
    assert numbers(sink.messages[-1]) == [((), "g", (), 1)]
    assert len(sink.taken) == 2


async def test_interval_lets_deltas_and_other_sums_pass_at_once():
    for options in ({"temporality": DELTA}, {"temporality": CUMULATIVE, "monotonic": False}):
        sink = Sink()
        interval = processor("interval", "interval: 1h", sink)
        await interval.consume(Metrics.of(request(number_metric("sum", "s", [({}, 5)], **options))))
        assert len(sink.taken) == 1


async def test_interval_survives_a_consumer_that_refuses():
    sink = Sink()
    sink.refuse = ConsumeError("full")
    interval = processor("interval", "interval: 50ms", sink)
    await interval.start()
    await interval.consume(Metrics.of(request(number_metric("gauge", "g", [({}, 1)]))))
    await interval._hand_on()
    sink.refuse = None
    await interval.consume(Metrics.of(request(number_metric("gauge", "g", [({}, 2)]))))
    await until(lambda: sink.taken)
    await interval.shutdown()


def limiter(used, telemetry=None, **limits):
    config = Config(**{**dict.fromkeys(("limit_mib", "spike_mib", "limit_percent", "spike_percent"), 0),
                       "check_interval_s": 1.0, "collect_every_soft_s": 10.0, "collect_every_hard_s": 0.0, **limits})  # fmt: skip
    sink = Sink()
    made = MemoryLimiter(
        settings("memory_limiter", telemetry), config, sink, used_bytes=lambda: used[0] * MIB, now_s=lambda: 0.0
    )
    return made, sink


async def test_memory_limiter_refuses_above_the_soft_limit_until_below():
    telemetry = Telemetry()
    used = [79]
    made, sink = limiter(used, telemetry, limit_mib=100)
    metrics = Metrics.of(request(number_metric("gauge", "g", [({}, 1), ({"k": "v"}, 2)])))
    made.look()
    await made.consume(metrics)
    used[0] = 80
    made.look()
    with pytest.raises(ConsumeError, match="data refused due to high memory usage") as refused:
        await made.consume(metrics)
    assert refused.value.retryable
    used[0] = 79
    made.look()
    await made.consume(metrics)
    assert len(sink.taken) == 2
    page = telemetry.render().decode()
    assert 'otelcol_processor_memory_limiter_accepted_metric_points{processor="memory_limiter"} 4' in page
    assert 'otelcol_processor_memory_limiter_refused_metric_points{processor="memory_limiter"} 2' in page


async def test_memory_limiter_percentages_are_of_what_there_is():
    made, _ = limiter([10**9])
    config = Config(1.0, 0, 0, 80, 20, 10.0, 0.0)
    assert config.limits_bytes(1000) == (600, 800)
    assert Config(1.0, 100, 0, 80, 20, 10.0, 0.0).limits_bytes(1000) == (80 * MIB, 100 * MIB)
    assert total_bytes() > 0
    await made.shutdown()


async def test_memory_limiter_looks_by_itself():
    sink = Sink()
    made = processor("memory_limiter", "check_interval: 1ms\nlimit_mib: 1", sink)
    await made.start()
    await until(lambda: made.refusing)
    await made.shutdown()
    await made.shutdown()


async def test_metrics_transform_over_many_points():
    points = [({"k": str(n)}, n) for n in range(300)]
    yaml = "transforms: [{include: s, action: update, operations: [{action: aggregate_labels, label_set: [], aggregation_type: sum}]}]"
    out = await through("metrics_transform", yaml, request(number_metric("sum", "s", points)))
    assert numbers(out) == [((), "s", (), sum(range(300)))]
