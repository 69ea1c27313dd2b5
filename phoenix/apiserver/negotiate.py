"""Which form of an answer a client takes: plain objects, Tables or metadata alone. First acceptable in its order."""

from __future__ import annotations

from functools import lru_cache

from phoenix.apimachinery.errors import ApiError, BadRequest
from phoenix.apiserver.events import Form

_ANY_JSON = ("application/json", "application/*", "*/*")
_FORMS = {
    "Table": Form.TABLE,
    "PartialObjectMetadata": Form.PARTIAL,
    "PartialObjectMetadataList": Form.PARTIAL,
}


class NotAcceptable(ApiError):
    """No form the client takes can be made."""

    code, reason = 406, "NotAcceptable"


@lru_cache(maxsize=256)
def negotiate(accept: str) -> Form:
    """The form for an Accept header (empty: anything will do).

    Raises:
        NotAcceptable: only other types are accepted.
    """
    if not accept or accept.strip().lower() == EVENT_STREAM:
        return Form.OBJECT
    for entry in accept.split(","):
        media, *rest = (part.strip() for part in entry.split(";"))
        if media.lower() not in _ANY_JSON:
            continue
        parameters = dict(part.partition("=")[::2] for part in rest)
        wanted = parameters.get("as")
        if wanted is None:
            return Form.OBJECT
        if wanted in _FORMS and parameters.get("g") == "meta.k8s.io" and parameters.get("v") in ("v1", "v1beta1"):
            return _FORMS[wanted]
    msg = f"only application/json is served (also as=Table and as=PartialObjectMetadata), not {accept}"
    raise NotAcceptable(msg)


_ROWS = {"": Form.TABLE, "Metadata": Form.TABLE, "Object": Form.TABLE_WITH_OBJECTS, "None": Form.TABLE_BARE}


def form_of(accept: str, include_object: str) -> Form:
    """The form for an Accept header and the `includeObject` parameter, which counts for tables alone.

    Raises:
        NotAcceptable: only other types are accepted.
        BadRequest: includeObject is none of its values.
    """
    form = negotiate(accept)
    if form is not Form.TABLE:
        return form
    found = _ROWS.get(include_object)
    if found is None:
        raise BadRequest(f"includeObject {include_object!r} is not None, Metadata or Object")
    return found


@lru_cache(maxsize=64)
def aggregated_version(accept: str) -> str:
    """`v2` or `v2beta1` where aggregated discovery is asked for first, else the empty string."""
    for entry in accept.split(","):
        media, *rest = (part.strip() for part in entry.split(";"))
        parameters = dict(part.partition("=")[::2] for part in rest)
        if parameters.get("as") == "APIGroupDiscoveryList" and parameters.get("v") in ("v2", "v2beta1"):
            return parameters["v"]
        if media.lower() in _ANY_JSON and "as" not in parameters:
            return ""
    return ""


EVENT_STREAM = "text/event-stream"


@lru_cache(maxsize=256)
def wants_event_stream(accept: str) -> bool:
    """Whether a client takes server-sent events before anything else."""
    return accept.partition(",")[0].partition(";")[0].strip().lower() == EVENT_STREAM


def etag_known(if_none_match: str, etag: str) -> bool:
    """Whether an If-None-Match header names this (strong) entity tag."""
    return any(tag.strip().removeprefix("W/") in (etag, "*") for tag in if_none_match.split(","))
