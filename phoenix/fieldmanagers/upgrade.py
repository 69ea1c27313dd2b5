"""From client-side to server-side apply: what a manager's updates set becomes what it applied. As kubectl does it."""

from __future__ import annotations

from collections.abc import Collection

from phoenix.fieldmanagers.entries import APPLY, UPDATE, Entries, Entry, Writer
from phoenix.fieldmanagers.fieldset import FieldSet, union


def applied_instead(entries: Entries, client_side: Collection[str], applier: str) -> Entries:
    """Entries with those of client-side appliers made one with the server-side applier's.

    Without it the old entry would go on owning what the manifest leaves out, which then never goes.

    Args:
        client_side: names of managers whose updates of the object came from client-side apply.
        applier: who applies from now on.

    Returns:
        `entries` itself where there is nothing to move.
    """
    moved = [
        entry
        for entry in entries
        if entry.writer.operation == UPDATE and entry.writer.manager in client_side and not entry.writer.subresource
    ]
    if not moved:
        return entries
    own = [
        entry
        for entry in entries
        if entry.writer.operation == APPLY and entry.writer.manager == applier and not entry.writer.subresource
    ]
    fields: FieldSet = {}
    for entry in (*own, *moved):
        fields = union(fields, entry.fields)
    newest = max((*own, *moved), key=lambda entry: entry.time)
    one = Entry(Writer(applier, APPLY, newest.writer.api_version), fields, newest.time)
    return (one, *(entry for entry in entries if entry not in own and entry not in moved))
