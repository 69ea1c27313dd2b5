"""The entries of `metadata.managedFields`: one a manager, operation, version and subresource."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from phoenix.apimachinery.conditions import parse_timestamp
from phoenix.fieldmanagers.errors import InvalidEntry, InvalidFields
from phoenix.fieldmanagers.fieldset import FieldSet, parse, union

APPLY: Final = "Apply"
UPDATE: Final = "Update"
BEFORE_FIRST_APPLY: Final = "before-first-apply"
ANCIENT_CHANGES: Final = "ancient-changes"
MAX_UPDATE_ENTRIES: Final = 10
"""More entries of updates than these are made one of the oldest."""
MAX_MANAGER_CHARS: Final = 128
_MAX_SUBRESOURCE_CHARS = 256


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes and how: what tells one entry from another. An applier has one entry for all versions."""

    manager: str
    operation: str
    api_version: str
    subresource: str = ""

    def __str__(self) -> str:
        """As messages name it: `"kubectl-edit" with subresource "status" using phoenix.io/v1alpha1`."""
        text = _quoted(self.manager)
        if self.subresource:
            text += f" with subresource {_quoted(self.subresource)}"
        return text + (f" using {self.api_version}" if self.operation == UPDATE else "")

    def is_same(self, other: Writer) -> bool:
        """Whether both have one entry."""
        return (
            self.manager == other.manager
            and self.operation == other.operation
            and self.subresource == other.subresource
            and (self.operation == APPLY or self.api_version == other.api_version)
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """What a writer owns. `time`: RFC 3339 when it last changed something; empty where nobody knows."""

    writer: Writer
    fields: FieldSet
    time: str = ""

    def to_wire(self) -> dict[str, Any]:
        """The entry as JSON."""
        wire: dict[str, Any] = {
            "manager": self.writer.manager,
            "operation": self.writer.operation,
            "apiVersion": self.writer.api_version,
        }
        if self.time:
            wire["time"] = self.time
        wire |= {"fieldsType": "FieldsV1", "fieldsV1": self.fields}
        if self.writer.subresource:
            wire["subresource"] = self.writer.subresource
        return wire


Entries = tuple[Entry, ...]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def stored_entries(wire: Iterable[dict[str, Any]] | None) -> Entries:
    """Entries as this server stored them."""
    return tuple(
        Entry(
            Writer(one["manager"], one["operation"], one["apiVersion"], one.get("subresource", "")),
            one["fieldsV1"],
            one.get("time") or "",
        )
        for one in wire or ()
    )


def sent_entries(wire: Any) -> Entries:
    """Entries as a client sent them, checked. Raises InvalidEntry."""
    if not isinstance(wire, list):
        raise InvalidEntry("metadata.managedFields: Invalid value: must be a list")
    found: list[Entry] = []
    for index, one in enumerate(wire):
        try:
            entry = _sent(one)
        except (InvalidFields, ValueError) as error:
            raise InvalidEntry(f"metadata.managedFields[{index}]: Invalid value: {error}") from error
        if any(entry.writer.is_same(other.writer) for other in found):
            continue  # as upstream: the first of two with one identity counts
        found.append(entry)
    return tuple(found)


def _sent(wire: Any) -> Entry:
    if not isinstance(wire, dict):
        raise ValueError("must be an object")
    text = {name: wire.get(name) or "" for name in ("manager", "operation", "apiVersion", "subresource", "time")}
    for name, value in text.items():
        if not isinstance(value, str):
            msg = f"{name} must be a string"
            raise ValueError(msg)
    if text["operation"] not in (APPLY, UPDATE):
        raise ValueError("operation must be `Apply` or `Update`")
    if not text["apiVersion"]:
        raise ValueError("apiVersion must not be empty")
    if wire.get("fieldsType") != "FieldsV1":
        raise ValueError("fieldsType must be `FieldsV1`")
    if problem := manager_problem(text["manager"]):
        msg = f"manager: {problem}"
        raise ValueError(msg)
    if len(text["subresource"]) > _MAX_SUBRESOURCE_CHARS:
        msg = f"subresource: may not be more than {_MAX_SUBRESOURCE_CHARS} characters"
        raise ValueError(msg)
    if text["time"]:
        parse_timestamp(text["time"])
    writer = Writer(text["manager"], text["operation"], text["apiVersion"], text["subresource"])
    return Entry(writer, parse(wire.get("fieldsV1") or {}), text["time"])


def manager_problem(manager: str) -> str:
    """Why a text cannot be a manager's name; empty when it can."""
    if len(manager.encode(errors="replace")) > MAX_MANAGER_CHARS:
        return f"Too long: may not be more than {MAX_MANAGER_CHARS} bytes"
    if not manager.isprintable():
        return "Invalid value: should only contain printable characters"
    return ""


def is_reset(wire: Any) -> bool:
    """Whether a client asks to forget all owners: an empty list, or one empty entry."""
    return isinstance(wire, list) and (not wire or wire == [{}])


def to_wire(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Entries as they are stored: appliers first, then by time and name."""
    return [entry.to_wire() for entry in sorted(entries, key=_order)]


def _order(entry: Entry) -> tuple[str, str, str, str, str]:
    writer = entry.writer
    return writer.operation, entry.time, writer.manager, writer.api_version, writer.subresource


def capped(entries: Entries) -> Entries:
    """At most MAX_UPDATE_ENTRIES entries of updates: the oldest are made one, whose manager is `ancient-changes`."""
    updates = sorted((entry for entry in entries if entry.writer.operation == UPDATE), key=_order)
    surplus = len(updates) - MAX_UPDATE_ENTRIES
    if surplus <= 0:
        return entries
    left = [entry for entry in entries if entry.writer.operation != UPDATE]
    buckets: dict[str, Entry] = {}
    for entry in updates:
        bucket = buckets.get(entry.writer.api_version)
        if surplus <= 0:
            left.append(entry)
        elif bucket is None:
            buckets[entry.writer.api_version] = entry
        else:
            writer = Writer(ANCIENT_CHANGES, UPDATE, entry.writer.api_version)
            fields = union(bucket.fields, entry.fields)
            buckets[entry.writer.api_version] = replace(entry, writer=writer, fields=fields)
            surplus -= 1
    return (*left, *buckets.values())
