"""A tree back to PromQL text, with more matchers in every selector where they are asked for.

That is how one Prometheus holds all variants: each query is asked once a variant, about that variant's series alone.
"""

from __future__ import annotations

import math
import re

from phoenix.promql.syntax import (
    Aggregate,
    At,
    Binary,
    Call,
    Expr,
    Matcher,
    Negation,
    Number,
    Selector,
    Subquery,
    Text,
    quoted,
)

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
"""What may stand before the braces; any other name stands within them."""


def show(expr: Expr, more: tuple[Matcher, ...] = ()) -> str:
    """PromQL that parses to `expr`, but with the matchers `more` in every selector."""
    match expr:
        case Number():
            return _number(expr.value)
        case Text():
            return quoted(expr.value)
        case Selector():
            return _selector(expr, more)
        case Subquery():
            step = f"{expr.step_ms}ms" if expr.step_ms is not None else ""
            return f"({show(expr.expr, more)})[{expr.range_ms}ms:{step}]{_when(expr.when)}"
        case Call():
            return f"{expr.function}({', '.join(show(arg, more) for arg in expr.args)})"
        case Negation():
            return f"-({show(expr.expr, more)})"
        case Aggregate():
            return _aggregate(expr, more)
        case Binary():
            return _binary(expr, more)


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    return repr(value)


def _selector(selector: Selector, more: tuple[Matcher, ...]) -> str:
    matchers = [*selector.matchers, *more]
    inner = f"{{{','.join(map(str, matchers))}}}" if matchers or not selector.name else ""
    span = f"[{selector.range_ms}ms]" if selector.range_ms is not None else ""
    if selector.name and not _NAME.fullmatch(selector.name):
        inner, name = f"{{{','.join(map(str, [Matcher('__name__', '=', selector.name), *matchers]))}}}", ""
    else:
        name = selector.name
    return f"{name}{inner}{span}{_when(selector.when)}"


def _when(when: At) -> str:
    text = f" @ {when.at}" if when.at else ""
    if when.offset_ms:
        text += f" offset {'-' if when.offset_ms < 0 else ''}{abs(when.offset_ms)}ms"
    return text


def _aggregate(expr: Aggregate, more: tuple[Matcher, ...]) -> str:
    grouping = ""
    if expr.labels is not None:
        grouping = f" {'without' if expr.without else 'by'} ({', '.join(expr.labels)}) "
    param = f"{show(expr.param, more)}, " if expr.param is not None else ""
    return f"{expr.operator}{grouping}({param}{show(expr.expr, more)})"


def _binary(expr: Binary, more: tuple[Matcher, ...]) -> str:
    words = [expr.operator]
    if expr.bool_:
        words.append("bool")
    if expr.matching is not None:
        words.append(f"{'on' if expr.on else 'ignoring'} ({', '.join(expr.matching)})")
    side = {"ManyToOne": "group_left", "OneToMany": "group_right"}.get(expr.cardinality)
    if side:
        words.append(f"{side} ({', '.join(expr.include)})")
    return f"({show(expr.left, more)}) {' '.join(words)} ({show(expr.right, more)})"
