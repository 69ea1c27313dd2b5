"""PromQL as values of our own: `parse` text to a tree, `matching` a tree to text with more matchers in each selector.

The grammar is the library's (promql-parser, a binding of the Rust parser); a tree of our own keeps evaluation, printing
and the search for labels typed and free of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property, lru_cache

import promql_parser
import re2

from phoenix.promql.errors import PromqlError

_QUIET = re2.Options()
_QUIET.log_errors = False  # else the library writes to stderr by itself
_OPERATORS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


FORMER, RENAMED = "holt_winters", "double_exponential_smoothing"
"""A function that got another name with Prometheus 3.0; the parser knows the later one alone."""
_FORMERLY = re.compile(rf"\b{FORMER}(?=\s*\()")


@dataclass(frozen=True)
class Matcher:
    """One condition on a label; a label a series has not counts as empty."""

    label: str
    operator: str
    value: str

    @cached_property
    def _pattern(self) -> re2._Regexp:
        return re2.compile(self.value, _QUIET)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a series with these labels passes."""
        found = labels.get(self.label, "")
        if self.operator in ("=", "!="):
            return (found == self.value) is (self.operator == "=")
        return (self._pattern.fullmatch(found) is not None) is (self.operator == "=~")

    def __str__(self) -> str:
        return f"{self.label}{self.operator}{quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class Number:
    """A number."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    value: str


@dataclass(frozen=True, slots=True)
class At:
    """Which instants a selector or subquery reads: `range_ms` back from the instant less `offset_ms`, or from `at`."""

    offset_ms: int = 0
    at: str = ""
    """empty, `start()`, `end()`, or Unix seconds"""


@dataclass(frozen=True, slots=True)
class Selector:
    """Series by name and matchers; `range_ms` None: instant values."""

    name: str
    matchers: tuple[Matcher, ...] = ()
    range_ms: int | None = None
    when: At = At()

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether a series with these labels (and `__name__`) passes."""
        if self.name and labels.get("__name__") != self.name:
            return False
        return all(matcher.matches(labels) for matcher in self.matchers)


@dataclass(frozen=True, slots=True)
class Subquery:
    """An instant expression over a range of instants; `step_ms` None: Prometheus's own."""

    expr: Expr
    range_ms: int
    step_ms: int | None
    when: At = At()


@dataclass(frozen=True, slots=True)
class Call:
    """A function."""

    function: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregation; `labels` None: over everything, as `by ()`."""

    operator: str
    expr: Expr
    param: Expr | None = None
    labels: tuple[str, ...] | None = None
    without: bool = False


@dataclass(frozen=True, slots=True)
class Binary:
    """A binary operation. `matching` are the labels of `on` or `ignoring`, None: all; `include` those of group_*."""

    operator: str
    left: Expr
    right: Expr
    cardinality: str = "OneToOne"
    on: bool = False
    matching: tuple[str, ...] | None = None
    include: tuple[str, ...] = ()
    bool_: bool = False


@dataclass(frozen=True, slots=True)
class Negation:
    """Unary minus."""

    expr: Expr


Expr = Number | Text | Selector | Subquery | Call | Aggregate | Binary | Negation


@lru_cache(maxsize=2_000)
def parse(query: str) -> Expr:
    """Parse PromQL.

    Raises:
        PromqlError: it is no PromQL.
    """
    try:
        return _expr(promql_parser.parse(_FORMERLY.sub(RENAMED, query)))
    except ValueError as error:
        msg = f"not PromQL: {error}: {query.strip()}"
        raise PromqlError(msg) from error


def _expr(node: promql_parser.Expr) -> Expr:
    match node:
        case promql_parser.ParenExpr():
            return _expr(node.expr)
        case promql_parser.NumberLiteral():
            return Number(node.val)
        case promql_parser.StringLiteral():
            return Text(node.val)
        case promql_parser.UnaryExpr():
            return Negation(_expr(node.expr))
        case promql_parser.VectorSelector():
            return _selector(node)
        case promql_parser.MatrixSelector():
            return replace(_selector(node.vector_selector), range_ms=_ms(node.range))
        case promql_parser.SubqueryExpr():
            step_ms = _ms(node.step) if node.step is not None else None
            return Subquery(_expr(node.expr), _ms(node.range), step_ms, _when(node))
        case promql_parser.Call():
            return Call(node.func.name, tuple(_expr(arg) for arg in node.args))
        case promql_parser.AggregateExpr():
            return _aggregate(node)
        case promql_parser.BinaryExpr():
            return _binary(node)
    msg = f"{type(node).__name__} is not known here"
    raise ValueError(msg)


def _selector(node: promql_parser.VectorSelector) -> Selector:
    if node.matchers.or_matchers:
        msg = '"or" between matchers is no Prometheus'
        raise ValueError(msg)
    name = node.name or ""
    matchers = []
    for one in node.matchers.matchers:
        matcher = Matcher(one.name, _OPERATORS[str(one.op).rpartition(".")[2]], one.value)
        if matcher.label == "__name__" and matcher.operator == "=" and not name:
            name = matcher.value
        else:
            matchers.append(matcher)
    return Selector(name, tuple(matchers), None, _when(node))


def _when(node: promql_parser.VectorSelector | promql_parser.SubqueryExpr) -> At:
    offset_ms = _ms(node.offset) if node.offset is not None else 0
    if node.at is None:
        return At(offset_ms)
    kind = str(node.at.type).rpartition(".")[2]
    if node.at.at is not None:
        return At(offset_ms, f"{node.at.at.timestamp():.3f}")
    return At(offset_ms, {"Start": "start()", "End": "end()"}[kind])


def _aggregate(node: promql_parser.AggregateExpr) -> Aggregate:
    param = node.param
    if param is not None and not isinstance(param, promql_parser.Expr):
        param_expr: Expr | None = Text(param) if isinstance(param, str) else Number(float(param))
    else:
        param_expr = _expr(param) if param is not None else None
    labels, without = None, False
    if node.modifier is not None:
        labels, without = tuple(node.modifier.labels), str(node.modifier.type).endswith("Without")
    return Aggregate(str(node.op), _expr(node.expr), param_expr, labels, without)


def _binary(node: promql_parser.BinaryExpr) -> Binary:
    made = Binary(str(node.op), _expr(node.lhs), _expr(node.rhs))
    modifier = node.modifier
    if modifier is None:
        return made
    on, labels = False, None
    if modifier.matching is not None:
        on, labels = str(modifier.matching.type).endswith("Include"), tuple(modifier.matching.labels)
    return replace(
        made,
        cardinality=str(modifier.card).rpartition(".")[2],
        on=on,
        matching=labels,
        include=tuple(modifier.group_labels or ()),
        bool_=modifier.return_bool,
    )


def _ms(span: timedelta | None) -> int:
    return round(span.total_seconds() * 1000) if span is not None else 0


def children(expr: Expr) -> tuple[Expr, ...]:
    """Direct parts of an expression."""
    match expr:
        case Subquery() | Negation():
            return (expr.expr,)
        case Call():
            return expr.args
        case Aggregate():
            return (expr.expr, expr.param) if expr.param is not None else (expr.expr,)
        case Binary():
            return expr.left, expr.right
    return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and everything in it, outer first."""
    yield expr
    for child in children(expr):
        yield from walk(child)


def selectors(expr: Expr) -> Iterator[Selector]:
    """Every selector of an expression."""
    return (part for part in walk(expr) if isinstance(part, Selector))


def quoted(value: str) -> str:
    """A PromQL string literal."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
