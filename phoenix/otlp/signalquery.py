"""The query language of signals: a small, exact part of PromQL, and its parser.

    sum|count|avg [by (label, …)] ( metric[{matcher, …}] | rate( metric[{matcher, …}] [duration] ) )

`by` may also stand at the end, as in PromQL. Matchers are `=`, `!=`, `=~`, `!~` with RE2 patterns that must match the
whole value. Names are Prometheus names (`http_server_request_duration_seconds_count`). Pure: admission uses it to
refuse a bad query early, the meter to answer it; what a query means in numbers is told in `phoenix.meter.signals`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, NoReturn

import re2

from phoenix.apimachinery.units import parse_duration
from phoenix.otlp.errors import QueryError

_SHAPE = "sum|count|avg [by (label, …)] (metric or rate(metric[10s]))"
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<duration>[0-9]+(?:\.[0-9]+)?[a-zA-Z]+(?:[0-9]+[a-zA-Z]+)*)
      | (?P<word>[a-zA-Z_:][a-zA-Z0-9_:.]*)
      | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<sign>=~|!~|!=|[(){}\[\],=])
      | (?P<other>\S)
      | (?P<end>$))""",
    re.VERBOSE,
)
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_QUIET = re2.Options()
_QUIET.log_errors = False  # else the library writes to stderr by itself
_OTHER_FUNCTIONS = ("increase", "irate", "delta", "idelta", "deriv", "histogram_quantile", "max_over_time")


class Aggregation(StrEnum):
    """How series of a group become one number."""

    SUM = "sum"
    COUNT = "count"
    AVG = "avg"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label. A label that a series has not counts as empty, as in PromQL."""

    label: str
    operator: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a series with these labels passes."""
        found = labels.get(self.label, "")
        if self.operator in ("=", "!="):
            return (found == self.value) is (self.operator == "=")
        return (re2.fullmatch(self.value, found) is not None) is (self.operator == "=~")

    def __str__(self) -> str:
        quoted = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.label}{self.operator}"{quoted}"'


