"""What people ask: queries of Prometheus rule files and Grafana dashboards, ready to be asked of two variants.

Unknown usage counts as used. A query outside the built-in subset is replaced by its selectors: every series it reads,
with all labels, must then be the same. One that cannot be read at all is kept with its `fault`, so that nobody takes
silence for agreement.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

import promql_parser
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from phoenix.promql.errors import PromqlError, Unsupported
from phoenix.promql.evaluate import check, refuse_range
from phoenix.promql.printing import show
from phoenix.promql.syntax import Aggregate, At, Binary, Call, Expr, Text, parse, selectors, walk


class QueryKind(StrEnum):
    """Where a query is from."""

    RECORDING = "Recording"
    ALERT = "Alert"
    PANEL = "Panel"


@dataclass(frozen=True, slots=True)
class Query:
    """One query. `name` is unique in a run: `FILE/GROUP/RULE` or `FILE/PANEL/REF`.

    `for_s`: how long an alert must be active to fire, seconds. `record`: the name its answer is recorded under.
    `stands_for`: the query as written, where selectors stand in for it, with the reason in `note`. `fault`: why it
    cannot be asked at all; empty otherwise.
    """

    name: str
    kind: QueryKind
    query: str
    for_s: float = 0.0
    record: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    stands_for: str = ""
    note: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Needs:
    """What an expression depends on: metric names (those that are known), labels that its series must have."""

    metrics: frozenset[str]
    labels: frozenset[str]


def needs(expr: Expr) -> Needs:
    """Metrics and labels an expression names. A label it makes itself, or only leaves out, is not needed."""
    labels: set[str] = set()
    made: set[str] = set()
    for part in walk(expr):
        if isinstance(part, Aggregate) and not part.without:
            labels.update(part.labels or ())
        elif isinstance(part, Binary) and part.on:
            labels.update(part.matching or ())
        if isinstance(part, Call) and part.function in ("label_replace", "label_join"):
            texts = [arg.value for arg in part.args if isinstance(arg, Text)]
            made.update(texts[:1])
            labels.update(texts[2:3] if part.function == "label_replace" else texts[2:])
        if isinstance(part, Aggregate) and part.operator == "count_values" and isinstance(part.param, Text):
            made.add(part.param.value)
    chosen = list(selectors(expr))
    # A matcher that takes the empty value does not need its label.
    labels.update(one.label for part in chosen for one in part.matchers if not one.matches({}))
    return Needs(frozenset(part.name for part in chosen if part.name), frozenset(labels - made - {"__name__", "le"}))


@lru_cache(maxsize=64)  # asked again for every live analysis
def rule_queries(file: str, text: str, *, whole: bool = False) -> tuple[Query, ...]:
    """Every rule of a Prometheus rule file (YAML). Raises PromqlError when it is no rule file.

    `whole`: a real Prometheus answers, so that nothing is outside the subset; for dashboards, too.
    """
    groups = _yaml(file, text).get("groups")
    if not isinstance(groups, list) or not groups:
        msg = f"{file}: no rule file: want groups: [{{name: …, rules: […]}}]"
        raise PromqlError(msg)
    found: list[Query] = []
    for at, group in enumerate(groups):
        where = f"{file}: groups[{at}]"
        rules = group.get("rules") if isinstance(group, Mapping) else None
        if not isinstance(rules, list):
            msg = f"{where}.rules: want a list of rules"
            raise PromqlError(msg)
        for index, rule in enumerate(rules):
            place = f"{where}.rules[{index}]"
            if not isinstance(rule, Mapping) or bool(rule.get("alert")) == bool(rule.get("record")):
                msg = f"{place}: want exactly one of alert and record, and expr"
                raise PromqlError(msg)
            found += asked(_rule(f"{file}/{group.get('name', at)}", place, rule), whole=whole)
    return _distinct(found)


def _rule(prefix: str, place: str, rule: Mapping[str, Any]) -> Query:
    text = str(rule.get("expr", ""))
    if rule.get("record"):
        given = rule.get("labels") or {}
        if not isinstance(given, Mapping):
            msg = f"{place}.labels: want an object, have {type(given).__name__}"
            raise PromqlError(msg)
        labels = tuple(sorted((str(key), str(value)) for key, value in given.items()))
        name = str(rule["record"])
        return Query(f"{prefix}/{name}", QueryKind.RECORDING, text, record=name, labels=labels)
    try:
        for_s = (
            promql_parser.parse_duration(str(rule.get("for", "0s") or "0s")).total_seconds() if rule.get("for") else 0
        )
    except ValueError as error:
        msg = f"{place}.for: want a duration such as 5m, have {rule.get('for')!r}"
        raise PromqlError(msg) from error
    return Query(f"{prefix}/{rule['alert']}", QueryKind.ALERT, text, for_s=for_s)


def _yaml(file: str, text: str) -> Mapping[str, Any]:
    try:
        found = YAML(typ="safe", pure=True).load(io.StringIO(text))
    except YAMLError as error:
        msg = f"{file}: not YAML: {' '.join(str(error).split())}"
        raise PromqlError(msg) from error
    if not isinstance(found, Mapping):
        msg = f"{file}: want an object, have {type(found).__name__}"
        raise PromqlError(msg)
    return found


@lru_cache(maxsize=64)
def dashboard_queries(file: str, text: str, *, interval_s: float, whole: bool = False) -> tuple[Query, ...]:
    """Every target of every panel of a Grafana dashboard (JSON), rows and library rows included.

    Variables become what they stand for: `$__rate_interval` four intervals of the run, a variable of the dashboard its
    current value, or everything (`.*`) where that is `All`, several or not known. Raises PromqlError.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        msg = f"{file}: not JSON: {error}"
        raise PromqlError(msg) from error
    board = found.get("dashboard", found) if isinstance(found, dict) else None
    if not isinstance(board, dict) or not isinstance(board.get("panels", board.get("rows")), list):
        msg = f"{file}: no Grafana dashboard: want an object with panels"
        raise PromqlError(msg)
    values = _variables(file, board, interval_s)
    queries: list[Query] = []
    for panel in _panels(file, board):
        title = str(panel.get("title") or f"panel {panel.get('id', '?')}")
        for at, target in enumerate(_listed(file, panel, "targets")):
            expr = target.get("expr") if isinstance(target, dict) else None
            if isinstance(expr, str) and expr.strip():
                name = f"{file}/{title}/{target.get('refId', at)}"
                queries += asked(Query(name, QueryKind.PANEL, _filled(expr, values)), whole=whole)
    return _distinct(queries)


