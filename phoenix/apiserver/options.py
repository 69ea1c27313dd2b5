"""Query parameters of reads and writes, read once and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from phoenix.apimachinery.errors import BadRequest, Cause, Invalid

E = TypeVar("E", bound=StrEnum)


class FieldValidation(StrEnum):
    """What unknown fields lead to: an error, a warning, or nothing. They are dropped in any case."""

    STRICT = "Strict"
    WARN = "Warn"
    IGNORE = "Ignore"


class Propagation(StrEnum):
    """What becomes of an object's dependents."""

    BACKGROUND = "Background"
    FOREGROUND = "Foreground"
    ORPHAN = "Orphan"


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How to write: `dry_run` does everything but store."""

    field_validation: FieldValidation = FieldValidation.WARN
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete; empty preconditions always hold."""

    propagation: Propagation = Propagation.BACKGROUND
    dry_run: bool = False
    uid: str = ""
    resource_version: str = ""


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What to list or watch. `limit` 0 is no limit; `timeout_s` None is the server's own."""

    label_selector: str = ""
    field_selector: str = ""
    resource_version: str = ""
    limit: int = 0
    continue_token: str = ""
    watch: bool = False
    bookmarks: bool = False
    timeout_s: int | None = None


def read_query(text: str) -> dict[str, str]:
    """Query parameters; of a repeated one the last counts."""
    return dict(parse_qsl(text, keep_blank_values=True)) if text else {}


@lru_cache(maxsize=64)
def write_options(text: str) -> WriteOptions:
    """Options of a write by the URL's query, as it is there: few differ, every write has one.

    Raises BadRequest, Invalid.
    """
    query = read_query(text)
    validation = query.get("fieldValidation", "")
    return WriteOptions(_choice(FieldValidation, "fieldValidation", validation, FieldValidation.WARN), _dry_run(query))


def delete_options(query: Mapping[str, str], body: Mapping[str, Any] | None) -> DeleteOptions:
    """Options from the DeleteOptions body, where there is one, and the query. Raises BadRequest, Invalid."""
    body = body or {}
    preconditions = body.get("preconditions") or {}
    dry_run = body.get("dryRun") or []
    propagation = body.get("propagationPolicy") or query.get("propagationPolicy") or ""
    if not isinstance(preconditions, Mapping) or not isinstance(dry_run, Sequence) or not isinstance(propagation, str):
        msg = "DeleteOptions: preconditions is an object, dryRun a list, propagationPolicy a string"
        raise BadRequest(msg)
    return DeleteOptions(
        propagation=_choice(Propagation, "propagationPolicy", propagation, Propagation.BACKGROUND),
        dry_run=_dry_run(query) or _check_dry_run(list(dry_run)),
        uid=str(preconditions.get("uid") or ""),
        resource_version=str(preconditions.get("resourceVersion") or ""),
    )


def list_options(query: Mapping[str, str]) -> ListOptions:
    """Raises BadRequest, Invalid."""
    if not query:
        return ListOptions()
    watch = _flag(query, "watch")
    _check_match(query, watch=watch)
    timeout = _number(query, "timeoutSeconds")
    return ListOptions(
        label_selector=query.get("labelSelector", ""),
        field_selector=query.get("fieldSelector", ""),
        resource_version=query.get("resourceVersion", ""),
        limit=_number(query, "limit") or 0,
        continue_token=query.get("continue", ""),
        watch=watch,
        bookmarks=_flag(query, "allowWatchBookmarks"),
        timeout_s=timeout or None,
    )


def _check_match(query: Mapping[str, str], *, watch: bool) -> None:
    match = query.get("resourceVersionMatch", "")
    if _flag(query, "sendInitialEvents"):
        # Refused as a whole: a client that is told so lists and watches instead; one that is ignored hangs.
        raise _forbidden("sendInitialEvents", "is forbidden: this server does not stream lists; list, then watch")
    if not match:
        return
    if watch:
        raise _forbidden("resourceVersionMatch", "is forbidden for watch without sendInitialEvents")
    if match not in ("Exact", "NotOlderThan"):
        raise _forbidden("resourceVersionMatch", f"{match!r} is not Exact or NotOlderThan")
    if not query.get("resourceVersion"):
        raise _forbidden("resourceVersionMatch", "is forbidden unless resourceVersion is provided")
    if query.get("continue"):
        raise _forbidden("resourceVersionMatch", "is forbidden when continue is provided")
    if match == "Exact" and query["resourceVersion"] == "0":
        raise _forbidden("resourceVersionMatch", "Exact is forbidden for resourceVersion 0")


def _forbidden(field: str, message: str) -> Invalid:
    return Invalid(f"{field} {message}", kind="ListOptions", causes=[Cause("FieldValueForbidden", message, field)])


def _choice(enum: type[E], name: str, text: str, default: E) -> E:
    try:
        return enum(text) if text else default
    except ValueError:
        allowed = ", ".join(enum)
        msg = f"{name} {text!r} is not one of {allowed}"
        cause = Cause("FieldValueNotSupported", f'Unsupported value: "{text}": supported values: {allowed}', name)
        raise Invalid(msg, causes=[cause]) from None


def _dry_run(query: Mapping[str, str]) -> bool:
    return "dryRun" in query and _check_dry_run([query["dryRun"]])


def _check_dry_run(values: list[Any]) -> bool:
    if any(value != "All" for value in values):
        msg = f"dryRun {values} is not supported: the one value is All"
        raise Invalid(msg, causes=[Cause("FieldValueNotSupported", msg, "dryRun")])
    return bool(values)


def _flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "false").lower() in ("true", "1", "")


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        msg = f"{name} must be a number of at most nine digits, not {text!r}"
        raise BadRequest(msg)
    return int(text)