@dataclass(frozen=True, slots=True)
class Signal:
    """A parsed query. `by` is sorted; empty: all series are one group. `rate_s`: range in seconds, None: no rate."""

    aggregation: Aggregation
    metric: str
    by: tuple[str, ...] = ()
    matchers: tuple[Matcher, ...] = ()
    rate_s: float | None = None

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether a series of the metric passes all matchers."""
        return all(matcher.matches(labels) for matcher in self.matchers)

    def __str__(self) -> str:
        selector = self.metric + (f"{{{','.join(map(str, self.matchers))}}}" if self.matchers else "")
        inner = selector if self.rate_s is None else f"rate({selector}[{self.rate_s:g}s])"
        by = f" by ({', '.join(self.by)}) " if self.by else ""
        return f"{self.aggregation}{by}({inner})"


def parse_signal(query: str) -> Signal:
    """Parse a signal query.

    Raises:
        QueryError: it is not of the language; the message has the query with a mark at the place, and what is wanted.
    """
    return _Parser(query).signal()


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class _Parser:
    def __init__(self, query: str) -> None:
        self._query = query
        self._tokens = self._split()
        self._next = 0

    def _split(self) -> list[_Token]:
        tokens: list[_Token] = []
        at = 0
        while not tokens or tokens[-1].kind != "end":
            match = _TOKEN.match(self._query, at)
            assert match is not None  # the last alternatives take anything
            kind = match.lastgroup or "end"
            tokens.append(_Token(kind, match[kind], match.start(kind)))
            at = match.end()
        return tokens

    def _fail(self, token: _Token, problem: str) -> NoReturn:
        mark = " " * token.at + "^"
        raise QueryError(f"{problem}\n  {self._query}\n  {mark}\nSignals are: {_SHAPE}")

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek()
        self._next += token.kind != "end"
        return token

    def _want(self, text: str, where: str) -> _Token:
        token = self._take()
        if token.text != text:
            self._fail(token, f"want {text!r} {where}, have {token.text or 'the end'!r}")
        return token

    def signal(self) -> Signal:
        first = self._take()
        if first.text not in tuple(Aggregation):
            self._fail(first, f"want sum, count or avg first, have {first.text or 'nothing'!r}")
        by = self._by()
        self._want("(", f"after {first.text}")
        metric, matchers, rate_s = self._expression()
        self._want(")", "after the metric")
        if by is None:
            by = self._by()
        if (rest := self._take()).kind != "end":
            self._fail(rest, f"nothing may follow the closing bracket, have {rest.text!r}")
        return Signal(Aggregation(first.text), metric, tuple(sorted(set(by or ()))), matchers, rate_s)

    def _by(self) -> tuple[str, ...] | None:
        if self._peek().text == "without":
            self._fail(self._peek(), "'without' is not known here; name the labels to keep with 'by'")
        if self._peek().text != "by":
            return None
        self._take()
        self._want("(", "after by")
        labels: list[str] = []
        while self._peek().text != ")":
            labels.append(self._name(_LABEL, "a label"))
            if self._peek().text != ")":
                self._want(",", "between labels")
        self._take()
        return tuple(labels)

    def _name(self, form: re.Pattern[str], what: str) -> str:
        token = self._take()
        if token.kind != "word" or not form.fullmatch(token.text):
            hint = "; write Prometheus names, with _ for ." if "." in token.text else ""
            self._fail(token, f"want {what}, have {token.text or 'the end'!r}{hint}")
        return token.text

    def _expression(self) -> tuple[str, tuple[Matcher, ...], float | None]:
        token = self._peek()
        calls = self._tokens[min(self._next + 1, len(self._tokens) - 1)].text == "("
        if token.text == "rate" and calls:
            self._next += 2
            metric, matchers = self._selector()
            self._want("[", "and a duration after the metric inside rate, such as [10s]")
            rate_s = self._duration()
            self._want("]", "after the duration")
            self._want(")", "after the range")
            return metric, matchers, rate_s
        if calls or token.text in _OTHER_FUNCTIONS:
            self._fail(token, f"function {token.text!r} is not known here; the only one is rate")
        metric, matchers = self._selector()
        if self._peek().text == "[":
            self._fail(self._peek(), f"a range stands only inside rate: rate({metric}[…])")
        return metric, matchers, None

    def _selector(self) -> tuple[str, tuple[Matcher, ...]]:
        metric = self._name(_METRIC, "a metric")
        matchers: list[Matcher] = []
        if self._peek().text == "{":
            self._take()
            while self._peek().text != "}":
                matchers.append(self._matcher())
                if self._peek().text != "}":
                    self._want(",", "between matchers")
            self._take()
        return metric, tuple(matchers)

    def _matcher(self) -> Matcher:
        label = self._name(_LABEL, "a label")
        operator, value = self._take(), self._take()
        if operator.text not in ("=", "!=", "=~", "!~"):
            self._fail(operator, f"want =, !=, =~ or !~ after {label}, have {operator.text or 'the end'!r}")
        if value.kind != "text":
            self._fail(value, f"want a quoted value, have {value.text or 'the end'!r}")
        try:
            text = str(ast.literal_eval(value.text))
        except (SyntaxError, ValueError):
            self._fail(value, f"bad escape in {value.text}")
        if operator.text in ("=~", "!~"):
            try:
                re2.compile(text, _QUIET)
            except re2.error as error:
                why = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
                self._fail(value, f"not an RE2 pattern: {why}")
        return Matcher(label, operator.text, text)

    def _duration(self) -> float:
        token = self._take()
        try:
            seconds = parse_duration(token.text)
        except ValueError:
            self._fail(token, f"want a duration such as 10s or 5m, have {token.text or 'the end'!r}")
        if seconds <= 0:
            self._fail(token, "the duration must be above 0")
        return seconds
