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
    (Forbidden, ""),
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
    found = list(_causes(error))
    if not found:
        return [f"{ref}: {_with_hint(error)}"]
    return [f"{ref}: {_said(cause)}{_meant(kind, cause)}" for cause in found]


def _meant(kind: type[Resource], cause: Cause) -> str:
    if cause.message != _UNKNOWN:
        return ""
    from phoenix.cli.fieldhints import suggest_field

    hint = suggest_field(kind, cause.field)
    return f"; {hint}" if hint else ""


def _causes(error: ApiError) -> Iterator[Cause]:
    # NB: a patch that brings an unknown field is refused as a whole, in one cause about "patch", as upstream does.
    of_patch = [cause.field for cause in error.causes] == ["patch"] and _UNKNOWN_FIELD.search(error.message)
    if error.causes and isinstance(error, Invalid) and not of_patch:
        yield from error.causes
        return
    for cause in error.causes:
        if cause.reason == "FieldManagerConflict":
            yield Cause(cause.reason, f"{cause.message}; {_OWNED_HINT}", cause.field.removeprefix("."))
    for field in _UNKNOWN_FIELD.findall(error.message):
        yield Cause("FieldValueInvalid", _UNKNOWN, field)


def _said(cause: Cause) -> str:
    return f"{cause.field}: {cause.message}" if cause.field else cause.message


def _with_hint(error: ApiError) -> str:
    hint = next((hint for kind, hint in _HINTS if isinstance(error, kind)), "")
    return f"{error.message}; {hint}" if hint else error.message
