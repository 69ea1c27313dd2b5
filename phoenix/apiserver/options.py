"""Query parameters of reads and writes, read once and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from phoenix.apimachinery.errors import BadRequest, Cause, Invalid
from phoenix.fieldmanagers.entries import MAX_MANAGER_CHARS, manager_problem

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
    """How to write: `dry_run` does everything but store.

    `manager` owns the fields it sets. `apply`: it is a server-side apply; `force`: one that takes what others own;
    `settled`: the managedFields of the object an apply makes.
    """

    field_validation: FieldValidation = FieldValidation.WARN
    dry_run: bool = False
    manager: str = "phoenix-apiserver"
    apply: bool = False
    force: bool = False
    settled: Any = None


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete; empty preconditions always hold. Without `propagation` the object's finalizers decide."""

    propagation: Propagation | None = None
    dry_run: bool = False
    uid: str = ""
    resource_version: str = ""


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What to list or watch.

    `limit` 0 is no limit; `timeout_s` None is the server's own; `exact`: as of `resource_version` and no later;
    `initial` None: a watch begins with what is there unless it names a version.
    """

    label_selector: str = ""
    field_selector: str = ""
    resource_version: str = ""
    limit: int = 0
    continue_token: str = ""
    watch: bool = False
    bookmarks: bool = False
    timeout_s: int | None = None
    exact: bool = False
    initial: bool | None = None


def read_query(text: str) -> dict[str, str]:
    """Query parameters; of a repeated one the last counts."""
    return dict(parse_qsl(text, keep_blank_values=True)) if text else {}


@lru_cache(maxsize=256)
def write_options(text: str, user_agent: str = "", *, apply: bool = False) -> WriteOptions:
    """Options of a write by the URL's query, as it is there, and the client's name: few differ, every write has them.

    Raises BadRequest, Invalid.
    """
    query = read_query(text)
    manager = query.get("fieldManager", "")
    if causes := _manager_causes(manager, query, apply=apply):
        shown = ", ".join(f"{cause.field}: {cause.message}" for cause in causes)
        listed = shown if len(causes) == 1 else f"[{shown}]"
        msg = f'PatchOptions.meta.k8s.io "" is invalid: {listed}'
        raise Invalid(msg, group="meta.k8s.io", kind="PatchOptions", causes=causes)
    return WriteOptions(
        field_validation=_choice(
            FieldValidation, "fieldValidation", query.get("fieldValidation", ""), FieldValidation.WARN
        ),
        dry_run=_dry_run(query),
        manager=manager or _manager_of(user_agent),
        apply=apply,
        force="force" in query and is_true(query, "force"),
    )


def _manager_causes(manager: str, query: Mapping[str, str], *, apply: bool) -> list[Cause]:
    causes: list[Cause] = []
    if apply and not manager:
        causes.append(Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager"))
    if problem := manager_problem(manager):
        reason = "FieldValueTooLong" if problem.startswith("Too long") else "FieldValueInvalid"
        causes.append(Cause(reason, problem, "fieldManager"))
    if "force" in query and not apply:
        message = "Forbidden: may not be specified for non-apply patch"
        causes.append(Cause("FieldValueForbidden", message, "force"))
    return causes


def _manager_of(user_agent: str) -> str:
    """The program's name of `kubectl/v1.32 (linux/amd64)`: who writes when nobody says."""
    name = "".join(char for char in user_agent.partition("/")[0] if char.isprintable())
    return name.encode(errors="replace")[:MAX_MANAGER_CHARS].decode(errors="ignore") or "unknown"


def delete_options(query: Mapping[str, str], body: Mapping[str, Any] | None) -> DeleteOptions:
    """Options from the DeleteOptions body, where there is one, and the query. Raises BadRequest, Invalid."""
    body = body or {}
    preconditions = body.get("preconditions") or {}
    dry_run = body.get("dryRun") or []
    grace = body.get("gracePeriodSeconds")
    if not isinstance(preconditions, Mapping) or not isinstance(dry_run, list):
        raise BadRequest("DeleteOptions: preconditions must be an object, dryRun a list")
    if grace is not None and (isinstance(grace, bool) or not isinstance(grace, int)):
        raise BadRequest("DeleteOptions: gracePeriodSeconds must be a whole number of seconds")
    if "gracePeriodSeconds" in query:
        _number(query, "gracePeriodSeconds")
    return DeleteOptions(
        propagation=_propagation(query, body),
        dry_run=_dry_run(query) or _check_dry_run(dry_run),
        uid=str(preconditions.get("uid") or ""),
        resource_version=str(preconditions.get("resourceVersion") or ""),
    )


