"""A small kind with every sort of field, and owners of its objects as maps, for the tests of this room."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from phoenix.fieldmanagers import ownership
from phoenix.fieldmanagers.entries import APPLY, UPDATE, Entries, Entry, Writer
from phoenix.fieldmanagers.fieldtype import FieldType

Wire = dict[str, Any]
_TEXT = {"type": "string"}
_SET = {"type": "array", "items": _TEXT, "x-kubernetes-list-type": "set"}

SCHEMA: Wire = {
    "type": "object",
    "properties": {
        "s": _TEXT,
        "m": {"type": "object", "additionalProperties": _TEXT},
        "st": {
            "type": "object",
            "properties": {"a": _TEXT, "b": _TEXT, "in": {"type": "object", "properties": {"x": _TEXT}}},
        },
        "l": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "properties": {"name": _TEXT, "v": _TEXT, "tags": _SET}},
        },
        "set": _SET,
        "at": {"type": "array", "items": _TEXT},
        "am": {"type": "object", "additionalProperties": _TEXT, "x-kubernetes-map-type": "atomic"},
        "free": {"x-kubernetes-preserve-unknown-fields": True},
    },
}
TYPE = FieldType(SCHEMA)
KIND: Any = SimpleNamespace(info=SimpleNamespace(has_status=False, api_version="v1"))


class World:
    """One object and who owns what of it."""

    def __init__(self) -> None:
        self.wire: Wire = {}
        self.entries: Entries = ()
        self._clock = 0

    def apply(self, manager: str, config: Wire, *, force: bool = False) -> Wire:
        self._clock += 1
        writer = Writer(manager, APPLY, "v1")
        request = ownership._Request(KIND, self.wire, config, writer, str(self._clock))
        applied = request.run(self.entries, force=force)
        self.wire, self.entries = applied.wire, applied.entries
        return self.wire

    def update(self, manager: str, wire: Wire) -> None:
        self._clock += 1
        writer = Writer(manager, UPDATE, "v1")
        change = ownership.changes(KIND, self.wire, wire, "")
        if self.entries:
            self.entries = ownership.update(self.entries, change, writer, str(self._clock))
        elif change.changed:
            self.entries = (Entry(writer, change.changed, str(self._clock)),)
        self.wire = wire

    @property
    def owners(self) -> dict[str, Any]:
        """fieldsV1 by `A:manager` (applied) or `U:manager` (updated)."""
        return {f"{entry.writer.operation[0]}:{entry.writer.manager}": entry.fields for entry in self.entries}
