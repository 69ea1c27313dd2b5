"""Answers of the built-in evaluator beside recorded or live ones of Prometheus."""

from __future__ import annotations

import math
from collections.abc import Sequence

from phoenix.promql.errors import PromqlError
from phoenix.promql.evaluate import Instant, check, evaluate
from phoenix.promql.syntax import parse
from phoenix.promql.vectors import MemoryStore
from tests.harness.promqueries import AT_MS, series

Answer = Sequence[tuple[dict[str, str], float]] | None
"""None: the query is refused when it is evaluated, such as a many-to-many match."""


def built_in(query: str, store: MemoryStore | None = None, at_ms: int = AT_MS) -> Answer:
    """The evaluator's answer over the made series."""
    expr = parse(query)
    check(expr)
    try:
        vector = evaluate(expr, Instant(store or MemoryStore(series()), at_ms))
    except PromqlError:
        return None
    return [(labels.map, value) for labels, value in vector.items()]


def difference(ours: Answer, theirs: Answer) -> str:
    """What differs, in words; empty: nothing."""
    if ours is None or theirs is None:
        return "" if ours is theirs else f"ours {ours}, theirs {theirs}"
    mine = {frozenset(labels.items()): value for labels, value in ours}
    other = {frozenset(labels.items()): value for labels, value in theirs}
    if len(mine) != len(ours):
        return "two values of ours have the same labels"
    if mine.keys() != other.keys():
        return f"only ours {sorted(map(sorted, mine.keys() - other.keys()))}, only theirs " + str(
            sorted(map(sorted, other.keys() - mine.keys()))
        )
    wrong = [f"{sorted(key)}: {mine[key]} for {value}" for key, value in other.items() if not _same(mine[key], value)]
    return "; ".join(wrong)


def _same(ours: float, theirs: float) -> bool:
    if math.isnan(ours) or math.isnan(theirs):
        return math.isnan(ours) and math.isnan(theirs)
    return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9)
