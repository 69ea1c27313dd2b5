"""Watching objects for as long as a command lasts: streams that end, expire or break are taken up again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, NamedTuple

from phoenix.aio.backoff import Backoff
from phoenix.aio.clock import SYSTEM_CLOCK
from phoenix.apimachinery.errors import Expired
from phoenix.apimachinery.meta import KindInfo
from phoenix.client.errors import Unavailable
from phoenix.client.http import HttpClient

PATIENCE_S = 30.0
"""How long a server may be away (a restart, for instance) before a watching command gives up, seconds."""


class Change(NamedTuple):
    """ADDED, MODIFIED or DELETED, with the object; SYNCED (object empty) once, after the objects that were there."""

    type: str
    wire: dict[str, Any]


async def follow(
    client: HttpClient,
    info: KindInfo,
    namespace: str,
    *,
    field_selector: str = "",
    label_selector: str = "",
    on_trouble: Callable[[str], None] = lambda _: None,
) -> AsyncGenerator[Change, None]:
    """The objects there are, then every change, for ever. Close with `aclosing`.

    After a gap the objects are listed again, and what changed or went away meanwhile is reported as such.

    Args:
        on_trouble: told when the server is away and when it is back.

    Raises:
        Unavailable: it was away for longer than PATIENCE_S, or was never there.
    """
    known: dict[str, dict[str, Any]] = {}
    version, synced, away_since = "", False, None
    backoff = Backoff(0.2, 2.0)
    while True:
        try:
            if not version:
                listed = await client.raw_list(
                    info, namespace, field_selector=field_selector, label_selector=label_selector
                )
                version = str(listed["metadata"].get("resourceVersion", ""))
                for change in _difference(known, listed.get("items") or []):
                    yield _note(known, change)
                if not synced:
                    synced = True
                    yield Change("SYNCED", {})
            if away_since is not None:
                away_since, backoff = None, Backoff(0.2, 2.0)
                on_trouble("the server is back")
            events = client.raw_watch(
                info,
                namespace,
                resource_version=version,
                field_selector=field_selector,
                label_selector=label_selector,
            )
            async with aclosing(events):
                async for event in events:
                    version = str(event["object"].get("metadata", {}).get("resourceVersion", version))
                    if event["type"] != "BOOKMARK":
                        yield _note(known, Change(event["type"], event["object"]))
        except Expired:
            version = ""
        except Unavailable as error:
            now = SYSTEM_CLOCK.monotonic()
            if not synced or (away_since is not None and now - away_since > PATIENCE_S):
                raise
            if away_since is None:
                away_since = now
                on_trouble(f"{error.message}; waiting for it up to {PATIENCE_S:g} s")
            version = ""
            await asyncio.sleep(backoff.next_s())


def _note(known: dict[str, dict[str, Any]], change: Change) -> Change:
    uid = change.wire["metadata"].get("uid", "")
    if change.type == "DELETED":
        known.pop(uid, None)
    else:
        known[uid] = change.wire
    return change


def _difference(known: dict[str, dict[str, Any]], items: list[dict[str, Any]]) -> list[Change]:
    found = []
    listed = {item["metadata"].get("uid", ""): item for item in items}
    for uid, item in listed.items():
        old = known.get(uid)
        if old is None:
            found.append(Change("ADDED", item))
        elif old["metadata"].get("resourceVersion") != item["metadata"].get("resourceVersion"):
            found.append(Change("MODIFIED", item))
    # In the order they were written, which lists (by name) are not.
    found.sort(key=lambda change: int(change.wire["metadata"].get("resourceVersion") or 0))
    found += [Change("DELETED", old) for uid, old in known.items() if uid not in listed]
    return found
