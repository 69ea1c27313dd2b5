"""Aggregation of a vector into groups, and quantiles of histograms."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from phoenix.promql.errors import PromqlError, Unsupported
from phoenix.promql.ranges import quantile
from phoenix.promql.syntax import Aggregate
from phoenix.promql.vectors import Floats, Labels, Vector, vector_of

SUPPORTED = frozenset(
    ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "topk", "bottomk", "quantile", "count_values")
)


def aggregate(expr: Aggregate, vector: Vector, param: float | str | None) -> Vector:
    """Apply an aggregation to a vector; `param` is that of topk, bottomk, quantile and count_values."""
    if expr.operator not in SUPPORTED:
        msg = f"{expr.operator} is not in the built-in subset"
        raise Unsupported(msg)
    if not len(vector.labels):
        return vector
    groups, place = _groups(expr, vector.labels)
    if expr.operator in ("topk", "bottomk"):
        return _best(vector, place, _count(param), largest=expr.operator == "topk")
    if expr.operator == "count_values":
        return _count_values(vector, groups, place, str(param))
    members = [np.flatnonzero(place == at) for at in range(len(groups))] if expr.operator in _BY_MEMBERS else []
    if expr.operator == "quantile":
        share = float(param) if param is not None else math.nan
        return Vector(groups, np.array([quantile(share, vector.values[chosen]) for chosen in members]))
    if expr.operator in ("min", "max"):
        pick = np.fmin if expr.operator == "min" else np.fmax
        return Vector(groups, np.array([pick.reduce(vector.values[chosen]) for chosen in members]))
    return Vector(groups, _folded(expr.operator, vector.values, place, len(groups)))


_BY_MEMBERS = ("quantile", "min", "max")


def _folded(operator: str, values: Floats, place: np.ndarray[tuple[int], np.dtype[np.int64]], groups: int) -> Floats:
    counts = np.bincount(place, minlength=groups).astype(np.float64)
    if operator == "count":
        return counts
    if operator == "group":
        return np.ones(groups)
    sums = np.bincount(place, values, minlength=groups).astype(np.float64)
    if operator == "sum":
        return sums
    means = sums / counts
    if operator == "avg":
        return means
    spread = np.bincount(place, (values - means[place]) ** 2, minlength=groups) / counts
    return np.sqrt(spread) if operator == "stddev" else spread


def _groups(
    expr: Aggregate, labels: Sequence[Labels]
) -> tuple[list[Labels], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    found: dict[Labels, int] = {}
    names = expr.labels or ()
    keys = [one.without(names) if expr.without else one.only(names) for one in labels]
    place = np.array([found.setdefault(key, len(found)) for key in keys], np.int64)
    return list(found), place


def _count(param: float | str | None) -> int:
    if not isinstance(param, (int, float)) or not math.isfinite(param):
        msg = f"want a whole number for topk or bottomk, have {param}"
        raise PromqlError(msg)
    return int(param)


def _best(vector: Vector, place: np.ndarray[tuple[int], np.dtype[np.int64]], count: int, *, largest: bool) -> Vector:
    if count < 1:
        return Vector([], np.empty(0))
    worth = np.where(np.isnan(vector.values), -np.inf, vector.values if largest else -vector.values)
    order = np.lexsort((-worth, place))  # stable: of equals the first stays
    rank = np.empty(len(order), np.int64)
    firsts = np.flatnonzero(np.append(True, place[order][1:] != place[order][:-1]))
    rank[order] = np.arange(len(order)) - np.repeat(firsts, np.diff(np.append(firsts, len(order))))
    return vector.kept(rank < count)


def _count_values(
    vector: Vector, groups: list[Labels], place: np.ndarray[tuple[int], np.dtype[np.int64]], label: str
) -> Vector:
    found: dict[Labels, float] = {}
    for at, value in zip(place.tolist(), vector.values.tolist(), strict=True):
        key = Labels({**groups[at].map, label: shown(value)})
        found[key] = found.get(key, 0.0) + 1
    return vector_of(found.items())


def shown(value: float) -> str:
    """A float as Go's strconv 'f' with the fewest digits writes it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = np.format_float_positional(value, trim="-")
    return str(text)


def histogram_quantile(share: float, vector: Vector) -> Vector:
    """Quantile of classic histograms: linear within the bucket. Without buckets or an infinite one: as Prometheus."""
    groups: dict[Labels, list[tuple[float, float]]] = {}
    for labels, value in vector.items():
        try:
            bound = float(labels.map.get("le", "").replace("Inf", "inf"))
        except ValueError:
            continue
        groups.setdefault(labels.without(("le",)), []).append((bound, value))
    return vector_of((labels, _bucket_quantile(share, buckets)) for labels, buckets in groups.items())


def _bucket_quantile(share: float, buckets: list[tuple[float, float]]) -> float:
    if math.isnan(share):
        return math.nan
    if share < 0 or share > 1:
        return -math.inf if share < 0 else math.inf
    merged: dict[float, float] = {}
    for bound, count in sorted(buckets):
        merged[bound] = merged.get(bound, 0.0) + count
    bounds, counts = list(merged), list(merged.values())
    if not math.isinf(bounds[-1]) or len(bounds) < 2:
        return math.nan
    for at in range(1, len(counts)):  # counts that fell were read while they were written
        counts[at] = max(counts[at], counts[at - 1])
    if not counts[-1]:
        return math.nan
    rank = share * counts[-1]
    at = next((index for index, count in enumerate(counts[:-1]) if count >= rank), len(counts) - 1)
    if at == len(counts) - 1:
        return bounds[-2]
    if at == 0 and bounds[0] <= 0:
        return bounds[0]
    start = bounds[at - 1] if at else 0.0
    below = counts[at - 1] if at else 0.0
    inside = counts[at] - below
    return start + (bounds[at] - start) * ((rank - below) / inside) if inside else math.nan
