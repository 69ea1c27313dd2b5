"""What a write does to the owners of fields: the rules of create, update and apply. Pure: the time is an argument.

What the server owns (name, uid, resourceVersion, …) nobody owns here. A write to the object owns nothing of its status,
one to its status nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from phoenix.apimachinery.meta import Resource
from phoenix.fieldmanagers.entries import (
    APPLY,
    BEFORE_FIRST_APPLY,
    UPDATE,
    Entries,
    Entry,
    Writer,
    capped,
)
from phoenix.fieldmanagers.errors import ApplyConflict, FieldConflict, IllTyped
from phoenix.fieldmanagers.extract import ABSENT, compare, everything, named
from phoenix.fieldmanagers.fieldset import (
    SELF,
    FieldSet,
    difference,
    intersection,
    paths,
    shown,
    union,
)
from phoenix.fieldmanagers.fieldtype import FieldType, field_type
from phoenix.fieldmanagers.merge import merge, remove, with_parents, without_empty_lists

Wire = dict[str, Any]

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_LAST_APPLIER: Final = "kubectl"
"""The one manager whose server-side apply takes over what its client-side apply left, as the annotation tells."""

_UNOWNED_METADATA: Final = (
    "name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields", "resourceVersion",
    "deletionTimestamp", "deletionGracePeriodSeconds",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply makes: the object (it shares parts with what it was made of) and who owns its fields now."""

    wire: Wire
    entries: Entries


def owned_part(wire: Wire, subresource: str, *, has_status: bool) -> Wire:
    """The part of an object whose fields a write to it (or to its status) can own."""
    if subresource:
        return {subresource: wire[subresource]} if subresource in wire else {}
    part = {key: value for key, value in wire.items() if key not in ("apiVersion", "kind")}
    if has_status:
        part.pop("status", None)
    metadata = part.get("metadata")
    if isinstance(metadata, dict):
        part["metadata"] = {key: value for key, value in metadata.items() if key not in _UNOWNED_METADATA}
    return part


def fields_of_new(kind: type[Resource], wire: Wire) -> FieldSet:
    """What the creator of an object owns: everything in it. Raises IllTyped."""
    type_ = field_type(kind)
    part = owned_part(wire, "", has_status=kind.info.has_status)
    found = {f"f:{name}": everything(type_.of(name), value) for name, value in part.items()}
    return _without_metadata_itself(found)


def _without_metadata_itself(fields: FieldSet) -> FieldSet:
    """`metadata` is nobody's, only what is in it."""
    below = fields.get("f:metadata")
    if below is None or (below and SELF not in below):
        return fields
    rest = {step: part for step, part in below.items() if step != SELF}
    left = {step: part for step, part in fields.items() if step != "f:metadata"}
    return left | {"f:metadata": rest} if rest else left


class Change(NamedTuple):
    """The fields a write added or changed, and those it removed."""

    changed: FieldSet
    removed: FieldSet


def changes(kind: type[Resource], old: Wire, new: Wire, subresource: str) -> Change:
    """What a write to an object (or to its status) changed, of what can be owned.

    Raises:
        IllTyped: a list of items has items without their keys.
    """
    type_, has_status = field_type(kind), kind.info.has_status
    before, after = (owned_part(wire, subresource, has_status=has_status) for wire in (old, new))
    changed: FieldSet = {}
    removed: FieldSet = {}
    for name in before.keys() | after.keys():
        was, now = before.get(name, ABSENT), after.get(name, ABSENT)
        if was is not ABSENT and was == now:
            continue
        come, gone = compare(type_.of(name), was, now)
        if come is not None:
            changed[f"f:{name}"] = come
        if gone is not None:
            removed[f"f:{name}"] = gone
    return Change(_without_metadata_itself(changed), removed)


