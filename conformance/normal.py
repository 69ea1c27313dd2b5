"""Answers without what may differ from run to run: identities and revisions become numbered names, times a word.

Numbering keeps what matters of a revision: two answers with the same number showed the same one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_REVISION = re.compile(
    r"(ResourceVersion in (?:precondition|record)[: (]+|the precondition \(|resource version: |"
    r"resourceVersion(?:\\*\")?: ?\\*\")(\d+)"
)
_CURRENT = re.compile(r"(, current: |resource version: \S+ \()\d+")
_AGE = re.compile(r"(?:\d+[smhd])+|<invalid>")
HEADERS = (
    "Content-Type", "Warning", "Retry-After", "Cache-Control", "Vary", "WWW-Authenticate", "Allow", "Location",
)  # fmt: skip
"""The headers that matter; any other is not looked at."""


class Names:
    """The numbered names of one scenario."""

    def __init__(self) -> None:
        self._uids: dict[str, str] = {}
        self._revisions: dict[str, str] = {}
        self._prefixes: list[str] = []

    def sent(self, body: Any) -> None:
        """Tell of a body that is sent: what follows its generateName in answers is the server's."""
        metadata = body.get("metadata") if isinstance(body, dict) else None
        prefix = metadata.get("generateName") if isinstance(metadata, dict) else None
        if isinstance(prefix, str) and isinstance(metadata, dict) and "name" not in metadata:
            self._prefixes.append(prefix)

    def body(self, value: Any) -> Any:
        """A decoded answer, made comparable. The value is not changed."""
        return self._value(value, ())

    def text(self, text: str) -> str:
        """A text of the server's with its volatile parts named."""
        text = _UUID.sub(lambda match: self._uid(match[0]), text)
        text = _REVISION.sub(lambda match: match[1] + self._revisions.get(match[2], "<revision>"), text)
        for prefix in self._prefixes:
            text = re.sub(re.escape(prefix) + r"[a-z0-9]{5}\b", f"{prefix}<suffix>", text)
        return _CURRENT.sub(r"\1<revision>", _TIME.sub("<time>", text))

    def _uid(self, uid: str) -> str:
        return self._uids.setdefault(uid, f"uid-{len(self._uids) + 1}")

    def _value(self, value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, dict):
            return {self.text(key): self._value(item, (*path, key)) for key, item in _whole(value).items()}
        if isinstance(value, list):
            items = [self._value(item, (*path, "")) for item in value]
            order = _ORDERS.get(path[-1] if path else "")
            return sorted(items, key=order) if order else items
        if not isinstance(value, str):
            return value
        if path[-2:] == ("metadata", "resourceVersion"):
            return self._revision(value)
        if "cells" in path and _AGE.fullmatch(value):
            return "<age>"
        return self.text(value)

    def _revision(self, revision: str) -> str:
        if not revision.isdigit() or revision == "0":
            return revision
        return self._revisions.setdefault(revision, f"revision-{len(self._revisions) + 1}")


def shared(value: Any) -> Any:
    """An answer without a list's own revision, which is the whole store's, and its token."""
    if not isinstance(value, dict) or not str(value.get("kind", "")).endswith(("List", "Table")):
        return value
    metadata = value.get("metadata")
    if not isinstance(metadata, dict):
        return value
    words = {"resourceVersion": "<revision>", "continue": "<token>"}
    return {**value, "metadata": {key: words.get(key, item) if item else item for key, item in metadata.items()}}


def _whole(value: dict[str, Any]) -> dict[str, Any]:
    """A Status whose message repeats its causes keeps them once: upstream gives them in no order."""
    details = value.get("details")
    causes = details.get("causes") if value.get("kind") == "Status" and isinstance(details, dict) else None
    if not causes or len(causes) < 2:
        found: dict[str, Any] = shared(value)
        return found
    listed = ", ".join(f"{cause.get('field', '')}: {cause.get('message', '')}" for cause in causes)
    return {**value, "message": str(value.get("message")).replace(f"[{listed}]", "[the causes]")}


def _cause(cause: Any) -> tuple[str, str, str]:
    return (cause.get("field", ""), cause.get("reason", ""), cause.get("message", ""))


def _manager(entry: Any) -> tuple[str, str, str, str]:
    return (entry.get("manager", ""), entry.get("operation", ""), entry.get("subresource", ""), str(entry))


_ORDERS: dict[str, Callable[[Any], Any]] = {"causes": _cause, "managedFields": _manager, "verbs": str}
"""Lists whose order says nothing: upstream's is that of a map, or of times of a second's resolution."""


def untimely(wire: Any) -> bool:
    """Whether an event is a bookmark the server sends when it likes, and not the one that ends a beginning."""
    return wire.get("type") == "BOOKMARK" and "annotations" not in wire["object"]["metadata"]


def event(wire: Any) -> Any:
    """A watch event; a bookmark's revision is the whole store's."""
    if isinstance(wire, dict) and wire.get("type") == "BOOKMARK":
        found = wire["object"]
        return {**wire, "object": {**found, "metadata": {**found["metadata"], "resourceVersion": "<revision>"}}}
    return wire


def headers(found: Any) -> dict[str, Any]:
    """Of the answer's headers, those that matter; of repeated ones all."""
    kept: dict[str, Any] = {}
    for name in HEADERS:
        values = found.getall(name, [])
        if values:
            kept[name] = values[0] if len(values) == 1 else list(values)
    return kept
