"""label_replace and label_join."""

from __future__ import annotations

import re2

from phoenix.promql.errors import PromqlError
from phoenix.promql.vectors import Floats, Labels, Vector

_REFERENCE = re2.compile(r"\$\$|\$\{(\w+)\}|\$(\w+)")


def label_replace(vector: Vector, target: str, replacement: str, source: str, pattern: str) -> Vector:
    """Set `target` to the replacement where `source` matches the whole pattern. Raises PromqlError."""
    try:
        compiled = re2.compile(f"^(?s:{pattern})$")
    except re2.error as error:
        msg = f"label_replace: {pattern!r} is not an RE2 pattern"
        raise PromqlError(msg) from error
    made: list[Labels] = []
    for labels in vector.labels:
        match = compiled.fullmatch(labels.map.get(source, ""))
        made.append(Labels({**labels.map, target: _expanded(replacement, match)}) if match else labels)
    return _distinct("label_replace", made, vector.values)


def label_join(vector: Vector, target: str, separator: str, *sources: str) -> Vector:
    """Set `target` to the values of the sources, joined. Raises PromqlError."""
    made = [
        Labels({**labels.map, target: separator.join(labels.map.get(source, "") for source in sources)})
        for labels in vector.labels
    ]
    return _distinct("label_join", made, vector.values)


def _expanded(template: str, match: re2._Match) -> str:
    """Go's Regexp.Expand: `$1`, `${1}`, `$name`, `$$`; a group there is not is empty."""

    def group(name: str) -> str:
        key: int | str = int(name) if name.isdigit() else name
        try:
            return match.group(key) or ""
        except (IndexError, KeyError):
            return ""

    parts: list[str] = []
    at = 0
    for found in _REFERENCE.finditer(template):
        parts.append(template[at : found.start()])
        parts.append("$" if found.group(0) == "$$" else group(found.group(1) or found.group(2)))
        at = found.end()
    return "".join([*parts, template[at:]])


def _distinct(function: str, labels: list[Labels], values: Floats) -> Vector:
    if len(set(labels)) != len(labels):
        msg = f"{function}: several series would get the same labels"
        raise PromqlError(msg)
    return Vector(labels, values)
