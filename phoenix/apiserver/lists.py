"""Lists: encoded objects joined, not decoded, wherever nobody asks for a selection or another form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from phoenix.apimachinery.errors import BadRequest, Cause, Expired, ServerTimeout
from phoenix.apiserver.events import Form
from phoenix.apiserver.options import ListOptions
from phoenix.apiserver.paging import CURRENT, ContinueExpired, read_token, write_token
from phoenix.apiserver.selection import Selection, parse_selection
from phoenix.apiserver.table import partial_object, render_table
from phoenix.apiserver.target import Target
from phoenix.store.interface import Compacted, Record, Store


@dataclass(frozen=True, slots=True)
class _Page:
    records: Sequence[Record]
    metadata: dict[str, Any]


class Lister:
    """Answers lists from the store's memory.

    Guarantees: all pages of a list show the objects of one revision, that of its first page, and name it. When its
    history is gone, the answer is 410 with a token that goes on with the present objects.
    """

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def list(self, target: Target, options: ListOptions, form: Form) -> bytes:
        """The collection as JSON in a form. Raises BadRequest, Expired, ServerTimeout."""
        selection = parse_selection(target.kind, options.label_selector, options.field_selector)
        page = self._page(target, options, selection)
        info = target.kind.info
        match form:
            case Form.OBJECT:
                return _join(f"{info.kind}List", info.api_version, page)
            case Form.PARTIAL:
                return orjson.dumps(
                    {
                        "kind": "PartialObjectMetadataList",
                        "apiVersion": "meta.k8s.io/v1",
                        "metadata": page.metadata,
                        "items": [partial_object(orjson.loads(record.value)) for record in page.records],
                    }
                )
            case _:
                objects = [orjson.loads(record.value) for record in page.records]
                now, include = self._now(), form.include
                return orjson.dumps(
                    render_table(target.kind, objects, now=now, metadata=page.metadata, include=include)
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
                f"Timeout: Too large resource version: {revision}, current: {self._store.revision}",
                causes=[Cause("ResourceVersionTooLarge", "Too large resource version")],
                retry_after_s=1,
            )
        return revision

    @property
    def revision(self) -> int:
        """The store's latest revision."""
        return self._store.revision

    def select(self, target: Target, selection: Selection) -> Sequence[Record]:
        """Live records of a collection that a selection means, in key order."""
        if selection.everything:
            return self._store.list(target.prefix)
        if selection.name is not None and (target.namespace or not target.kind.info.namespaced):
            record = self._store.get(target.prefix + selection.name)
            return _matching([record] if record is not None else [], selection)
        return _matching(self._store.list(target.prefix), selection)

    def _page(self, target: Target, options: ListOptions, selection: Selection) -> _Page:
        present, after = self._store.revision, ""
        revision = present
        if options.continue_token:
            revision, after = read_token(options.continue_token)
            if revision == CURRENT:
                revision = present
            if revision > present:
                raise Expired("the continue token is of another store: list again from the start")
        elif options.resource_version:
            asked = self.check_version(options.resource_version)
            revision = asked if options.exact else present
        try:
            found = self.select(target, selection) if revision == present else self._at(target, selection, revision)
        except Compacted as error:
            if after:
                raise ContinueExpired(write_token(CURRENT, after)) from error
            raise Expired(
                f"The resourceVersion for the provided list is too old: {revision} ({error.oldest})"
            ) from error
        records = [record for record in found if record.key > after] if after else found
        metadata: dict[str, Any] = {"resourceVersion": str(revision)}
        if options.limit and len(records) > options.limit:
            remaining = len(records) - options.limit
            records = records[: options.limit]
            metadata["continue"] = write_token(revision, records[-1].key)
            if selection.everything:
                metadata["remainingItemCount"] = remaining
        return _Page(records, metadata)

    def _at(self, target: Target, selection: Selection, revision: int) -> Sequence[Record]:
        """Records of a collection as they were at an earlier revision: what changed since is put back.

        Raises Compacted.
        """
        then: dict[str, bytes | None] = {}
        for event in self._store.history(target.prefix, after_revision=revision):
            then.setdefault(event.key, event.previous)  # the first change since says what was there before
        records = [record for record in self._store.list(target.prefix) if record.key not in then]
        records += [Record(key, value, revision, revision) for key, value in then.items() if value is not None]
        records.sort(key=lambda record: record.key)
        return records if selection.everything else _matching(records, selection)


def _matching(records: Iterable[Record], selection: Selection) -> list[Record]:
    return [record for record in records if selection.matches(orjson.loads(record.value))]


def _join(kind: str, api_version: str, page: _Page) -> bytes:
    # An empty token as upstream has it: custom resources' lists say it, core kinds' leave it out.
    metadata = page.metadata if api_version == "v1" else {"continue": "", **page.metadata}
    head = orjson.dumps({"kind": kind, "apiVersion": api_version, "metadata": metadata})
    return b"".join((head[:-1], b',"items":[', b",".join([record.value for record in page.records]), b"]}"))
