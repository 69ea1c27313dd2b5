"""Objects and tables as `get` wants them: sorted, merged, and followed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from phoenix.aio.backoff import Backoff
from phoenix.aio.clock import SYSTEM_CLOCK
from phoenix.apimachinery.errors import Expired
from phoenix.apimachinery.meta import KindInfo
from phoenix.cli.following import PATIENCE_S
from phoenix.cli.printers.base import Page, Wire
from phoenix.cli.session import Session
from phoenix.cli.wire import list_all
from phoenix.client.errors import Unavailable
from phoenix.client.http import HttpClient


@dataclass(frozen=True, slots=True)
class Collection:
    """What is listed or watched: a kind, where (empty: everywhere), and which of it."""

    info: KindInfo
    namespace: str
    label_selector: str = ""
    field_selector: str = ""


async def listed(client: HttpClient, of: Collection, *, table: bool, sort_by: str = "", chunk_size: int = 0) -> Page:
    """A list as a page. Sorted, it is asked for at once, with whole objects beside the rows. Raises ApiError."""
    wire = await list_all(
        client,
        of.info,
        of.namespace,
        label_selector=of.label_selector,
        field_selector=of.field_selector,
        table=table,
        chunk_size=0 if sort_by else chunk_size,
        include_object=bool(sort_by),
    )
    items = wire["rows" if table else "items"]
    if sort_by:
        sort(items, sort_by, table=table)
    version = str((wire.get("metadata") or {}).get("resourceVersion", ""))
    if table:
        return Page(of.info, table=wire, version=version)
    # NB: in lists kubectl fills in what Kubernetes leaves out of items.
    named = {"apiVersion": of.info.api_version, "kind": of.info.kind}
    return Page(of.info, [named | item for item in items], version=version)


def sort(items: list[Wire], path: str, *, table: bool) -> None:
    """By what is at a path: absent values first, numbers by size, then text."""
    from phoenix.cli.printers.jsonpath import compile_path, find_all

    compiled = compile_path(path)

    def rank(item: Wire) -> tuple[int, float, str]:
        value = next(iter(find_all(compiled, item["object"] if table else item)), None)
        if value is None:
            return (0, 0.0, "")
        if isinstance(value, bool) or not isinstance(value, int | float):
            return (2, 0.0, str(value))
        return (1, float(value), "")

    items.sort(key=rank)


def merged(pages: list[Page]) -> list[Page]:
    """Rows of the same kind as one table: `get exp a b`."""
    found: dict[str, Page] = {}
    for page in pages:
        first = found.get(page.info.kind)
        if first is None:
            found[page.info.kind] = page
        elif first.table is not None and page.table is not None:
            first.table["rows"] += page.table["rows"]
        else:
            found[page.info.kind] = Page(page.info, [*first.objects, *page.objects])
    return list(found.values())


def sorted_by(pages: list[Page], path: str) -> list[Page]:
    """The same, a page a kind, each sorted. Rows of tables must have whole objects."""
    found = []
    for page in merged(pages):
        items = list(page.objects) if page.table is None else page.table["rows"]
        sort(items, path, table=page.table is not None)
        found.append(replace(page, objects=items) if page.table is None else page)
    return found


async def changes(
    session: Session, client: HttpClient, of: Collection, version: str, *, table: bool
) -> AsyncGenerator[Wire, None]:
    """Watch events (no bookmarks) after a version, for ever. Close with `aclosing`.

    A version that is no longer kept begins anew with the objects there are. A server that is away (a restart) is waited
    for; Unavailable is raised when it stays away for longer than `following.PATIENCE_S`.
    """
    away_since: float | None = None
    backoff = Backoff(0.2, 2.0)
    while True:
        try:
            events = client.raw_watch(
                of.info,
                of.namespace,
                resource_version=version,
                label_selector=of.label_selector,
                field_selector=of.field_selector,
                table=table,
            )
            async with aclosing(events):
                async for event in events:
                    if away_since is not None:
                        away_since, backoff = None, Backoff(0.2, 2.0)
                    version = _version_of(event["object"]) or version
                    if event["type"] != "BOOKMARK":
                        yield event
        except Expired:
            version = ""
        except Unavailable as error:
            now = SYSTEM_CLOCK.monotonic()
            if away_since is None:
                away_since = now
                session.note(f"{error.message}; waiting for it up to {PATIENCE_S:g} s")
            if now - away_since > PATIENCE_S:
                raise
            await asyncio.sleep(backoff.next_s())


def _version_of(wire: Wire) -> str:
    """Of an object, or of a Table, whose only row has it where the table itself has none."""
    version: Any = (wire.get("metadata") or {}).get("resourceVersion")
    rows = wire.get("rows")
    if not version and rows:
        version = ((rows[0].get("object") or {}).get("metadata") or {}).get("resourceVersion")
    return str(version or "")
