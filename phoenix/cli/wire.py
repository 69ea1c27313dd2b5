"""Requests the client library has no verb for: pages of lists, patches of every type, subresources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from phoenix.apimachinery.errors import Expired
from phoenix.apimachinery.meta import KindInfo
from phoenix.client.http import JSON, MERGE_PATCH, TABLE_ACCEPT, HttpClient
from phoenix.client.transport import decode

Wire = dict[str, Any]
JSON_PATCH = "application/json-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
PATCH_TYPES = {"merge": MERGE_PATCH, "json": JSON_PATCH, "strategic": STRATEGIC_PATCH}

__all__ = ["JSON", "JSON_PATCH", "MERGE_PATCH", "PATCH_TYPES", "STRATEGIC_PATCH", "list_all", "send"]


async def send(
    client: HttpClient,
    method: str,
    path: str,
    body: Any = None,
    *,
    content_type: str = JSON,
    params: Mapping[str, str] | None = None,
    table: bool = False,
) -> Wire:
    """Any request whose answer is an object. Raises ApiError."""
    headers = {"Accept": TABLE_ACCEPT if table else JSON}
    if body is not None:
        headers["Content-Type"] = content_type
    given = {key: value for key, value in (params or {}).items() if value}
    data = orjson.dumps(body) if body is not None else None
    answer = await client.request(method, path, body=data, params=given, headers=headers)
    found: Wire = decode(answer, client.server)
    return found


async def list_all(
    client: HttpClient,
    info: KindInfo,
    namespace: str,
    *,
    label_selector: str = "",
    field_selector: str = "",
    table: bool = False,
    chunk_size: int = 0,
    include_object: bool = False,
) -> Wire:
    """A whole `…List` or `Table`, asked for in pages of `chunk_size` (0: at once).

    A token that expired between two pages is answered by listing again at once, so that the list stays consistent.
    """
    params = {"labelSelector": label_selector, "fieldSelector": field_selector}
    if include_object and table:
        params["includeObject"] = "Object"
    if chunk_size:
        params["limit"] = str(chunk_size)
    key = "rows" if table else "items"
    whole = await send(client, "GET", info.path(namespace), params=params, table=table)
    whole[key] = whole.get(key) or []
    token = (whole.get("metadata") or {}).get("continue")
    while token:
        try:
            page = await send(
                client, "GET", info.path(namespace), params=params | {"continue": str(token)}, table=table
            )
        except Expired:
            params.pop("limit", None)
            return await send(client, "GET", info.path(namespace), params=params, table=table)
        whole[key] += page.get(key) or []
        token = (page.get("metadata") or {}).get("continue")
    if chunk_size:
        for name in ("continue", "remainingItemCount"):
            (whole.get("metadata") or {}).pop(name, None)
    return whole
