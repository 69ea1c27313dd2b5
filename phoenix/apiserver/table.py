"""Tables: what `kubectl get` prints, rendered by the server from a kind's printer columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from phoenix.api.core import Event
from phoenix.api.host import Host
from phoenix.apimachinery.conditions import parse_timestamp
from phoenix.apimachinery.meta import PrinterColumn, Resource

Wire = dict[str, Any]
_NAME = {"name": "Name", "type": "string", "format": "name", "description": "Name of the object", "priority": 0}


class IncludeObject(StrEnum):
    """What a row carries besides its cells."""

    METADATA = "Metadata"
    OBJECT = "Object"
    NONE = "None"


def render_table(
    kind: type[Resource],
    objects: Sequence[Wire],
    *,
    now: datetime,
    metadata: Wire | None = None,
    include: IncludeObject = IncludeObject.METADATA,
) -> Wire:
    """A meta.k8s.io/v1 Table of objects; `metadata` is the list's (resourceVersion, continue)."""
    columns = kind.info.columns
    if metadata is None:
        metadata = {"resourceVersion": objects[0]["metadata"].get("resourceVersion", "")} if objects else {}
    name_column = dict(_NAME, priority=1) if kind is Event else _NAME
    definitions = [_definition(column) for column in columns]
    definitions = [*definitions, name_column] if kind is Event else [name_column, *definitions]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions,
        "rows": [_row(kind, wire, now, include) for wire in objects],
    }


def partial_object(wire: Wire) -> Wire:
    """An object's metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": wire["metadata"]}


def _definition(column: PrinterColumn) -> Wire:
    return {
        "name": column.name,
        "type": column.type,
        "format": "",
        "description": column.description or f"Custom resource definition column (in JSONPath format): {column.path}",
        "priority": column.priority,
    }


def _row(kind: type[Resource], wire: Wire, now: datetime, include: IncludeObject) -> Wire:
    cells = [_cell(column, _value(kind, column, wire), now) for column in kind.info.columns]
    name = wire["metadata"].get("name")
    row: Wire = {"cells": [*cells, name] if kind is Event else [name, *cells]}
    if include is IncludeObject.METADATA:
        row["object"] = partial_object(wire)
    elif include is IncludeObject.OBJECT:
        row["object"] = wire
    return row


def _value(kind: type[Resource], column: PrinterColumn, wire: Wire) -> Any:
    """What a column shows; of events, as upstream, some things are in several places, and of hosts Status is two."""
    if kind is Event:
        if column.path == ".lastTimestamp":
            found = ((wire.get("series") or {}).get("lastObservedTime"), *map(wire.get, _EVENT_TIMES))
            return next((time for time in found if time), None)
        if column.path == ".involvedObject.name":
            involved = wire.get("involvedObject") or {}
            parts = (str(involved.get("kind") or "").lower(), str(involved.get("name") or ""))
            return "/".join(part for part in parts if part) or None
    if kind is Host and column.name == "Status":
        return _host_status(wire)
    return _find(column.path)(wire)


def _host_status(wire: Wire) -> str | None:
    """As kubectl's `get nodes`, but that a silent host is Unknown."""
    ready = _find('.status.conditions[?(@.type=="Ready")].status')(wire)
    cordoned = (wire.get("spec") or {}).get("unschedulable")
    if ready is None and not cordoned:
        return None
    said = {"True": "Ready", "False": "NotReady"}.get(str(ready), "Unknown")
    return said + (",SchedulingDisabled" if cordoned else "")


_EVENT_TIMES = ("lastTimestamp", "eventTime", "firstTimestamp")


def _cell(column: PrinterColumn, value: Any, now: datetime) -> Any:
    """A value as its column's type prints it; null where it is absent or of another type."""
    match column.type:
        case "date":
            return _age(value, now)
        case "integer":
            return value if isinstance(value, int) and not isinstance(value, bool) else None
        case "number":
            return value if isinstance(value, int | float) and not isinstance(value, bool) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case _:
            return None if value is None else value if isinstance(value, str) else str(value)


def _age(value: Any, now: datetime) -> str | None:
    try:
        seconds = (now - parse_timestamp(value)).total_seconds()
    except (ValueError, TypeError, AttributeError):
        return None
    return human_duration(seconds)


def human_duration(seconds: float) -> str:
    """A length of time as kubectl prints ages, the longer the coarser: `90s`, `5m30s`, `3d4h`, `2y`."""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    if days < 2920:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}" + (f"{small}{small_unit}" if small else "")


_STEP = re.compile(
    r"""\.(?P<key>[A-Za-z_][\w-]*) | \[(?P<index>\d+)\] | \['(?P<quoted>[^']*)'\]
      | \[\?\(@\.(?P<field>[\w.]+)\s*==\s*["'](?P<value>[^"']*)["']\)\]""",
    re.VERBOSE,
)


@lru_cache(maxsize=256)
def _find(path: str) -> Callable[[Any], Any]:
    """Compile `.a.b`, `[0]`, `['k']` and `[?(@.type=="Ready")]`: the JSONPath that our printer columns use."""
    steps: list[Callable[[Any], Any]] = []
    at = 0
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            msg = f"printer column path {path!r} is not in the supported subset at {path[at:]!r}"
            raise ValueError(msg)
        steps.append(_step(found))
        at = found.end()

    def find(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return find


def _step(found: re.Match[str]) -> Callable[[Any], Any]:
    if (index := found["index"]) is not None:
        position = int(index)
        return lambda value: value[position] if isinstance(value, list) and position < len(value) else None
    if (field := found["field"]) is not None:
        wanted = found["value"]

        def first(value: Any) -> Any:
            items = value if isinstance(value, list) else ()
            return next((item for item in items if isinstance(item, dict) and item.get(field) == wanted), None)

        return first
    key = found["key"] if found["key"] is not None else found["quoted"]
    return lambda value: value.get(key) if isinstance(value, dict) else None
