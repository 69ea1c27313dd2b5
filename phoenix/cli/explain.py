"""Answers of the API as lines for people: what, where (file and line, where there is one), what next."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from phoenix.apimachinery.errors import (
    AlreadyExists,
    ApiError,
    Cause,
    Conflict,
    Forbidden,
    Invalid,
    TooManyRequests,
    Unauthorized,
)

if TYPE_CHECKING:
    from phoenix.apimachinery.meta import Resource
    from phoenix.manifest.objects import ManifestObject

_UNKNOWN_FIELD = re.compile(r'unknown field "([^"]+)"')
_UNKNOWN = "there is no such field"
_OWNED_HINT = "--force-conflicts takes it over; or leave it out"
_HINTS: tuple[tuple[type[ApiError], str], ...] = (
    (Unauthorized, "the token is not this server's: name the right --state or --kubeconfig"),
    (Forbidden, "`phoenixctl auth can-i --list` says what you may; ask an admin for a role that allows it"),
    (AlreadyExists, "use `phoenixctl apply` to change it"),
    (Conflict, "it changed meanwhile: read it again and repeat"),
    (TooManyRequests, "the server is busy: try again"),
)


def explain(error: ApiError, origin: ManifestObject | None = None) -> list[str]:
    """One line a fault; with `origin` each begins with file:line of the field it is about."""
    if origin is None:
        return [_with_hint(error)]
    found = list(_causes(error))
    if not found:
        return [f"{origin.where()}: {origin.ref}: {_with_hint(error)}"]
    return [f"{origin.where(cause.field)}: {origin.ref}: {_said(cause)}" for cause in found]


def explain_change(error: ApiError, kind: type[Resource], ref: str) -> list[str]:
    """One line a fault of a change to an object that is in no file, with the field that was probably meant."""
    return [f"{ref}: {line}" for _, line in explain_fields(error, kind)]


def explain_fields(error: ApiError, kind: type[Resource]) -> list[tuple[str, str]]:
    """The same as pairs: path of the field at fault (empty: of none), and a line that names it."""
    found = [(cause.field, f"{_said(cause)}{_meant(kind, cause)}") for cause in _causes(error)]
    return found or [("", _with_hint(error))]


def _meant(kind: type[Resource], cause: Cause) -> str:
    if cause.message != _UNKNOWN:
        return ""
    from phoenix.cli.fieldhints import suggest_field

    hint = suggest_field(kind, cause.field)
    return f"; {hint}" if hint else ""


def _causes(error: ApiError) -> Iterator[Cause]:
    if error.causes and isinstance(error, Invalid):
        for cause in error.causes:
            # NB: unknown fields a patch brings are all in one cause about "patch", as upstream has it.
            unknown = list(_unknown(cause.message)) if cause.field == "patch" else []
            yield from unknown or [cause]
        return
    for cause in error.causes:
        if cause.reason == "FieldManagerConflict":
            yield Cause(cause.reason, f"{cause.message}; {_OWNED_HINT}", cause.field.removeprefix("."))
    yield from _unknown(error.message)


def _unknown(message: str) -> Iterator[Cause]:
    for field in _UNKNOWN_FIELD.findall(message):
        yield Cause("FieldValueInvalid", _UNKNOWN, field)


def _said(cause: Cause) -> str:
    return f"{cause.field}: {cause.message}" if cause.field else cause.message


def _with_hint(error: ApiError) -> str:
    hint = next((hint for kind, hint in _HINTS if isinstance(error, kind)), "")
    return f"{error.message}; {hint}" if hint else error.message
