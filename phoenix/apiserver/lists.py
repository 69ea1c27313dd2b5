"""Lists: encoded objects joined, not decoded, wherever nobody asks for a selection or another form."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from phoenix.apimachinery.errors import BadRequest, Cause, Expired, ServerTimeout
from phoenix.apiserver.events import Form
from phoenix.apiserver.options import ListOptions
from phoenix.apiserver.selection import Selection, parse_selection
from phoenix.apiserver.table import IncludeObject, partial_object, render_table
from phoenix.apiserver.target import Target
from phoenix.store.interface import Record, Store


@dataclass(frozen=True, slots=True)
class _Page:
    records: Sequence[Record]
    metadata: dict[str, Any]


class Lister:
    """Answers lists from the store's memory. Every page of a list names the revision of its first page.

    A later page shows the present objects, not those of that revision: a client that watches from it sees every
    change since, so that what it holds in the end is right.
    """

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def list(self, target: Target, options: ListOptions, form: Form, include: IncludeObject) -> bytes:
        """The collection as JSON in a form. Raises BadRequest, Expired, ServerTimeout."""
        selection = parse_selection(target.kind, options.label_selector, options.field_selector)
        if options.resource_version:
            self.check_version(options.resource_version)
        page = self._page(target, options, selection)
        info = target.kind.info
        match form:
            case Form.OBJECT:
                return _join(f"{info.kind}List", info.api_version, page)
            case Form.TABLE:
                objects = [orjson.loads(record.value) for record in page.records]
                table = render_table(target.kind, objects, now=self._now(), metadata=page.metadata, include=include)
                return orjson.dumps(table)
            case Form.PARTIAL:
                return orjson.dumps(
                    {
                        "kind": "PartialObjectMetadataList",
                        "apiVersion": "meta.k8s.io/v1",
                        "metadata": page.metadata,
                        "items": [partial_object(orjson.loads(record.value)) for record in page.records],
                    }
                )

    def check_version(self, text: str) -> int:
        """A resourceVersion as the revision it stands for; the store must have reached it.

        Raises:
            BadRequest: it is none of ours.
            ServerTimeout: it is not written yet.
        """
        if not (text.isascii() and text.isdigit()) or len(text) > 18:
            msg = f"resourceVersion {text!r} is none of this server: use one it gave you, or 0"
            raise BadRequest(msg)
        revision = int(text)
        if revision > self._store.revision:
            raise ServerTimeout(
                f"Too large resource version: {revision}, current: {self._store.revision}",
                causes=[Cause("ResourceVersionTooLarge", "Too large resource version")],
                retry_after_s=1,
            )
        return revision

    def select(self, target: Target, selection: Selection) -> Sequence[Record]:
        """Live records of a collection that a selection means, in key order."""
        if selection.everything:
            return self._store.list(target.prefix)
        if selection.name is not None and (target.namespace or not target.kind.info.namespaced):
            record = self._store.get(target.prefix + selection.name)
            records: Iterable[Record] = [record] if record is not None else []
        else:
            records = self._store.list(target.prefix)
        return [record for record in records if selection.matches(orjson.loads(record.value))]

    def _page(self, target: Target, options: ListOptions, selection: Selection) -> _Page:
        records = self.select(target, selection)
        revision, after = self._store.revision, ""
        if options.continue_token:
            revision, after = _read_token(options.continue_token)
            if revision > self._store.revision:
                raise Expired("the continue token is of another store: list again from the start")
            records = [record for record in records if record.key > after]
        metadata: dict[str, Any] = {"resourceVersion": str(revision)}
        if options.limit and len(records) > options.limit:
            remaining = len(records) - options.limit
            records = records[: options.limit]
            metadata["continue"] = _token(revision, records[-1].key)
            if selection.everything:
                metadata["remainingItemCount"] = remaining
        return _Page(records, metadata)


def _join(kind: str, api_version: str, page: _Page) -> bytes:
    head = orjson.dumps({"kind": kind, "apiVersion": api_version, "metadata": page.metadata})
    return b"".join((head[:-1], b',"items":[', b",".join([record.value for record in page.records]), b"]}"))


def _token(revision: int, key: str) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([revision, key])).decode()


def _read_token(token: str) -> tuple[int, str]:
    try:
        revision, key = orjson.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError, TypeError):
        revision, key = None, None
    if not isinstance(revision, int) or not isinstance(key, str):
        raise BadRequest("continue key is not valid: use the one of the last page, unchanged")
    return revision, key
