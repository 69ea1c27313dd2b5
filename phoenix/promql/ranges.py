"""Functions of ranges: rate and its kin with Prometheus's extrapolation, and aggregation over time.

From: a Range and the bounds it was selected by. To: a Vector without metric names (last_over_time keeps them). As
Prometheus 2.42 does it, but for the last bits of floating point.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from phoenix.promql.vectors import Floats, Range, Vector

_EXTRAPOLATION = 1.1  # a gap longer than this many average intervals is not extrapolated over


def _steps(found: Range) -> Floats:
    """Difference of each point to the one before it of the same series, 0 for first ones."""
    steps = np.zeros_like(found.values)
    steps[1:] = found.values[1:] - found.values[:-1]
    steps[found.firsts] = 0.0
    return steps


def _counter_steps(found: Range) -> Floats:
    """As `_steps`, but a counter that fell was reset: it began at 0 again."""
    steps = _steps(found)
    fell = steps < 0
    fell[found.firsts] = False
    return np.where(fell, found.values, steps)


def extrapolated(found: Range, start_ms: int, end_ms: int, *, counter: bool, per_second: bool) -> Vector:
    """rate (counter, per second), increase (counter), delta (neither): two points at least."""
    enough = found.counts > 1
    if not enough.any():
        return Vector([], np.empty(0))
    # Of a sum of the very differences, as Prometheus: last − first + what was lost at resets.
    resets = np.add.reduceat(_counter_steps(found) - _steps(found), found.firsts) if counter else 0.0
    first_value, last_value = found.values[found.firsts], found.values[found.lasts]
    result = (last_value - first_value + resets)[enough]
    first_s = (found.times[found.firsts] - start_ms)[enough] / 1000
    last_s = (end_ms - found.times[found.lasts])[enough] / 1000
    sampled_s = (found.times[found.lasts] - found.times[found.firsts])[enough] / 1000
    average_s = sampled_s / (found.counts[enough] - 1)
    if counter:
        first = first_value[enough]
        rising = (result > 0) & (first >= 0)
        to_zero_s = sampled_s * np.divide(first, result, out=np.full_like(first, np.inf), where=rising)
        first_s = np.minimum(first_s, to_zero_s)  # a counter does not begin below zero
    limit_s = average_s * _EXTRAPOLATION
    stretched = sampled_s + np.where(first_s < limit_s, first_s, average_s / 2)
    stretched += np.where(last_s < limit_s, last_s, average_s / 2)
    result = result * (stretched / sampled_s)
    if per_second:
        result = result / ((end_ms - start_ms) / 1000)
    return _some(found, enough, result)


def instant(found: Range, *, counter: bool) -> Vector:
    """irate (counter) and idelta: of the last two points."""
    enough = found.counts > 1
    lasts = found.lasts[enough]
    last, before = found.values[lasts], found.values[lasts - 1]
    step = np.where(last < before, last, last - before) if counter else last - before
    if counter:
        step = step / ((found.times[lasts] - found.times[lasts - 1]) / 1000)
    return _some(found, enough, step)


def regression(found: Range, at_ms: int) -> tuple[Vector, Floats]:
    """Least squares of each series with two points or more: (slope a second, value at `at_ms`)."""
    enough = found.counts > 1
    counts = found.counts.astype(np.float64)
    x = (found.times - at_ms) / 1000
    x0 = np.repeat(x[found.firsts], found.counts)  # taken off for precision
    dx = x - x0
    sums = [np.add.reduceat(part, found.firsts) for part in (dx, found.values, dx * found.values, dx * dx)]
    sum_x, sum_y, sum_xy, sum_x2 = sums
    cov, var = sum_xy - sum_x * sum_y / counts, sum_x2 - sum_x * sum_x / counts
    slope = np.divide(cov, var, out=np.full_like(cov, np.nan), where=var != 0)
    constant = _constant(found)
    slope = np.where(constant, 0.0, slope)
    intercept = sum_y / counts - slope * (sum_x / counts + x[found.firsts])
    return _some(found, enough, slope[enough]), intercept[enough]


def _constant(found: Range) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    low, high = np.minimum.reduceat(found.values, found.firsts), np.maximum.reduceat(found.values, found.firsts)
    constant: np.ndarray[tuple[int], np.dtype[np.bool_]] = low == high
    return constant


def changes(found: Range, *, resets: bool) -> Vector:
    """How often the value changed, or fell."""
    steps = _steps(found)
    moved = steps < 0 if resets else (steps != 0)
    moved[found.firsts] = False
    return Vector(found.labels, np.add.reduceat(moved.astype(np.float64), found.firsts)).bare()


def _variance(found: Range) -> Floats:
    means = np.repeat(np.add.reduceat(found.values, found.firsts) / found.counts, found.counts)
    spread: Floats = np.add.reduceat((found.values - means) ** 2, found.firsts) / found.counts
    return spread


def quantiles(share: float, found: Range) -> Vector:
    """quantile_over_time."""
    return Vector(
        found.labels,
        np.array([quantile(share, found.values[a : b + 1]) for a, b in zip(found.firsts, found.lasts, strict=True)]),
    ).bare()


def quantile(share: float, values: Floats) -> float:
    """Prometheus's quantile of some values: between neighbours by weight, ±Inf outside [0, 1]."""
    if not len(values) or np.isnan(share):
        return float("nan")
    if share < 0 or share > 1:
        return float("-inf") if share < 0 else float("inf")
    ordered = np.sort(values)
    rank = share * (len(ordered) - 1)
    low = max(0, int(np.floor(rank)))
    high = min(len(ordered) - 1, low + 1)
    weight = rank - np.floor(rank)
    return float(ordered[low] * (1 - weight) + ordered[high] * weight)


OVER_TIME: dict[str, Callable[[Range], Floats]] = {
    "sum_over_time": lambda found: np.add.reduceat(found.values, found.firsts),
    "avg_over_time": lambda found: np.add.reduceat(found.values, found.firsts) / found.counts,
    "min_over_time": lambda found: np.fmin.reduceat(found.values, found.firsts),
    "max_over_time": lambda found: np.fmax.reduceat(found.values, found.firsts),
    "count_over_time": lambda found: found.counts.astype(np.float64),
    "last_over_time": lambda found: found.values[found.lasts],
    "present_over_time": lambda found: np.ones(len(found.labels)),
    "stdvar_over_time": _variance,
    "stddev_over_time": lambda found: np.sqrt(_variance(found)),
}
"""Functions of one range."""


def _some(found: Range, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]], values: Floats) -> Vector:
    return Vector([found.labels[at].bare for at in np.flatnonzero(chosen).tolist()], values)
