"""Which field was probably meant: from the kind's schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from phoenix.api.schema import structural_schema, unknown_fields
from phoenix.apimachinery.meta import Resource
from phoenix.cli.errors import did_you_mean
from phoenix.manifest.objects import ManifestObject

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def suggest_field(kind: type[Resource], path: str) -> str:
    """A hint for an unknown field's path: the nearest name, or the names there are."""
    *parents, last = [found[0] for found in _STEP.finditer(path)]
    node: Any = structural_schema(kind)
    for step in parents:
        node = (node.get("properties") or {}).get(step) if not step.startswith("[") else node.get("items")
        if not isinstance(node, dict):
            return ""
    return nearest(last, sorted(node.get("properties") or ()))


def nearest(name: str, names: list[str]) -> str:
    """The one of `names` that was probably meant, else all of them."""
    by_lower = {known.lower(): known for known in names}
    close = did_you_mean(name, list(by_lower))
    if close:
        return f'did you mean "{by_lower[close.split(chr(34))[1]]}"?'
    return f"known there: {', '.join(names)}" if names else ""


def node_at(schema: Mapping[str, Any], path: str) -> dict[str, Any] | None:
    """The schema node of a path such as `spec.variants.name` (lists are stepped into); None where there is none."""
    node: Any = schema
    for step in filter(None, path.split(".")):
        node = (element(node).get("properties") or {}).get(step)
        if not isinstance(node, dict):
            return None
    return element(node)


def element(node: Mapping[str, Any]) -> dict[str, Any]:
    """The node itself, or that of a list's items or a map's values."""
    found: Any = node
    while True:
        below = found.get("items") or found.get("additionalProperties")
        if found.get("properties") or not isinstance(below, dict):
            return dict(found)
        found = below


def unknown_field_lines(found: ManifestObject) -> Iterator[str]:
    """`file:line: experiment/x: spec.tming: there is no such field; did you mean "timing"?` for each."""
    for path in unknown_fields(found.kind, found.wire):
        hint = suggest_field(found.kind, path)
        yield f"{found.where(path)}: {found.ref}: {path}: there is no such field" + (f"; {hint}" if hint else "")
