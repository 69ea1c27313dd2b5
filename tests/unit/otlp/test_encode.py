"""Template encoding, read back with opentelemetry-proto and compared with messages built by it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, Metric, NumberDataPoint

from phoenix.otlp.encode import HistogramValues, MetricShape, ResourceShape, Template, encode_attributes, varint
from phoenix.otlp.model import MetricType, Temporality

START, TIME = 1_700_000_000_000_000_000, 1_700_000_001_000_000_000


def key_value(key: str, value: str | bool | int | float) -> KeyValue:
    made = KeyValue(key=key)
    match value:
        case bool():
            made.value.bool_value = value
        case int():
            made.value.int_value = value
        case float():
            made.value.double_value = value
        case str():
            made.value.string_value = value
    return made


def shapes() -> list[ResourceShape]:
    counter = MetricShape(
        name="requests",
        unit="1",
        type=MetricType.SUM,
        monotonic=True,
        integer=True,
        points=[encode_attributes(7, (("a", "x" * 200),)), encode_attributes(7, (("a", 1), ("b", True)))],
    )
    gauge = MetricShape(name="temperature", unit="Cel", type=MetricType.GAUGE, points=[b""], description="how warm")
    times = MetricShape(
        name="time",
        unit="s",
        type=MetricType.HISTOGRAM,
        temporality=Temporality.DELTA,
        bounds=(0.1, 1.0),
        points=[encode_attributes(9, (("a", "x"),)), encode_attributes(9, (("a", "y"),))],
    )
    sizes = MetricShape(name="size", unit="By", type=MetricType.HISTOGRAM, bounds=tuple(range(20)), points=[b""])
    return [
        ResourceShape((("service.name", "one"),), [times, counter], scope="s", scope_version="1"),
        ResourceShape((("service.name", "two"),), [gauge, sizes, times]),
    ]


def built() -> ExportMetricsServiceRequest:
    """What the template below must amount to, by hand."""
    request = ExportMetricsServiceRequest()

    def histogram(metric: Metric, counts: list[int], total: float, bounds: list[float]) -> HistogramDataPoint:
        point = metric.histogram.data_points.add()
        point.start_time_unix_nano, point.time_unix_nano = START, TIME
        point.count, point.sum = sum(counts), total
        point.bucket_counts.extend(counts)
        point.explicit_bounds.extend(bounds)
        return point

    def number(metric: NumberDataPoint) -> NumberDataPoint:
        metric.start_time_unix_nano, metric.time_unix_nano = START, TIME
        return metric

    one = request.resource_metrics.add()
    one.resource.attributes.append(key_value("service.name", "one"))
    scope = one.scope_metrics.add()
    scope.scope.name, scope.scope.version = "s", "1"
    times = scope.metrics.add(name="time", unit="s")
    times.histogram.aggregation_temporality = 1
    histogram(times, [1, 2, 3], 0.5, [0.1, 1.0]).attributes.append(key_value("a", "x"))
    histogram(times, [4, 5, 6], 1.5, [0.1, 1.0]).attributes.append(key_value("a", "y"))
    counter = scope.metrics.add(name="requests", unit="1")
    counter.sum.aggregation_temporality, counter.sum.is_monotonic = 2, True
    point = number(counter.sum.data_points.add())
    point.as_int = -7
    point.attributes.append(key_value("a", "x" * 200))
    point = number(counter.sum.data_points.add())
    point.as_int = 8
    point.attributes.extend([key_value("a", 1), key_value("b", True)])
    two = request.resource_metrics.add()
    two.resource.attributes.append(key_value("service.name", "two"))
    scope = two.scope_metrics.add()
    scope.scope.SetInParent()
    gauge = scope.metrics.add(name="temperature", unit="Cel", description="how warm")
    number(gauge.gauge.data_points.add()).as_double = 21.5
    sizes = scope.metrics.add(name="size", unit="By")
    sizes.histogram.aggregation_temporality = 2
    histogram(sizes, list(range(21)), 100.0, [float(bound) for bound in range(20)])
    times = scope.metrics.add(name="time", unit="s")
    times.histogram.aggregation_temporality = 1
    histogram(times, [7, 8, 9], 2.5, [0.1, 1.0]).attributes.append(key_value("a", "x"))
    histogram(times, [0, 0, 1], 3.5, [0.1, 1.0]).attributes.append(key_value("a", "y"))
    return request


def encoded(template: Template, time: int = TIME) -> bytes:
    numbers = np.array([-7, 8, 0], np.int64).view(np.uint64)
    numbers[2] = np.array([21.5]).view(np.uint64)[0]
    times = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9], [0, 0, 1]], np.uint64)
    return template.encode(
        time,
        numbers,
        {
            3: HistogramValues(times, np.array([0.5, 1.5, 2.5, 3.5])),
            21: HistogramValues(np.arange(21, dtype=np.uint64)[None, :], np.array([100.0])),
        },
    )


def test_reads_back_as_the_message_built_by_the_library() -> None:
    template = Template(shapes())
    template.set_start(START)
    data = encoded(template)
    assert ExportMetricsServiceRequest.FromString(data) == built()
    assert (template.points, template.number_points, template.histogram_points) == (8, 3, {3: 4, 21: 1})
    assert len(data) == template.size_bytes


def test_what_was_encoded_does_not_change_with_the_next_tick() -> None:
    template = Template(shapes())
    first = encoded(template)
    kept = bytes(bytearray(first))
    second = encoded(template, TIME + 1)
    assert first == kept
    assert first != second
    assert len(first) == len(second)


def test_points_begin_with_fixed_width_fields() -> None:
    template = Template(shapes())
    template.set_start(START)
    data = encoded(template)
    times = b"\x11" + START.to_bytes(8, "little") + b"\x19" + TIME.to_bytes(8, "little")
    assert times + b"\x31" + (8).to_bytes(8, "little") + b"\x3a" in data
    assert times + b"\x21" + (6).to_bytes(8, "little") + b"\x29" in data, "a histogram's count follows its times"


def test_values_of_another_shape_are_refused() -> None:
    template = Template([ResourceShape((), [MetricShape("a", "", MetricType.SUM, [b"", b""])])])
    with pytest.raises(ValueError, match="shape"):
        template.encode(TIME, np.zeros(3, np.uint64))
    with pytest.raises(KeyError):
        Template(shapes()).encode(TIME, np.zeros(3, np.uint64))


def test_types_a_template_cannot_hold_are_refused() -> None:
    with pytest.raises(ValueError, match="not SUMMARY"):
        Template([ResourceShape((), [MetricShape("a", "", MetricType.SUMMARY, [b""])])])


def test_an_empty_template_is_an_empty_request() -> None:
    assert Template([]).encode(TIME, np.zeros(0, np.uint64)) == b""


@given(st.integers(0, 2**64 - 1))
@settings(max_examples=50)
def test_varints_read_back(value: int) -> None:
    point = HistogramDataPoint.FromString(b"\x50" + varint(value & 0xFFFF_FFFF))  # field 10: flags, uint32
    assert point.flags == value & 0xFFFF_FFFF


@given(
    st.lists(
        st.tuples(
            st.text(max_size=40),
            st.text(max_size=300) | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False),
        ),
        max_size=4,
    )
)
@settings(max_examples=60)
def test_attributes_read_back(attributes: list[tuple[str, str | bool | int | float]]) -> None:
    point = NumberDataPoint.FromString(encode_attributes(7, attributes))
    assert list(point.attributes) == [key_value(*attribute) for attribute in attributes]
