"""One change of the store as watchers see it: which event it is for a selector, and its line, encoded once each."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson

from phoenix.apimachinery.meta import Resource
from phoenix.apiserver.codec import with_resource_version
from phoenix.apiserver.selection import Selection
from phoenix.apiserver.table import IncludeObject, partial_object, render_table
from phoenix.store.interface import EventType, StoreEvent

Wire = dict[str, Any]


INITIAL_EVENTS_END = "k8s.io/initial-events-end"
"""Annotation of the bookmark after which a watch-list has told everything there was."""


class Form(StrEnum):
    """What an answer's objects look like. Rows of tables carry metadata unless it says otherwise."""

    OBJECT = "object"
    PARTIAL = "partial"
    TABLE = "table"
    TABLE_WITH_OBJECTS = "table with objects"
    TABLE_BARE = "table without objects"

    @property
    def include(self) -> IncludeObject:
        """What a table's rows carry."""
        return _INCLUDES.get(self, IncludeObject.METADATA)


_INCLUDES = {Form.TABLE_WITH_OBJECTS: IncludeObject.OBJECT, Form.TABLE_BARE: IncludeObject.NONE}


def event_line(type_: str, value: bytes) -> bytes:
    """A watch event of an encoded object, as one line."""
    return b'{"type":"%b","object":%b}\n' % (type_.encode(), value)


def bookmark_line(kind: type[Resource], form: Form, revision: int, *, initial_end: bool = False) -> bytes:
    """The event that says: you have seen everything up to here; `initial_end`: and now come changes."""
    info = kind.info
    metadata: Wire = {"resourceVersion": str(revision)}
    if initial_end:
        metadata["annotations"] = {INITIAL_EVENTS_END: "true"}
    wire: Wire = {"kind": info.kind, "apiVersion": info.api_version, "metadata": metadata}
    if form is Form.PARTIAL:
        wire = partial_object(wire)
    elif form is not Form.OBJECT:
        # A row, since a table's own metadata has no annotations; its cells are empty.
        wire = render_table(kind, [wire], now=_EPOCH, include=form.include)
    return event_line("BOOKMARK", orjson.dumps(wire))


_EPOCH = datetime.fromtimestamp(0, UTC)


def error_line(status: Wire) -> bytes:
    """The event that ends a watch with an error."""
    return event_line("ERROR", orjson.dumps(status))


class Change:
    """A store event on its way to the groups. Decoded at most once, each line made at most once."""

    __slots__ = ("_lines", "_new", "_old", "event")

    def __init__(self, event: StoreEvent) -> None:
        self.event = event
        self._new: Wire | None = None
        self._old: Wire | None = None
        self._lines: dict[tuple[EventType, Form, bool], bytes] = {}

    def seen_by(self, selection: Selection) -> EventType | None:
        """What happened, for someone who sees only the selected objects; None: nothing.

        An object that begins to match is ADDED, one that stops is DELETED.
        """
        event = self.event
        if selection.everything:
            return event.type
        before = event.previous is not None and selection.matches(self._previous())
        if event.type == EventType.DELETED:
            return EventType.DELETED if before else None
        after = selection.matches(self._current())
        if after:
            return EventType.MODIFIED if before else EventType.ADDED
        return EventType.DELETED if before else None

    def line(self, type_: EventType, kind: type[Resource], form: Form, now: datetime) -> bytes:
        """The event's line in a form."""
        left = type_ == EventType.DELETED != self.event.type
        key = (type_, form, left)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = event_line(type_, self._value(kind, form, left=left, now=now))
        return line

    def _value(self, kind: type[Resource], form: Form, *, left: bool, now: datetime) -> bytes:
        if form is Form.OBJECT and not left:
            return self.event.value
        wire = self._last_matching() if left else self._current()
        return (
            with_resource_version(wire, self.event.revision) if form is Form.OBJECT else shaped(kind, form, wire, now)
        )

    def _last_matching(self) -> Wire:
        """The object as it last matched, at the revision it left."""
        wire = dict(self._previous())
        wire["metadata"] = {**wire["metadata"], "resourceVersion": str(self.event.revision)}
        return wire

    def _current(self) -> Wire:
        if self._new is None:
            self._new = orjson.loads(self.event.value)
        return self._new

    def _previous(self) -> Wire:
        if self._old is None:
            assert self.event.previous is not None
            self._old = orjson.loads(self.event.previous)
        return self._old


def shaped(kind: type[Resource], form: Form, wire: Wire, now: datetime) -> bytes:
    """One object in a form."""
    match form:
        case Form.PARTIAL:
            return orjson.dumps(partial_object(wire))
        case Form.OBJECT:
            return orjson.dumps(wire)
        case _:
            return orjson.dumps(render_table(kind, [wire], now=now, include=form.include))
