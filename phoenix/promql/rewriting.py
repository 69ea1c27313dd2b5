"""A query as it is put to a real Prometheus: about one variant's series, and only those with a point in the window.

Prometheus shows the last value of a series for five minutes after its last point, which would hide a loss for as long
as a run lasts; how long it does so cannot be said in a query before Prometheus 2.43. So instant selectors become
`last_over_time(x[window])`, which every version answers alike. What other queries recorded can be put in place of its
name, where the Prometheus that is asked must not be written to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from phoenix.promql.errors import PromqlError
from phoenix.promql.printing import show
from phoenix.promql.syntax import Aggregate, Binary, Call, Expr, Matcher, Negation, Selector, Subquery, Text

_MAX_DEPTH = 20
"""Of recordings that read recordings: more is a circle."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What a rule records: the expression, and the labels it adds."""

    expr: Expr
    labels: tuple[tuple[str, str], ...] = ()

    def labelled(self, expr: Expr) -> Expr:
        """An expression with the labels of this rule."""
        for name, value in self.labels:
            expr = Call("label_replace", (expr, Text(name), Text(value.replace("$", "$$")), Text(""), Text("")))
        return expr

    def beside(self, other: Recording) -> Recording:
        """What both record, where several rules record under one name: the series of either."""
        return Recording(Binary("or", self.labelled(self.expr), other.labelled(other.expr), "ManyToMany"))


def put(expr: Expr, matchers: Iterable[Matcher], lookback_ms: int) -> str:
    """The text of a query whose selectors have `matchers` too, and whose instant values are at most so old."""
    return show(_recent(expr, lookback_ms), tuple(matchers))


def _recent(expr: Expr, lookback_ms: int) -> Expr:
    match expr:
        case Selector() if expr.range_ms is None:
            return Call("last_over_time", (replace(expr, range_ms=lookback_ms),))
        case Call(function="timestamp", args=(Selector(),)):
            return expr  # it tells a point's time of a plain selector only, and the evaluation's of anything else
        case Call(function="absent", args=(Selector() as selector,)):
            # NB: of a plain selector it takes its labels from the matchers; of a range only this one does.
            return Call("absent_over_time", (replace(selector, range_ms=lookback_ms),))
    return _with_parts(expr, lambda part: _recent(part, lookback_ms))


def inlined(expr: Expr, recorded: Mapping[str, Recording], interval_ms: int, _depth: int = 0) -> Expr:
    """The expression with recorded series replaced by what they record.

    Args:
        expr: the query.
        recorded: by name.
        interval_ms: how often rules are evaluated: the step of ranges over what they record.

    Raises:
        PromqlError: a selector of recorded series has matchers of its own, which PromQL cannot ask of an expression.
    """
    if _depth > _MAX_DEPTH:
        msg = "recording rules that read one another in a circle"
        raise PromqlError(msg)
    if isinstance(expr, Selector):
        found = recorded.get(expr.name)
        return expr if found is None else _in_place(expr, found, recorded, interval_ms, _depth)
    return _with_parts(expr, lambda part: inlined(part, recorded, interval_ms, _depth))


def _in_place(
    selector: Selector, found: Recording, recorded: Mapping[str, Recording], interval_ms: int, depth: int
) -> Expr:
    if selector.matchers:
        msg = f"it reads the recorded series {show(selector)} by their labels: write out what {selector.name} records"
        raise PromqlError(msg)
    inner = found.labelled(inlined(found.expr, recorded, interval_ms, depth + 1))
    if selector.range_ms is not None:
        return Subquery(inner, selector.range_ms, interval_ms, selector.when)
    if selector.when.offset_ms or selector.when.at:
        # The last of a range that holds the one instant asked for.
        return Call("last_over_time", (Subquery(inner, interval_ms, interval_ms, selector.when),))
    return inner


def _with_parts(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    match expr:
        case Subquery() | Negation():
            return replace(expr, expr=change(expr.expr))
        case Call():
            return replace(expr, args=tuple(change(arg) for arg in expr.args))
        case Aggregate():
            param = change(expr.param) if expr.param is not None else None
            return replace(expr, expr=change(expr.expr), param=param)
        case Binary():
            return replace(expr, left=change(expr.left), right=change(expr.right))
    return expr
