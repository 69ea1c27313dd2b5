"""Editors that make other metrics of distributions: a percentile, explicit buckets, quantiles as gauges."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
from opentelemetry.proto.metrics.v1.metrics_pb2 import Histogram, Metric

from phoenix.engine.ottl.context import Context
from phoenix.engine.ottl.errors import OttlError, OttlSyntaxError
from phoenix.engine.ottl.signature import Editor, Function, params
from phoenix.engine.ottl.values import float_text, to_any


def _extract_percentile(percentile: float, suffix: str | None) -> Editor:
    if not 0 < percentile < 100:
        raise OttlSyntaxError(f"percentile must be greater than 0 and less than 100, got {percentile:f}")
    told = f"p{float_text(percentile) if percentile >= 1e-4 else percentile}"  # as %g
    of: dict[str, Callable[[Any, float], float | None]] = {
        "histogram": _of_histogram, "exponential_histogram": _of_exponential,
    }  # fmt: skip

    def edit(context: Context) -> None:
        metric, compute = context.metric, of.get(context.kind or "")
        if compute is None:
            return
        made = Metric(name=metric.name + (suffix or f"_{told}"), unit=metric.unit)
        made.description = f"{metric.description} ({told})" if metric.description else told
        for point in context.points():
            value = compute(point, percentile)
            if value is not None:
                number = made.gauge.data_points.add(
                    as_double=value,
                    time_unix_nano=point.time_unix_nano,
                    start_time_unix_nano=point.start_time_unix_nano,
                )
                number.attributes.extend(point.attributes)
        if made.gauge.data_points:
            context.scope.metrics.append(made)

    return edit


def _rank(count: int, percentile: float) -> int:
    return math.ceil(count * (percentile / 100))


def _linear(lower: float, upper: float, ratio: float) -> float:
    return lower + _share(ratio) * (upper - lower)


def _logarithmic(lower: float, upper: float, ratio: float) -> float:
    if lower <= 0 or upper <= 0:
        raise OttlError(f"logarithmic interpolation: bounds must be positive, got {lower} and {upper}")
    low, high = math.log2(lower), math.log2(upper)
    return float(2 ** (low + (high - low) * _share(ratio)))


def _share(ratio: float) -> float:
    if not 0 <= ratio <= 1:
        raise OttlError(f"interpolation: the counts of buckets contradict each other: {ratio:f} is not within 0 and 1")
    return ratio


def _part(count: int, of: int) -> float:
    if of == 0:
        raise OttlError("interpolation: the bucket of that rank is empty")
    return count / of


def _of_histogram(point: Any, percentile: float) -> float | None:
    """The value at a percentile, evenly spread within its bucket; None where the point has nothing to tell it from."""
    counts, bounds = list(point.bucket_counts), list(point.explicit_bounds)
    if not point.count or not counts:
        return None
    if len(counts) != len(bounds) + 1:
        raise OttlError(f"extract_percentile_metric: {len(counts)} bucket counts do not fit {len(bounds)} bounds")
    target = _rank(point.count, percentile)
    if not bounds:
        known = point.HasField("min") and point.HasField("max")
        return _linear(point.min, point.max, _part(target, counts[0])) if known else None
    seen = 0
    for index, count in enumerate(counts):
        if seen + count >= target:
            lower, upper = _bounds(point, bounds, index)
            return lower if lower == upper else _linear(lower, upper, _part(target - seen, count))
        seen += count
    raise OttlError(f"extract_percentile_metric: the buckets hold {seen} of {point.count}, fewer than rank {target}")


def _bounds(point: Any, bounds: list[float], index: int) -> tuple[float, float]:
    """Bounds of a bucket; equal ones where the bucket is open to a side and nothing tells how far it goes."""
    if index == 0:
        upper = bounds[0]
        if point.HasField("min") and point.min < upper:
            return point.min, upper
        return (upper, upper) if upper < 0 else (0.0, upper)
    lower = bounds[index - 1]
    if index < len(bounds):
        return lower, bounds[index]
    return (lower, point.max) if point.HasField("max") and point.max > lower else (lower, lower)


def _of_exponential(point: Any, percentile: float) -> float | None:
    """The value at a percentile: from the most negative bucket over the zero bucket to the largest."""
    negative, positive = list(point.negative.bucket_counts), list(point.positive.bucket_counts)
    if not point.count or not (negative or positive or point.zero_count):
        return None
    target, seen = _rank(point.count, percentile), 0
    for index in range(len(negative) - 1, -1, -1):
        if seen + negative[index] >= target:
            at = point.negative.offset + index
            ratio = 1 - _part(target - seen, negative[index])
            return -_logarithmic(_bound(at, point.scale), _bound(at + 1, point.scale), ratio)
        seen += negative[index]
    if seen + point.zero_count >= target:
        lower = 0.0 if positive and not negative else -point.zero_threshold
        upper = 0.0 if negative and not positive else point.zero_threshold
        return _linear(lower, upper, _part(target - seen, point.zero_count))
    seen += point.zero_count
    for index, count in enumerate(positive):
        if seen + count >= target:
            at = point.positive.offset + index
            return _logarithmic(_bound(at, point.scale), _bound(at + 1, point.scale), _part(target - seen, count))
        seen += count
    raise OttlError(f"extract_percentile_metric: the buckets hold {seen} of {point.count}, fewer than rank {target}")


def _bound(index: int, scale: int) -> float:
    """The lower bound of a bucket of an exponential histogram; infinite beyond what a double holds."""
    try:
        if scale <= 0:
            return math.ldexp(
                1, index << min(-scale, 12)
            )  # 2^12 and more are beyond a double, whatever the sender wrote
        return math.exp(index * math.ldexp(math.log(2), -scale))
    except OverflowError:
        return math.inf


Spread = Callable[[int, float, float, list[float]], dict[int, int]]
"""(count, lower, upper, boundaries) of a bucket → how many go into each explicit bucket, by index."""


def _upper(count: int, _lower: float, upper: float, boundaries: list[float]) -> dict[int, int]:
    return {next((i for i, bound in enumerate(boundaries) if upper <= bound), len(boundaries) - 1): count}


def _midpoint(count: int, lower: float, upper: float, boundaries: list[float]) -> dict[int, int]:
    middle = (upper + lower) / 2
    for index, bound in enumerate(boundaries):
        if middle <= bound:
            return {max(index - 1, 0): count}
    return {len(boundaries) - 1: count}


def _reach(lower: float, upper: float, boundaries: list[float]) -> tuple[int, int]:
    """First and last boundary that a bucket touches."""
    last = len(boundaries)
    start = next((i for i, bound in enumerate(boundaries) if lower <= bound), last)
    end = next((i for i in range(start, last) if upper <= boundaries[i]), last)
    return start, min(end, last - 1)


def _uniform(count: int, lower: float, upper: float, boundaries: list[float]) -> dict[int, int]:
    start, end = _reach(lower, upper, boundaries)
    if end <= start:
        return {start: count}
    each, rest = divmod(count, end - start + 1)
    return {index: each + (index - start < rest) for index in range(start, end + 1)}


def _random(count: int, lower: float, upper: float, boundaries: list[float]) -> dict[int, int]:
    start, end = _reach(lower, upper, boundaries)
    if end <= start:
        return {start: count}
    given = {}
    for index in range(start, end + 1):
        below = lower if index == 0 else boundaries[index - 1]
        overlap = min(boundaries[index], upper) - max(below, lower)
        given[index] = int(random.random() * int(count * (overlap / (upper - lower))))
    left = count - sum(given.values())
    if left > 0:  # the Collector draws a bucket for each, one by one; of millions that is too slow here
        drawn = np.random.default_rng().multinomial(left, [1 / len(given)] * len(given))
        for index, more in enumerate(drawn.tolist(), start):
            given[index] += more
    return given


_SPREADS: dict[str, Spread] = {"upper": _upper, "midpoint": _midpoint, "random": _random, "uniform": _uniform}


def _convert_exponential(distribution: str, boundaries: list[float]) -> Editor:
    spread = _SPREADS.get(distribution or "random")
    if spread is None:
        raise OttlSyntaxError(f"invalid conversion function: {distribution}, must be one of {', '.join(_SPREADS)}")
    if not boundaries:
        raise OttlSyntaxError("explicit bounds cannot be empty")

    def edit(context: Context) -> None:
        if context.kind != "exponential_histogram":
            return
        old = context.metric.exponential_histogram
        made = Histogram(aggregation_temporality=old.aggregation_temporality)
        for point in old.data_points:
            # NB: as in the Collector a sum, min and max that were not set are zeros afterwards
            new = made.data_points.add(
                start_time_unix_nano=point.start_time_unix_nano, time_unix_nano=point.time_unix_nano,
                count=point.count, sum=point.sum, min=point.min, max=point.max, explicit_bounds=boundaries,
                bucket_counts=_explicit_counts(point, boundaries, spread),
            )  # fmt: skip
            new.attributes.extend(point.attributes)
            new.exemplars.extend(point.exemplars)
        context.metric.histogram.CopyFrom(made)
        context.kind = "histogram"

    return edit


def _explicit_counts(point: Any, boundaries: list[float], spread: Spread) -> list[int]:
    """As many counts as there are boundaries: what is above the last one is in its bucket, what is negative nowhere."""
    counts = [0] * len(boundaries)
    if boundaries[0] == 0:
        counts[0] += point.zero_count
    factor = math.ldexp(math.log(2), -point.scale)
    for position, count in enumerate(point.positive.bucket_counts):
        at = point.positive.offset + position
        lower, upper = _exp(at * factor), _exp((at + 1) * factor)
        if lower > boundaries[-1]:
            counts[-1] += count
            continue
        whole = (i for i in range(1, len(boundaries)) if lower > boundaries[i - 1] and upper <= boundaries[i])
        inside = next(whole, None)
        given = {inside - 1: count} if inside is not None else spread(count, lower, upper, boundaries)
        for index, some in given.items():
            counts[index] += some
    return counts


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _quantiles_to_gauge(attribute_key: str | None, suffix: str | None) -> Editor:
    key = "quantile" if attribute_key is None else attribute_key

    def edit(context: Context) -> None:
        if context.kind != "summary":
            return
        metric = context.metric
        made = context.scope.metrics.add(
            name=metric.name + (".quantiles" if suffix is None else suffix),
            description=metric.description, unit=metric.unit,
        )  # fmt: skip
        made.gauge.SetInParent()
        for point in metric.summary.data_points:
            for quantile in point.quantile_values:
                number = made.gauge.data_points.add(
                    as_double=quantile.value, time_unix_nano=point.time_unix_nano,
                    start_time_unix_nano=point.start_time_unix_nano,
                )  # fmt: skip
                number.attributes.extend(pair for pair in point.attributes if pair.key != key)
                number.attributes.add(key=key, value=to_any(quantile.quantile))

    return edit


DISTRIBUTIONS = (
    Function("extract_percentile_metric", params("percentile:float suffix:text?"), _extract_percentile, level="metric"),
    Function(
        "convert_exponential_histogram_to_histogram",
        params("distribution_fn:text explicit_bounds:floats"),
        _convert_exponential,
        level="metric",
    ),
    Function(
        "convert_summary_quantile_val_to_gauge",
        params("attribute_key:text? suffix:text?"),
        _quantiles_to_gauge,
        level="metric",
    ),
)
