"""The built-in evaluator: an instant query over a Store, as Prometheus answers it, for the subset of docs/judging.md.

`check` says before a run whether a query is within the subset; `evaluate` answers it. Memory: the points selected, one
query at a time. Histograms are classic ones (`le` buckets).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from phoenix.promql import ranges
from phoenix.promql.aggregates import SUPPORTED, aggregate, histogram_quantile
from phoenix.promql.errors import PromqlError, Unsupported
from phoenix.promql.operators import ARITHMETIC, COMPARISON, SETS, binary
from phoenix.promql.relabel import label_join, label_replace
from phoenix.promql.syntax import (
    Aggregate,
    At,
    Binary,
    Call,
    Expr,
    Negation,
    Number,
    Selector,
    Subquery,
    Text,
    walk,
)
from phoenix.promql.vectors import NAME, Floats, Labels, Range, Store, Vector, range_of

LOOKBACK_MS = 300_000
"""Prometheus's: how old the last point of a series may be for the series to have a value."""
_DEFAULT_STEP_MS = 60_000  # of subqueries: Prometheus's evaluation interval
_MAX_STEPS = 11_000
Value = Vector | float | str


@dataclass(frozen=True, slots=True)
class Instant:
    """When, and from what. `start_ms` and `end_ms` are what `@ start()` and `@ end()` mean."""

    store: Store
    at_ms: int
    lookback_ms: int = LOOKBACK_MS
    start_ms: int | None = None
    end_ms: int | None = None

    def moved(self, at_ms: int) -> Instant:
        """The same at another time."""
        start = self.at_ms if self.start_ms is None else self.start_ms
        end = self.at_ms if self.end_ms is None else self.end_ms
        return Instant(self.store, at_ms, self.lookback_ms, start, end)

    def read_at(self, when: At) -> int:
        """Unix milliseconds a selector with `when` reads at."""
        at = self.at_ms
        if when.at == "start()":
            at = self.at_ms if self.start_ms is None else self.start_ms
        elif when.at == "end()":
            at = self.at_ms if self.end_ms is None else self.end_ms
        elif when.at:
            at = round(float(when.at) * 1000)
        return at - when.offset_ms


def evaluate(expr: Expr, now: Instant) -> Vector:
    """The answer as an instant vector; a scalar becomes one value without labels.

    Raises:
        PromqlError: the query has no answer, such as vectors that do not match one to one.
        Unsupported: it is outside the built-in subset.
    """
    with np.errstate(all="ignore"):
        found = _value(expr, now)
    if isinstance(found, str):
        msg = "the query is a string, which has no values to compare"
        raise PromqlError(msg)
    return found if isinstance(found, Vector) else Vector([Labels({})], np.array([found]))


def check(expr: Expr) -> None:
    """Whether the built-in evaluator can answer it. Raises Unsupported with what it cannot, PromqlError for ranges."""
    for part in walk(expr):
        if isinstance(part, Call) and part.function not in FUNCTIONS:
            msg = f"{part.function}() is not in the built-in subset"
            raise Unsupported(msg)
        if isinstance(part, Aggregate) and part.operator not in SUPPORTED:
            msg = f"{part.operator} is not in the built-in subset"
            raise Unsupported(msg)
        if isinstance(part, Binary) and part.operator not in (*ARITHMETIC, *COMPARISON, *SETS):
            msg = f"{part.operator} is not in the built-in subset"
            raise Unsupported(msg)
    refuse_range(expr)


def refuse_range(expr: Expr) -> None:
    """Raises PromqlError for a query that has no values at one instant, whoever answers it."""
    if isinstance(expr, Subquery) or (isinstance(expr, Selector) and expr.range_ms is not None):
        msg = "a range is no answer: put it into a function such as rate()"
        raise PromqlError(msg)


def reach_ms(expr: Expr, lookback_ms: int) -> int:
    """How far back from its instant an expression reads, milliseconds; `@` with a fixed time is not counted."""
    match expr:
        case Selector():
            return max(0, expr.when.offset_ms + (expr.range_ms if expr.range_ms is not None else lookback_ms))
        case Subquery():
            return max(0, expr.when.offset_ms + expr.range_ms) + reach_ms(expr.expr, lookback_ms)
        case Call():
            return max((reach_ms(arg, lookback_ms) for arg in expr.args), default=0)
        case Aggregate() | Negation():
            return reach_ms(expr.expr, lookback_ms)
        case Binary():
            return max(reach_ms(expr.left, lookback_ms), reach_ms(expr.right, lookback_ms))
    return 0


