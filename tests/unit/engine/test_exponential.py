"""Arithmetic of exponential histograms where indexes are far from zero, as they are at the scale SDKs begin with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint, Metric

from phoenix.engine.exponential import Buckets, add
from phoenix.engine.merge import merge_points
from phoenix.engine.ottl.functions.distributions import _bound
from tests.unit.engine.harness import through
from tests.unit.engine.otlp import number_metric, request

BUCKETS = st.builds(Buckets, st.integers(-6, 6), st.lists(st.integers(0, 1), max_size=6))


def index_by_index(one, other):
    low, high = min(one.offset, other.offset), max(one.end, other.end)
    while low < high and not one.at(low) and not other.at(low):
        low += 1
    while low < high - 1 and not one.at(high - 1) and not other.at(high - 1):
        high -= 1
    return low, high


@given(BUCKETS, BUCKETS)
def test_the_span_of_both_is_what_counting_down_index_by_index_gives(one, other):
    assert one.span(other) == index_by_index(one, other)


def test_a_point_that_counted_only_zeros_is_added_at_once_however_far_the_others_buckets_are():
    so_far = ExponentialHistogramDataPoint(scale=20, count=1)
    so_far.positive.offset = -(2**31)  # index by index this takes a quarter of an hour
    so_far.positive.bucket_counts.append(1)
    add(so_far, ExponentialHistogramDataPoint(scale=20, count=2, zero_count=2))
    assert (so_far.scale, so_far.count, so_far.zero_count) == (20, 3, 2)
    assert (so_far.positive.offset, list(so_far.positive.bucket_counts)) == (-(2**31), [1])


def test_buckets_too_far_apart_for_memory_are_refused():
    metric = Metric()
    for offset in (-(2**31), 2**31 - 1):
        point = metric.exponential_histogram.data_points.add(scale=20, count=1)
        point.positive.offset = offset
        point.positive.bucket_counts.append(1)
    with pytest.raises(ValueError, match="4,294,967,295 apart"):
        merge_points(metric, "sum")


def test_bounds_at_a_scale_that_no_sender_means():
    assert [_bound(index, -(2**31)) for index in (-1, 0, 1)] == [0.0, 1.0, float("inf")]


async def test_buckets_that_counted_very_much_are_spread_at_random_without_a_draw_for_each():
    message = request(number_metric("gauge", "g", [({}, 1)]))
    metric = message.resource_metrics[0].scope_metrics[0].metrics[0]
    point = metric.exponential_histogram.data_points.add(scale=0, count=2**50)  # values from 1 to 2
    point.positive.bucket_counts.append(2**50)
    statement = 'convert_exponential_histogram_to_histogram("random", [1.2, 1.5, 4.0])'
    made = await through("transform", f"metric_statements: [{{context: metric, statements: ['{statement}']}}]", message)
    (left,) = made.resource_metrics[0].scope_metrics[0].metrics[0].histogram.data_points
    assert sum(left.bucket_counts) == 2**50
    assert all(left.bucket_counts)
