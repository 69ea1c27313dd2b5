"""Events as lines: in the order they were recorded, with their data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from phoenix.api.core import Event
from phoenix.cli.figures import age
from phoenix.cli.grid import Grid
from phoenix.client.http import HttpClient

_DATA = "phoenix.io/data."


async def events_of(client: HttpClient, namespace: str, *, kind: str = "", name: str = "") -> list[dict[str, Any]]:
    """Events on the wire, oldest first; of one object, or of all in the namespace (empty: everywhere)."""
    listed = await client.raw_list(Event.info, namespace, field_selector=selector(kind, name))
    return in_order(listed.get("items") or [])


def selector(kind: str, name: str) -> str:
    """The field selector of an object's events."""
    terms = [f"involvedObject.kind={kind}"] if kind else []
    return ",".join(terms + ([f"involvedObject.name={name}"] if name else []))


def in_order(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """By revision: the order they were written in. A repeated event stands where it was last."""
    return sorted(events, key=lambda event: int(event["metadata"].get("resourceVersion") or 0))


def data_of(event: Mapping[str, Any]) -> dict[str, str]:
    """The data an event carries."""
    annotations = event["metadata"].get("annotations") or {}
    return {key.removeprefix(_DATA): value for key, value in annotations.items() if key.startswith(_DATA)}


def data_text(event: Mapping[str, Any]) -> str:
    """`revision=2 pipelineHash=…`."""
    return " ".join(f"{key}={value}" for key, value in data_of(event).items())


def about(event: Mapping[str, Any]) -> str:
    """`experiment/http-lean`."""
    found = event.get("involvedObject") or {}
    return f"{str(found.get('kind', '')).lower()}/{found.get('name', '')}"


def last_seen(event: Mapping[str, Any]) -> str | None:
    """RFC 3339 time it last happened."""
    found = event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp")
    return str(found) if found else None


def event_grid(
    events: Sequence[dict[str, Any]], *, wide: bool = False, namespaces: bool = False, objects: bool = True,
    now: datetime | None = None, headers: bool = True,
) -> Grid:  # fmt: skip
    """Events as a table; `wide` adds their data."""
    titles = [
        *(["NAMESPACE"] if namespaces else []), "LAST SEEN", "TYPE", "REASON",
        *(["OBJECT"] if objects else []), "MESSAGE", *(["DATA"] if wide else []),
    ]  # fmt: skip
    keep = [at for at, title in enumerate(titles) if title in ("LAST SEEN", "TYPE", "REASON")]
    grid = Grid(titles if headers else (), keep=keep, wrap_last=True)
    for event in events:
        times = int(event.get("count") or 1)
        said = str(event.get("message", "")) + (f" (x{times})" if times > 1 else "")
        grid.add(
            *([str(event["metadata"].get("namespace", ""))] if namespaces else []),
            age(last_seen(event), now),
            str(event.get("type", "")),
            str(event.get("reason", "")),
            *([about(event)] if objects else []),
            said,
            *([data_text(event)] if wide else []),
        )
    return grid