def _value(expr: Expr, now: Instant) -> Value:
    match expr:
        case Number() | Text():
            return expr.value
        case Selector():
            return _selected(expr, now)[0]
        case Negation():
            inner = _value(expr.expr, now)
            return inner.bare(-inner.values) if isinstance(inner, Vector) else -_scalar(inner)
        case Aggregate():
            param = _value(expr.param, now) if expr.param is not None else None
            assert not isinstance(param, Vector)  # the parser's types
            return aggregate(expr, _vector(expr.expr, now), param)
        case Binary():
            left, right = _value(expr.left, now), _value(expr.right, now)
            assert not isinstance(left, str)
            assert not isinstance(right, str)
            return binary(expr, left, right)
        case Call():
            return _call(expr, now)
        case Subquery():
            check(expr)
    msg = f"{type(expr).__name__} is not in the built-in subset"
    raise Unsupported(msg)


def _vector(expr: Expr, now: Instant) -> Vector:
    found = _value(expr, now)
    assert isinstance(found, Vector)  # the parser's types
    return found


def _scalar(value: Value) -> float:
    assert isinstance(value, (int, float))  # the parser's types
    return float(value)


def _selected(selector: Selector, now: Instant) -> tuple[Vector, Floats]:
    """Instant values of a selector, and the seconds of their points."""
    at = now.read_at(selector.when)
    found = now.store.select(selector, at - now.lookback_ms, at)
    return Vector(found.labels, found.values[found.lasts]), found.times[found.lasts] / 1000


