"""Statements that set a point's time by rule: to one of its times, as it is or truncated to multiples of a duration."""

from __future__ import annotations

from phoenix.engine.config.durations import parse_duration_ns
from phoenix.engine.ottl import ast

_TIMES = ("time", "start_time")


def durations_of(editor: ast.Call) -> frozenset[int] | None:
    """Nanoseconds of the durations a statement in datapoint context truncates to; None if it is not of this kind."""
    if editor.name != "set" or editor.named or len(editor.positional) != 2 or not _is_time(editor.positional[0]):
        return None
    value = editor.positional[1]
    if _is_time(value):
        return frozenset()
    match value:
        case ast.Call("TruncateTime", (moment, ast.Call("Duration", (ast.Literal(str() as text),), (), ())), (), ()):
            try:
                return frozenset((parse_duration_ns(text),)) if _is_time(moment) else None
            except ValueError:
                return None  # it fails each time it runs
    return None


def _is_time(expression: ast.Expression) -> bool:
    if not isinstance(expression, ast.Path) or any(field.keys for field in expression.fields):
        return False
    names = [field.name for field in expression.fields]
    return names[-1] in _TIMES and names[:-1] in ([], ["datapoint"])
