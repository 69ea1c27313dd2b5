"""Which fields differ between two states of an object. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SERVER_FIELDS = frozenset({"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"})
"""Of metadata: what the server keeps, and an export of an object still has."""


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Paths such as `spec.timing.duration` or `metadata.labels[a/b]` that differ, but of the server's own fields."""
    return list(_mapping(without_server_fields(before), without_server_fields(after), ""))


def without_server_fields(wire: Mapping[str, Any]) -> dict[str, Any]:
    """The object as people write it: without status and what the server keeps in metadata."""
    meta = {key: value for key, value in (wire.get("metadata") or {}).items() if key not in SERVER_FIELDS}
    return {key: value for key, value in wire.items() if key not in ("status", "metadata")} | {"metadata": meta}


def _mapping(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[str]:
    for key in [*before, *(key for key in after if key not in before)]:
        simple = key.replace("_", "").isalnum()
        at = (f"{path}.{key}" if path else key) if simple else f"{path}[{key}]"
        yield from _value(before.get(key), after.get(key), at)


def _value(before: Any, after: Any, path: str) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _mapping(before, after, path)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _value(one, other, f"{path}[{index}]")
    elif before != after:
        yield path
