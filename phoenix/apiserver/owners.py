"""Field ownership of one write: from `metadata.managedFields` as stored to what is stored next.

The registry sets managedFields aside while it changes, prunes and compares an object, and asks here afterwards.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from phoenix.api.schema import unknown_fields
from phoenix.apimachinery.conditions import timestamp
from phoenix.apimachinery.errors import BadRequest, Cause, Conflict
from phoenix.apimachinery.meta import Resource
from phoenix.apiserver.options import WriteOptions
from phoenix.apiserver.strategy import Wire
from phoenix.apiserver.target import Target
from phoenix.fieldmanagers.entries import UPDATE, Entries, Writer, is_reset, sent_entries, stored_entries, to_wire
from phoenix.fieldmanagers.errors import ApplyConflict, IllTyped, InvalidEntry
from phoenix.fieldmanagers.newobject import managed_fields_of_new
from phoenix.fieldmanagers.ownership import Change, apply, changes, only_time_changes, update

_LOGGER = logging.getLogger(__name__)

Managed = list[dict[str, Any]]
"""`metadata.managedFields` on the wire."""


def claim_new(kind: type[Resource], wire: Wire, options: WriteOptions, now: str) -> None:
    """Make the creator of an object the owner of everything in it, or keep what an apply has settled."""
    if managed := options.settled or managed_fields_of_new(kind, wire, options.manager, now):
        wire["metadata"]["managedFields"] = managed


class Owners:
    """The owners of one object over one update.

    Args:
        stored: managedFields of the live object; None where nothing is tracked.
        sent: managedFields of the object wanted; None where the client said nothing of them.
    """

    __slots__ = ("_options", "_sent", "_target", "stored")

    def __init__(self, target: Target, options: WriteOptions, stored: Managed | None, sent: Any) -> None:
        self._target, self._options = target, options
        self.stored = stored
        self._sent = None if sent == stored or (target.subresource and not options.apply) else sent

    @property
    def untouched(self) -> bool:
        """Whether a write that changes nothing else changes nothing at all.

        As upstream, times alone are no change: an apply of a list without its defaults "changes" the list until the
        defaults are filled in again, and would write the object anew each time.
        """
        return self._sent is None or _without_times(self._sent) == _without_times(self.stored)

    def after(self, old: Wire, new: Wire, now: datetime) -> Managed | None:
        """What to store; None for nothing. `old` and `new` are without managedFields, with all their defaults."""
        if self._options.apply:
            return self._sent if self._sent is not None else self.stored
        if not self.stored and self._sent is None:
            return None
        kind, subresource, time = self._target.kind, self._target.subresource, timestamp(now)
        writer = Writer(self._options.manager, UPDATE, kind.info.api_version, subresource)
        try:
            change = changes(kind, old, new, subresource)
        except IllTyped as error:  # upstream's choice, too: a write is not refused because ownership cannot be told
            _LOGGER.warning("owners are left as they were key=%s error=%s", self._target.key, error)
            change = Change({}, {})
        if self._sent is None and (same := only_time_changes(self.stored or (), change, writer, time)) is not None:
            return same
        entries = self._entries()
        changed = update(entries, change, writer, time)
        return self.stored if changed is entries and self._sent is None else to_wire(changed)

    def _entries(self) -> Entries:
        if self._sent is not None:
            if is_reset(self._sent):
                return ()
            try:
                if sent := sent_entries(self._sent):
                    return sent
            except InvalidEntry:
                pass  # as upstream: a client that does not understand managedFields cannot break them
        return stored_entries(self.stored)


def _without_times(managed: Any) -> Any:
    if not isinstance(managed, list) or not all(isinstance(entry, dict) for entry in managed):
        return managed
    entries = [{key: value for key, value in entry.items() if key != "time"} for entry in managed]
    writer = ("manager", "operation", "apiVersion", "subresource")
    return sorted(entries, key=lambda entry: [str(entry.get(name)) for name in writer])  # not by time, as stored


def take_managed(wire: Any) -> Any:
    """Take managedFields out of an object; None where there are none."""
    metadata = wire.get("metadata") if isinstance(wire, dict) else None
    return metadata.pop("managedFields", None) if isinstance(metadata, dict) else None


def check_config(target: Target, config: Wire) -> None:
    """What an applied configuration may not hold. Raises BadRequest."""
    info = target.kind.info
    version = config.get("apiVersion")
    if not version or not config.get("kind"):
        raise BadRequest(f"an applied configuration says what it is: apiVersion {info.api_version}, kind {info.kind}")
    if config["kind"] != info.kind:
        raise BadRequest(f"invalid object type: {version}, Kind={config['kind']}: this URL is for {info.kind}")
    if version != info.api_version:
        msg = f"Incorrect version specified in apply patch. Specified patch version: {version}, expected: "
        raise BadRequest(msg + info.api_version)
    metadata = config.get("metadata", {})
    if not isinstance(metadata, dict):
        raise BadRequest('metadata must be an object, such as {"name": "example"}')
    if metadata.get("managedFields") is not None:
        raise BadRequest("metadata.managedFields must be nil")
    if unknown := unknown_fields(target.kind, config):
        raise BadRequest(_ill_typed(target, [f".{path}: field not declared in schema" for path in unknown]))


def applied(target: Target, config: Wire, options: WriteOptions, now: datetime, live: Wire | None) -> Wire:
    """The object an apply makes, its new managedFields inside.

    Args:
        config: checked, without nulls.
        live: the object, which may be changed; None: there is none.

    Raises:
        Conflict: others own what this would change; a cause a field.
        BadRequest: the configuration does not fit the schema.
    """
    stored = take_managed(live)
    entries = stored_entries(stored)
    try:
        made = apply(
            target.kind, live, config, entries,
            manager=options.manager, time=timestamp(now), subresource=target.subresource, force=options.force,
        )  # fmt: skip
    except ApplyConflict as error:
        causes = [Cause("FieldManagerConflict", f"conflict with {one.owner}", one.path) for one in error.conflicts]
        raise Conflict(str(error), causes=causes) from error
    except IllTyped as error:
        raise BadRequest(_ill_typed(target, [str(error)])) from error
    managed = stored if made.entries is entries else to_wire(made.entries)
    wire = dict(made.wire)
    metadata = wire.get("metadata")
    wire["metadata"] = {**(metadata if isinstance(metadata, dict) else {}), "managedFields": managed}
    return wire


def _ill_typed(target: Target, problems: list[str]) -> str:
    info = target.kind.info
    about = f"{target.namespace}/{target.name}; {info.api_version}, Kind={info.kind}"
    told = problems[0] if len(problems) == 1 else "errors:\n" + "".join(f"  {problem}\n" for problem in problems)
    return f"failed to create typed patch object ({about}): {told}"
