"""What to do about a statement or condition that was refused: a sentence for each mistake people make."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from phoenix.engine.ottl.functions import FILTER, TRANSFORM
from phoenix.engine.ottl.paths import paths_of
from phoenix.engine.ottl.patterns import RE2
from phoenix.engine.ottl.signature import Function

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_WORDS = (
    (re.compile(r"=~|\bmatches\b|\bcontains\b|\blike\b"), 'write IsMatch(path, "regex")'),
    (re.compile(r"'"), "write texts in double quotes"),
    (re.compile(r"&&|\|\|"), "write and, or"),
    (re.compile(r"(?<![=!<>])!(?!=)"), "write not"),
    (re.compile(r"\bcase\s*\(|\bif\b"), "write one set(…) where … for each case"),
    (re.compile(r"#|(?<!:)//"), "put comments on YAML lines of their own"),
)
_ASSIGNMENT = re.compile(r"^\s*[a-z_.]+(?:\[[^]]*\])*\s*=(?!=)")
_UNDEFINED = re.compile(r'undefined function "(\w+)"')
_SEGMENT = re.compile(r'segment "(\w+)[^"]*" from path .* for the (\w+) context')
_OF_POINTS = frozenset({"value", "value_int", "value_double", "attributes", "time", "count", "sum", "flags"})


def statement_advice(source: str, message: str) -> str:
    """For a statement: what was written, and why it was refused."""
    if _ASSIGNMENT.match(source):
        return "write set(path, value)"
    if source.lstrip().startswith("where"):
        return "write the function first, then where and its condition"
    if "where" not in source and "must be" not in message and (call := re.match(r"\s*([A-Z]\w*)\(", source)):
        return f"a statement begins with an editor, such as set(…, {call[1]}(…))"
    return _advice(source, message, TRANSFORM) or "write it as editor(path, …) where condition"


def condition_advice(source: str, message: str) -> str:
    """For a condition."""
    if source.lstrip().startswith("where"):
        return "leave where out: a condition is one"
    return _advice(source, message, FILTER) or "write it as path == value, or a converter that gives true or false"


def _advice(source: str, message: str, functions: Mapping[str, Function]) -> str:
    if undefined := _UNDEFINED.search(message):
        return _near(undefined[1], functions)
    if segment := _SEGMENT.search(message):
        return _other_path(segment[1], segment[2])
    if "not valid RE2" in message:
        return RE2
    if "must start with a" in message:
        return "editors begin with a small letter, converters with a capital: set, delete_key; Concat, IsMatch"
    bare = _QUOTED.sub('""', source)
    for pattern, advice in _WORDS:
        if pattern.search(bare):
            return advice
    for words, advice in _BY_MESSAGE:
        if words in message:
            return advice
    return ""


_BY_MESSAGE = (
    ("infer the context", "write the group as {context: datapoint, statements: […]}, or name contexts in paths"),
    ("missing context name", "name the context in the path, or write the group with context:"),
    ("split it", "write two groups, each with a context of its own"),
    ("the embedded engine has no function", "a real collector has it: set engine: Otelcol"),
    ("incorrect number of arguments", "give it the arguments it takes, in order or by name"),
    ("must be", "give it what it must be"),
    ("is not one of", "use one of these"),
    ("it is one of", "use one of these"),
)


def _near(name: str, functions: Mapping[str, Function]) -> str:
    close = difflib.get_close_matches(name, functions, n=1, cutoff=0.7)
    return f"did you mean {close[0]}?" if close else "neither engine has it: see the Collector's OTTL functions"


def _other_path(segment: str, level: str) -> str:
    if level == "metric" and segment in _OF_POINTS:
        own = "value_double or value_int" if segment.startswith("value") else segment
        return f"points have it, metrics do not: use the context datapoint and {own}"
    close = difflib.get_close_matches(segment, paths_of(level), n=1)
    return f"did you mean {close[0]}?" if close else f"the context has {', '.join(paths_of(level))}"