def _listed(file: str, holder: Mapping[str, Any], key: str) -> list[Any]:
    """A list that may be absent. What is there and no list is refused: its queries would be passed over in silence."""
    found = holder.get(key) or []
    if not isinstance(found, list):
        msg = f"{file}: no Grafana dashboard: want {key} as a list, have {type(found).__name__}"
        raise PromqlError(msg)
    return found


def _panels(file: str, holder: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for key in ("panels", "rows"):
        for panel in _listed(file, holder, key):
            if isinstance(panel, Mapping):
                yield panel
                yield from _panels(file, panel)


def _variables(file: str, board: Mapping[str, Any], interval_s: float) -> dict[str, str]:
    span = f"{round(interval_s * 4000)}ms"
    values = {"__rate_interval": span, "__interval": span, "__range": span, "__interval_ms": span[:-2]}
    templating = board.get("templating")
    for one in _listed(file, templating, "list") if isinstance(templating, Mapping) else ():
        chosen = one.get("current") if isinstance(one, Mapping) else None
        current = chosen.get("value") if isinstance(chosen, Mapping) else None
        if isinstance(current, str) and current and current != "$__all":
            values[str(one.get("name"))] = current
    return values


_VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\[\[(\w+)\]\]|\$(\w+)")
_ALONE = re.compile(r"(!?)=(~?)\s*(\"|')\s*(?:\$\{(\w+)(?::\w+)?\}|\[\[(\w+)\]\]|\$(\w+))\s*\3")


def _filled(expr: str, values: Mapping[str, str]) -> str:
    """Variables replaced; a matcher of one that is not known takes everything."""

    def matcher(found: re.Match[str]) -> str:
        name = found[4] or found[5] or found[6]
        return found[0] if name in values else '=~".*"'

    def value(found: re.Match[str]) -> str:
        return values.get(found[1] or found[2] or found[3], ".*")

    return _VARIABLE.sub(value, _ALONE.sub(matcher, expr))


def asked(query: Query, *, whole: bool = False) -> list[Query]:
    """The queries to ask for one as written: itself, its selectors where it is outside the subset, or its fault."""
    try:
        expr = parse(query.query)
        if whole:
            refuse_range(expr)
            return [query]
        check(expr)
    except Unsupported as error:
        return [
            replace(
                query,
                name=query.name if at == 0 else f"{query.name}#{at + 1}",
                kind=QueryKind.PANEL,
                query=show(replace(part, range_ms=None, when=At())),
                stands_for=query.query,
                note=f"{error}: every series it reads must be the same",
                record="",
            )
            for at, part in enumerate(dict.fromkeys(selectors(expr)))
        ] or [replace(query, fault=str(error))]
    except PromqlError as error:
        return [replace(query, fault=str(error))]
    return [query]


def _distinct(queries: list[Query]) -> tuple[Query, ...]:
    """With a number behind names that come again."""
    seen: dict[str, int] = {}
    found = []
    for query in queries:
        seen[query.name] = times = seen.get(query.name, 0) + 1
        found.append(query if times == 1 else replace(query, name=f"{query.name}~{times}"))
    return tuple(found)
