"""Which field was probably meant: from the kind's schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
    names = sorted(node.get("properties") or ())
    by_lower = {name.lower(): name for name in names}
    close = did_you_mean(last, list(by_lower))
    if close:
        return f'did you mean "{by_lower[close.split(chr(34))[1]]}"?'
    return f"known there: {', '.join(names)}" if names else ""


def unknown_field_lines(found: ManifestObject) -> Iterator[str]:
    """`file:line: experiment/x: spec.tming: there is no such field; did you mean "timing"?` for each."""
    for path in unknown_fields(found.kind, found.wire):
        hint = suggest_field(found.kind, path)
        yield f"{found.where(path)}: {found.ref}: {path}: there is no such field" + (f"; {hint}" if hint else "")