def _range(expr: Expr, now: Instant) -> tuple[Range, int, int]:
    """A range with its bounds in Unix milliseconds."""
    if isinstance(expr, Selector):
        assert expr.range_ms is not None  # the parser's types
        end = now.read_at(expr.when)
        found = now.store.select(expr, end - expr.range_ms, end)
        numbers = ~np.isnan(found.values)
        return (found if numbers.all() else _cut(found, numbers)), end - expr.range_ms, end
    if not isinstance(expr, Subquery):
        msg = "want a range such as metric[5m]"
        raise Unsupported(msg)
    end, step = now.read_at(expr.when), expr.step_ms or _DEFAULT_STEP_MS
    start = end - expr.range_ms
    first = -(-start // step) * step
    if (end - first) // step > _MAX_STEPS:
        msg = f"a subquery of more than {_MAX_STEPS} steps; take a longer step"
        raise PromqlError(msg)
    series: dict[Labels, tuple[list[int], list[float]]] = {}
    for at in range(first, end + 1, step):
        value = _value(expr.expr, now.moved(at))
        pairs = value.items() if isinstance(value, Vector) else [(Labels({}), _scalar(value))]
        for labels, number in pairs:
            times, values = series.setdefault(labels, ([], []))
            times.append(at)
            values.append(number)
    return range_of((labels, times, values) for labels, (times, values) in series.items()), start, end


def _cut(found: Range, kept: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Range:
    """Only these points: NaN is what a stale marker looks like without its bits, and no point of a range."""
    counts = np.add.reduceat(kept.astype(np.int64), found.firsts) if len(found.labels) else np.empty(0, np.int64)
    some = counts > 0
    return Range(
        [labels for labels, any_ in zip(found.labels, some, strict=True) if any_],
        np.append(0, np.cumsum(counts[some])),
        found.times[kept],
        found.values[kept],
    )


def _call(expr: Call, now: Instant) -> Value:
    function = FUNCTIONS.get(expr.function)
    if function is None:
        msg = f"{expr.function}() is not in the built-in subset"
        raise Unsupported(msg)
    return function(expr, now)


def _extrapolated(*, counter: bool, per_second: bool) -> Callable[[Call, Instant], Value]:
    def function(call: Call, now: Instant) -> Value:
        found, start, end = _range(call.args[0], now)
        return ranges.extrapolated(found, start, end, counter=counter, per_second=per_second) if found.labels else _NONE

    return function


def _of_range(work: Callable[[Range, int], Vector]) -> Callable[[Call, Instant], Value]:
    def function(call: Call, now: Instant) -> Value:
        found, _, _ = _range(call.args[-1], now)
        return work(found, now.at_ms) if found.labels else _NONE

    return function


def _over_time(name: str) -> Callable[[Call, Instant], Value]:
    def work(found: Range, _: int) -> Vector:
        values = ranges.OVER_TIME[name](found)
        vector = Vector(found.labels, values)
        return vector if name == "last_over_time" else vector.bare()

    return _of_range(work)


def _quantile_over_time(call: Call, now: Instant) -> Value:
    share, (found, _, _) = _scalar(_value(call.args[0], now)), _range(call.args[1], now)
    return ranges.quantiles(share, found)


def _predict_linear(call: Call, now: Instant) -> Value:
    found, _, _ = _range(call.args[0], now)
    if not found.labels:
        return _NONE
    slope, at = ranges.regression(found, now.at_ms)
    return Vector(slope.labels, at + slope.values * _scalar(_value(call.args[1], now)))


def _mapped(work: Callable[[Floats], Floats]) -> Callable[[Call, Instant], Value]:
    def function(call: Call, now: Instant) -> Value:
        vector = _vector(call.args[0], now)
        return vector.bare(work(vector.values))

    return function


def _rounded(call: Call, now: Instant) -> Value:
    vector = _vector(call.args[0], now)
    to = _scalar(_value(call.args[1], now)) if len(call.args) > 1 else 1.0
    inverse = 1 / to  # as Prometheus, so that 0.1 does not become 0.1000001
    return vector.bare(np.floor(vector.values * inverse + 0.5) / inverse)


def _clamp(call: Call, now: Instant) -> Value:
    vector = _vector(call.args[0], now)
    bounds = [_scalar(_value(arg, now)) for arg in call.args[1:]]
    low = bounds[0] if call.function != "clamp_max" else -math.inf
    high = bounds[-1] if call.function != "clamp_min" else math.inf
    return vector.bare(np.maximum(low, np.minimum(high, vector.values))) if low <= high else _NONE


def _absent(call: Call, now: Instant) -> Value:
    over_time = call.function == "absent_over_time"
    found = _range(call.args[0], now)[0].labels if over_time else _vector(call.args[0], now).labels
    if found:
        return _NONE
    labels: dict[str, str] = {}
    seen: set[str] = set()
    if isinstance(selector := call.args[0], Selector):
        for matcher in selector.matchers:
            if matcher.label in seen or matcher.operator != "=":
                labels.pop(matcher.label, None)
            else:
                labels[matcher.label] = matcher.value
            seen.add(matcher.label)
    labels.pop(NAME, None)
    return Vector([Labels(labels)], np.ones(1))


def _relabelled(work: Callable[..., Vector]) -> Callable[[Call, Instant], Value]:
    def function(call: Call, now: Instant) -> Value:
        return work(_vector(call.args[0], now), *(str(_value(arg, now)) for arg in call.args[1:]))

    return function


def _to_scalar(call: Call, now: Instant) -> Value:
    vector = _vector(call.args[0], now)
    return float(vector.values[0]) if len(vector.values) == 1 else math.nan


def _timestamp(call: Call, now: Instant) -> Value:
    if isinstance(call.args[0], Selector):
        vector, times = _selected(call.args[0], now)
        return vector.bare(times)
    vector = _vector(call.args[0], now)
    return vector.bare(np.full(len(vector.values), now.at_ms / 1000))


def _histogram_quantile(call: Call, now: Instant) -> Value:
    return histogram_quantile(_scalar(_value(call.args[0], now)), _vector(call.args[1], now))


_NONE = Vector([], np.empty(0))
FUNCTIONS: dict[str, Callable[[Call, Instant], Value]] = {
    "rate": _extrapolated(counter=True, per_second=True),
    "increase": _extrapolated(counter=True, per_second=False),
    "delta": _extrapolated(counter=False, per_second=False),
    "irate": _of_range(lambda found, _: ranges.instant(found, counter=True)),
    "idelta": _of_range(lambda found, _: ranges.instant(found, counter=False)),
    "deriv": _of_range(lambda found, at: ranges.regression(found, at)[0]),
    "changes": _of_range(lambda found, _: ranges.changes(found, resets=False)),
    "resets": _of_range(lambda found, _: ranges.changes(found, resets=True)),
    "predict_linear": _predict_linear,
    "quantile_over_time": _quantile_over_time,
    "round": _rounded,
    "clamp": _clamp,
    "clamp_min": _clamp,
    "clamp_max": _clamp,
    "absent": _absent,
    "absent_over_time": _absent,
    "label_replace": _relabelled(label_replace),
    "label_join": _relabelled(label_join),
    "scalar": _to_scalar,
    "vector": lambda call, now: Vector([Labels({})], np.array([_scalar(_value(call.args[0], now))])),
    "time": lambda _, now: now.at_ms / 1000,
    "pi": lambda *_: math.pi,
    "timestamp": _timestamp,
    "histogram_quantile": _histogram_quantile,
    "sort": lambda call, now: _vector(call.args[0], now),  # answers are compared by labels, not by place
    "sort_desc": lambda call, now: _vector(call.args[0], now),
    **{name: _over_time(name) for name in ranges.OVER_TIME},
    **{
        name: _mapped(work)
        for name, work in {
            "abs": np.abs, "ceil": np.ceil, "floor": np.floor, "exp": np.exp, "sqrt": np.sqrt, "ln": np.log,
            "log2": np.log2, "log10": np.log10, "sgn": np.sign,
        }.items()
    },
}  # fmt: skip
"""Functions of the built-in subset."""
