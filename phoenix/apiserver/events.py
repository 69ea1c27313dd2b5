"""One change of the store as watchers see it: which event it is for a selector, and its line, encoded once each."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from phoenix.apimachinery.meta import Resource
from phoenix.apiserver.codec import with_resource_version
from phoenix.apiserver.selection import Selection
from phoenix.apiserver.table import partial_object, render_table
from phoenix.store.interface import EventType, StoreEvent

Wire = dict[str, Any]


class Form(StrEnum):
    """What an answer's objects look like."""

    OBJECT = "object"
    TABLE = "table"
    PARTIAL = "partial"


def event_line(type_: str, value: bytes) -> bytes:
    """A watch event of an encoded object, as one line."""
    return b'{"type":"%b","object":%b}\n' % (type_.encode(), value)


def bookmark_line(kind: type[Resource], revision: int) -> bytes:
    """The event that says: you have seen everything up to here."""
    info = kind.info
    value = {
        "kind": info.kind,
        "apiVersion": info.api_version,
        "metadata": {"resourceVersion": str(revision), "creationTimestamp": None},
    }
    return event_line("BOOKMARK", orjson.dumps(value))


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
        case Form.TABLE:
            return orjson.dumps(render_table(kind, [wire], now=now))
        case Form.PARTIAL:
            return orjson.dumps(partial_object(wire))
        case Form.OBJECT:
            return orjson.dumps(wire)