def _propagation(query: Mapping[str, str], body: Mapping[str, Any]) -> Propagation | None:
    """The policy asked for; None where nothing is said. `orphanDependents` is its old name."""
    policy = body.get("propagationPolicy") or query.get("propagationPolicy") or ""
    orphan = body.get("orphanDependents")
    if orphan is None and "orphanDependents" in query:
        orphan = is_true(query, "orphanDependents")
    if not isinstance(policy, str) or not isinstance(orphan, bool | None):
        raise BadRequest("DeleteOptions: propagationPolicy must be a string, orphanDependents true or false")
    if orphan is not None:
        if policy:
            message = "Invalid value: orphanDependents and deletionPropagation cannot be both set"
            raise _invalid_delete([Cause("FieldValueInvalid", message, "propagationPolicy")])
        return Propagation.ORPHAN if orphan else Propagation.BACKGROUND
    if policy and policy not in tuple(Propagation):
        message = f'Unsupported value: "{policy}": supported values: "Foreground", "Background", "Orphan", "nil"'
        raise _invalid_delete([Cause("FieldValueNotSupported", message, "propagationPolicy")])
    return Propagation(policy) if policy else None


def _invalid_delete(causes: list[Cause]) -> Invalid:
    shown = ", ".join(f"{cause.field}: {cause.message}" for cause in causes)
    msg = f'DeleteOptions.meta.k8s.io "" is invalid: {shown}'
    return Invalid(msg, group="meta.k8s.io", kind="DeleteOptions", causes=causes)


def list_options(query: Mapping[str, str]) -> ListOptions:
    """Raises BadRequest, Invalid."""
    if not query:
        return ListOptions()
    watch = is_true(query, "watch")
    initial = is_true(query, "sendInitialEvents") if "sendInitialEvents" in query else None
    _check_versions(query, watch=watch, initial=initial)
    timeout = _number(query, "timeoutSeconds")
    limit, version, match = _number(query, "limit") or 0, query.get("resourceVersion", ""), query.get(_MATCH, "")
    return ListOptions(
        label_selector=query.get("labelSelector", ""),
        field_selector=query.get("fieldSelector", ""),
        resource_version=version,
        limit=limit,
        continue_token=query.get("continue", ""),
        watch=watch,
        bookmarks=is_true(query, "allowWatchBookmarks"),
        timeout_s=timeout or None,
        # A first page at a version is as of that version, unless it may be newer: as upstream, by its history.
        exact=match == "Exact" or (not match and bool(limit) and version not in ("", "0")),
        initial=initial,
    )


_MATCH = "resourceVersionMatch"


def _check_versions(query: Mapping[str, str], *, watch: bool, initial: bool | None) -> None:
    """Which of the parameters go together; rules and words are upstream's. Raises BadRequest, Invalid."""
    match, version = query.get(_MATCH, ""), query.get("resourceVersion", "")
    wrong: list[tuple[str, str]] = []
    if initial is not None and not watch:
        wrong.append(("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    if initial is not None and watch and match != "NotOlderThan":
        wrong.append((_MATCH, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
    if match and watch and initial is None:
        wrong.append((_MATCH, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"))
    if match and not watch and not version:
        wrong.append((_MATCH, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
    if match and query.get("continue"):
        wrong.append((_MATCH, "resourceVersionMatch is forbidden when continue is provided"))
    if match == "Exact" and version == "0":
        wrong.append((_MATCH, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    causes = [Cause("FieldValueForbidden", f"Forbidden: {message}", field) for field, message in wrong]
    if match not in ("", "Exact", "NotOlderThan"):
        message = f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""'
        causes.append(Cause("FieldValueNotSupported", message, _MATCH))
    if causes:
        shown = ", ".join(f"{cause.field}: {cause.message}" for cause in causes)
        msg = f'ListOptions.meta.k8s.io "" is invalid: {shown}'
        raise Invalid(msg, group="meta.k8s.io", kind="ListOptions", causes=causes)
    if query.get("continue") and version not in ("", "0"):
        raise BadRequest("specifying resource version is not allowed when using continue")


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


def is_true(query: Mapping[str, str], name: str) -> bool:
    """Whether a parameter is there and means yes."""
    return query.get(name, "false").lower() in ("true", "1", "")


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        msg = f"{name} must be a number of at most nine digits, not {text!r}"
        raise BadRequest(msg)
    return int(text)