def update(entries: Entries, change: Change, writer: Writer, time: str) -> Entries:
    """Owners after an update or patch: the writer owns what it added or changed, nobody what is gone.

    Args:
        writer: its operation is Update.
        time: RFC 3339.

    Returns:
        `entries` itself where nothing about them changed. An object without entries is not tracked until it is applied.
    """
    changed, removed = change
    if not entries or (not changed and not removed):
        return entries
    left: list[Entry] = []
    own: FieldSet = {}
    for entry in entries:
        fields = difference(entry.fields, removed) if removed else entry.fields
        if changed and entry.writer.is_same(writer):
            own = fields
            continue
        if changed:
            fields = difference(fields, changed)
        if fields:
            left.append(entry if fields is entry.fields else Entry(entry.writer, fields, entry.time))
    if changed:
        left.append(Entry(writer, union(own, changed), time))
    return capped(tuple(left))


def only_time_changes(managed: Sequence[Wire], change: Change, writer: Writer, time: str) -> list[Wire] | None:
    """The stored entries with the writer's time, where it owns all that it changed and nobody else does; else None.

    This is what status writes are, several a second: nothing is decoded, copied or sorted for them that need not be.
    """
    changed, removed = change
    if removed or not changed:
        return None
    own: Wire | None = None
    for entry in managed:
        if (
            entry["manager"] == writer.manager
            and entry["operation"] == writer.operation
            and entry.get("subresource", "") == writer.subresource
            and entry["apiVersion"] == writer.api_version
        ):
            own = entry
            if difference(changed, entry["fieldsV1"]):
                return None
        elif intersection(changed, entry["fieldsV1"]):
            return None
    if own is None:
        return None
    if own.get("time") == time:
        return list(managed)
    return sorted([entry if entry is not own else {**own, "time": time} for entry in managed], key=_wire_order)


def _wire_order(wire: Wire) -> tuple[str, str, str, str, str]:
    return wire["operation"], wire.get("time", ""), wire["manager"], wire["apiVersion"], wire.get("subresource", "")


def apply(
    kind: type[Resource],
    live: Wire | None,
    config: Wire,
    entries: Entries,
    *,
    manager: str,
    time: str,
    subresource: str = "",
    force: bool = False,
) -> Applied:
    """Lay a configuration over an object and settle who owns what.

    What this manager applied before, does not now, and nobody else owns is taken out.

    Args:
        live: the object; None: it is to be created.
        config: what the manager wants; without nulls.
        force: take over what others own instead of raising.

    Returns:
        The same entries where neither owners nor object changed.

    Raises:
        ApplyConflict: others own fields that this would change.
        IllTyped: the configuration does not fit the schema's lists.
    """
    writer = Writer(manager, APPLY, kind.info.api_version, subresource)
    request = _Request(kind, live or {}, _wanted(kind, config, subresource), writer, time)
    if live is not None and not entries:
        before = Writer(BEFORE_FIRST_APPLY, UPDATE, kind.info.api_version)
        fields = fields_of_new(kind, live)
        if kind.info.has_status and "status" in live:
            fields = {**fields, "f:status": everything(field_type(kind).of("status"), live["status"])}
        entries = (Entry(before, fields, time),)
    try:
        applied = request.run(entries, force=force)
    except ApplyConflict:
        if manager != _LAST_APPLIER or live is None:
            raise
        applied = request.run(entries, force=True, unless=_last_applied_fields(kind, live))
    return _with_annotation(applied, config) if manager == _LAST_APPLIER else applied


def _wanted(kind: type[Resource], config: Wire, subresource: str) -> Wire:
    """The part of a configuration that counts: an object with identity, and what this endpoint writes."""
    if subresource:
        return {key: value for key, value in config.items() if key in ("apiVersion", "kind", subresource)}
    return {key: value for key, value in config.items() if not (key == "status" and kind.info.has_status)}


