"""The API's error tree and its wire form, the Kubernetes `Status`.

    ApiError
    ├── BadRequest 400          ├── Conflict 409            ├── UnsupportedMediaType 415
    ├── Unauthorized 401        ├── AlreadyExists 409       ├── Invalid 422
    ├── Forbidden 403           ├── Expired 410             ├── TooManyRequests 429
    ├── NotFound 404            ├── RequestTooLarge 413     ├── InternalError 500
    ├── MethodNotAllowed 405                                ├── ServiceUnavailable 503
                                                            └── ServerTimeout 504

The server raises these and renders `to_status()`; the client reads a Status and raises the same class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason in a Status: `field` is a path such as `spec.variants[0].name`."""

    reason: str
    message: str
    field: str = ""

    def to_wire(self) -> dict[str, str]:
        """The cause as JSON."""
        wire = {"reason": self.reason, "message": self.message}
        return wire | {"field": self.field} if self.field else wire


class ApiError(Exception):
    """An answer of the API that is not success.

    Args:
        message: for a person: what is wrong, where, what to do next.
        name, group, kind: of the object concerned; `kind` is the plural, but the Kind in Invalid (as upstream does).
        causes: one per field at fault.
        retry_after_s: seconds after which the same request may succeed.
    """

    code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(
        self,
        message: str,
        *,
        name: str = "",
        group: str = "",
        kind: str = "",
        uid: str = "",
        causes: Sequence[Cause] = (),
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.name, self.group, self.kind, self.uid = name, group, kind, uid
        self.causes = tuple(causes)
        self.retry_after_s = retry_after_s

    def to_status(self) -> dict[str, Any]:
        """The error as a Kubernetes `Status` object."""
        details: dict[str, Any] = {
            key: value
            for key, value in (("name", self.name), ("group", self.group), ("kind", self.kind), ("uid", self.uid))
            if value
        }
        if self.causes:
            details["causes"] = [cause.to_wire() for cause in self.causes]
        if self.retry_after_s is not None:
            details["retryAfterSeconds"] = self.retry_after_s
        status: dict[str, Any] = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        }  # fmt: skip
        if details:
            status["details"] = details
        return status


class BadRequest(ApiError):
    """The request cannot be understood."""

    code, reason = 400, "BadRequest"


class Unauthorized(ApiError):
    """Nobody known is asking."""

    code, reason = 401, "Unauthorized"


class Forbidden(ApiError):
    """Known, but not allowed."""

    code, reason = 403, "Forbidden"


class NotFound(ApiError):
    """No such object or route."""

    code, reason = 404, "NotFound"


class MethodNotAllowed(ApiError):
    """The route exists, the verb does not."""

    code, reason = 405, "MethodNotAllowed"


class Conflict(ApiError):
    """The object changed since it was read, or a precondition does not hold."""

    code, reason = 409, "Conflict"


class AlreadyExists(ApiError):
    """An object of this name is there."""

    code, reason = 409, "AlreadyExists"


class Expired(ApiError):
    """The revision asked for is no longer kept: list again, then watch from there."""

    code, reason = 410, "Expired"


class RequestTooLarge(ApiError):
    """The body passes the limit."""

    code, reason = 413, "RequestEntityTooLarge"


class UnsupportedMediaType(ApiError):
    """The body's content type is not understood."""

    code, reason = 415, "UnsupportedMediaType"


class Invalid(ApiError):
    """The object is understood and wrong; `causes` name each field."""

    code, reason = 422, "Invalid"


class TooManyRequests(ApiError):
    """Slow down; try again after `retry_after_s`."""

    code, reason = 429, "TooManyRequests"


class InternalError(ApiError):
    """A defect of the server."""


class ServiceUnavailable(ApiError):
    """Not ready, or stopping."""

    code, reason = 503, "ServiceUnavailable"


class ServerTimeout(ApiError):
    """Not answered in time."""

    code, reason = 504, "Timeout"


_BY_REASON: dict[str, type[ApiError]] = {
    error.reason: error
    for error in (
        BadRequest, Unauthorized, Forbidden, NotFound, MethodNotAllowed, Conflict, AlreadyExists, Expired,
        RequestTooLarge, UnsupportedMediaType, Invalid, TooManyRequests, InternalError, ServiceUnavailable,
        ServerTimeout,
    )
}  # fmt: skip
_BY_CODE: dict[int, type[ApiError]] = {error.code: error for error in _BY_REASON.values() if error is not AlreadyExists}


def from_status(status: dict[str, Any], *, http_code: int) -> ApiError:
    """The exception a `Status` body stands for; an unknown one is an ApiError of its own message."""
    error_type = _BY_REASON.get(status.get("reason", "")) or _BY_CODE.get(http_code, ApiError)
    details = status.get("details") or {}
    return error_type(
        status.get("message") or f"the server answered {http_code}",
        name=details.get("name", ""),
        group=details.get("group", ""),
        kind=details.get("kind", ""),
        uid=details.get("uid", ""),
        causes=[
            Cause(cause.get("reason", ""), cause.get("message", ""), cause.get("field", ""))
            for cause in details.get("causes") or ()
        ],
        retry_after_s=details.get("retryAfterSeconds"),
    )
