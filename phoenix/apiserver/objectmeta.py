"""Object metadata on writes: what the server owns, what stays as it was, what may not be added any more."""

from __future__ import annotations

import os
import secrets
from datetime import datetime
from typing import Any

from phoenix.api.validation import shown
from phoenix.apimachinery.conditions import parse_timestamp, timestamp
from phoenix.apimachinery.errors import Cause

_NAME_LIMIT = 63
_SUFFIX_LENGTH = 5
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # no vowels, no look-alikes: names never spell a word
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}

KEPT_FROM_LIVE = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
                  "generation", "resourceVersion", "generateName")  # fmt: skip
_SERVER_OWNED = ("uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
                 "generation", "managedFields")  # fmt: skip


_COLLECTIONS = ("labels", "annotations", "finalizers", "ownerReferences")


def stamp_new(metadata: dict[str, Any], *, now: datetime, generation: bool) -> None:
    """Give a new object what the server owns; a name too, where it has only generateName."""
    for field in _SERVER_OWNED:
        metadata.pop(field, None)
    if not metadata.get("name") and (prefix := metadata.get("generateName")):
        metadata["name"] = generated_name(prefix)
    metadata["uid"] = new_uid()
    metadata["creationTimestamp"] = timestamp(now)
    if generation:
        metadata["generation"] = 1


def new_uid() -> str:
    """A random UUID (version 4) as text, without the object that uuid.uuid4 makes: a third of the time."""
    digits = os.urandom(16).hex()
    variant = _VARIANTS[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def generated_name(prefix: str) -> str:
    """`prefix` and five letters, cut to what a name may be long."""
    suffix = "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(_SUFFIX_LENGTH))
    return prefix[: _NAME_LIMIT - _SUFFIX_LENGTH] + suffix


def keep_from_live(metadata: dict[str, Any], live: dict[str, Any]) -> None:
    """Put back what no client may change."""
    for field in KEPT_FROM_LIVE:
        if field in live:
            metadata[field] = live[field]
        else:
            metadata.pop(field, None)
    metadata.pop("managedFields", None)


def without_empty(metadata: dict[str, Any]) -> None:
    """Drop lists and maps with nothing in them: absent means the same, and is how upstream keeps it."""
    for field in _COLLECTIONS:
        if field in metadata and metadata[field] in ([], {}):
            del metadata[field]


def distinct_owners(metadata: Any) -> list[str]:
    """Drop owners that are there before, the same in everything; warnings that say so, in upstream's words."""
    owners = metadata.get("ownerReferences") if isinstance(metadata, dict) else None
    if not isinstance(owners, list) or len(owners) < 2:
        return []
    kept: list[Any] = []
    dropped: list[str] = []
    for owner in owners:
        if owner in kept:
            dropped.append(str(owner.get("uid")) if isinstance(owner, dict) else "")
        else:
            kept.append(owner)
    if not dropped:
        return []
    metadata["ownerReferences"] = kept
    return [
        ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may "
        "reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: "
        + ", ".join(sorted(set(dropped)))
    ]


def check_immutable(metadata: dict[str, Any], live: dict[str, Any]) -> list[Cause]:
    """Causes why a client's word on deletion may not stand. Absent is no word: the live object's is kept."""
    return [
        Cause("FieldValueInvalid", f"Invalid value: {shown(given)}: field is immutable", f"metadata.{field}")
        for field in ("deletionTimestamp", "deletionGracePeriodSeconds")
        if (given := metadata.get(field)) is not None and not _same_time(given, live.get(field))
    ]


def _same_time(given: Any, stored: Any) -> bool:
    """Equal, or the same moment written otherwise, as clients do that read times and write them again."""
    if given == stored:
        return True
    try:
        return parse_timestamp(given) == parse_timestamp(stored)
    except (ValueError, TypeError, AttributeError):
        return False


def check_finalizers(old: dict[str, Any], new: dict[str, Any]) -> list[Cause]:
    """Causes why finalizers may not change so: once an object is going, none may be added."""
    if not old.get("deletionTimestamp"):
        return []
    added = [name for name in new.get("finalizers") or () if name not in (old.get("finalizers") or ())]
    if not added:
        return []
    message = f"Forbidden: no new finalizers can be added if the object is being deleted, found new {added}"
    return [Cause("FieldValueForbidden", message, "metadata.finalizers")]