@dataclass(frozen=True, slots=True)
class _Request:
    """One apply."""

    kind: type[Resource]
    live: Wire
    config: Wire
    writer: Writer
    time: str

    def run(self, entries: Entries, *, force: bool, unless: FieldSet | None = None) -> Applied:
        """`unless`: with force, fields that may be taken over; a conflict about any other is raised."""
        type_ = field_type(self.kind)
        part = owned_part(self.config, self.writer.subresource, has_status=self.kind.info.has_status)
        fields = _without_metadata_itself(named(type_, part))
        own = next((entry for entry in entries if entry.writer.is_same(self.writer)), None)
        others = tuple(entry for entry in entries if entry is not own)
        merged: Wire = merge(type_, self.live, self.config)
        if own is not None and difference(own.fields, fields):
            pruned = _pruned(type_, merged, own.fields, (fields, *(entry.fields for entry in others)))
            merged = merge(type_, pruned, without_empty_lists(type_, self.config))  # an object may be wanted, empty
        changed, removed = changes(self.kind, self.live, merged, self.writer.subresource)
        conflicts = [(entry, common) for entry in others if (common := intersection(entry.fields, changed))]
        if unless is not None:
            conflicts = [(entry, rest) for entry, common in conflicts if (rest := difference(common, unless))]
        if conflicts and (not force or unless is not None):
            raise _conflict(conflicts)
        left = [_less(entry, changed, removed) for entry in others]
        kept = [entry for entry in left if entry is not None]
        if own is not None and own.fields == fields and not changed and not removed:
            return Applied(merged, entries)
        if fields:
            fields = difference(fields, removed)
        if fields:
            kept.append(Entry(self.writer, fields, self.time))
        return Applied(merged, tuple(kept))


def _less(entry: Entry, changed: FieldSet, removed: FieldSet) -> Entry | None:
    fields = difference(difference(entry.fields, changed), removed)
    if not fields:
        return None
    return entry if fields is entry.fields else Entry(entry.writer, fields, entry.time)


def _conflict(conflicts: list[tuple[Entry, FieldSet]]) -> ApplyConflict:
    found = [FieldConflict(str(entry.writer), shown(path)) for entry, common in conflicts for path in paths(common)]
    return ApplyConflict(tuple(sorted(found, key=lambda conflict: (conflict.owner, conflict.path))))


def _pruned(type_: FieldType, merged: Wire, last: FieldSet, owned: tuple[FieldSet, ...]) -> Wire:
    """`merged` without what was applied last and nobody owns now.

    Taking out a parent takes what it holds: so what others own, and what nobody ever applied, is put back after.
    """
    everybody: FieldSet = {}
    for fields in owned:
        everybody = union(everybody, fields)
    last = with_parents(type_, last)
    everybody = with_parents(type_, everybody)
    all_fields = with_parents(type_, named(type_, merged))
    rest = _removed(type_, merged, last)
    kept = union(with_parents(type_, named(type_, rest)), everybody)
    rest = _removed(type_, merged, difference(all_fields, kept))
    gone = difference(all_fields, with_parents(type_, named(type_, rest)))
    return _removed(type_, merged, intersection(gone, last))


def _removed(type_: FieldType, wire: Wire, fields: FieldSet) -> Wire:
    rest = remove(type_, wire, fields)
    return {} if rest is ABSENT else rest


def _last_applied_fields(kind: type[Resource], live: Wire) -> FieldSet:
    """What kubectl's client-side apply last set and is still so; empty where the annotation does not tell."""
    text = ((live.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
    try:
        last = orjson.loads(text or b"")
        if not isinstance(last, dict) or last.get("apiVersion") != kind.info.api_version:
            return {}
        type_ = field_type(kind)
        fields = named(type_, last)
        changed, removed = compare(type_, last, live)
    except (orjson.JSONDecodeError, IllTyped):
        return {}
    for other in (changed, removed):
        fields = difference(fields, other or {})
    return fields


def _with_annotation(applied: Applied, config: Wire) -> Applied:
    """Keep kubectl's annotation true, where there is one, so that a client-side apply can follow."""
    metadata = applied.wire.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    if LAST_APPLIED not in annotations or not isinstance(config.get("metadata"), dict):
        return applied
    kept = {**config, "metadata": {**config["metadata"], "annotations": _without_own(config["metadata"])}}
    text = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE).decode()
    if annotations[LAST_APPLIED] == text:
        return applied
    wire = {**applied.wire, "metadata": {**metadata, "annotations": {**annotations, LAST_APPLIED: text}}}
    return Applied(wire, applied.entries)


def _without_own(metadata: Wire) -> Wire:
    annotations = metadata.get("annotations")
    found = dict(annotations) if isinstance(annotations, dict) else {}
    found.pop(LAST_APPLIED, None)
    return found
