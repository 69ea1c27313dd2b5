"""Bodies in Kubernetes' protobuf, read into what the same bodies are in JSON.

kubectl (from 1.32) and client-go's typed clients send their built-in types so: `k8s` and a zero byte, then a
`runtime.Unknown` around the message. Only reading is needed, as all of them take JSON back. Messages are described
below by hand: field names are those of the JSON form, numbers those of the published `generated.proto` files.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from phoenix.apimachinery.errors import BadRequest
from phoenix.apiserver.protomessages import message_types

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_TIMES = ("Time", "MicroTime")

# As `protomessages` reads it; `?` marks a pointer in Go: kept when set, even to zero.
_MESSAGES: Mapping[str, str] = {
    "Unknown": "typeMeta=1:TypeMeta raw=2:bytes contentEncoding=3:string contentType=4:string",
    "TypeMeta": "apiVersion=1:string kind=2:string",
    "Time": "seconds=1:int64 nanos=2:int32",
    "MicroTime": "seconds=1:int64 nanos=2:int32",
    "ObjectMeta": (
        "name=1:string generateName=2:string namespace=3:string uid=5:string resourceVersion=6:string "
        "generation=7:int64 creationTimestamp=8:Time deletionTimestamp=9:Time deletionGracePeriodSeconds=10:int64? "
        "labels=11:string{} annotations=12:string{} ownerReferences=13:OwnerReference[] finalizers=14:string[]"
    ),
    "OwnerReference": (
        "kind=1:string name=3:string uid=4:string apiVersion=5:string controller=6:bool? blockOwnerDeletion=7:bool?"
    ),
    "DeleteOptions": (
        "gracePeriodSeconds=1:int64? preconditions=2:Preconditions orphanDependents=3:bool? "
        "propagationPolicy=4:string? dryRun=5:string[]"
    ),
    "Preconditions": "uid=1:string? resourceVersion=2:string?",
    "Namespace": "metadata=1:ObjectMeta spec=2:NamespaceSpec status=3:NamespaceStatus",
    "NamespaceSpec": "finalizers=1:string[]",
    "NamespaceStatus": "phase=1:string",
    "ObjectReference": (
        "kind=1:string namespace=2:string name=3:string uid=4:string apiVersion=5:string resourceVersion=6:string "
        "fieldPath=7:string"
    ),
    "EventSource": "component=1:string host=2:string",
    "EventSeries": "count=1:int32 lastObservedTime=2:MicroTime",
    "Event": (
        "metadata=1:ObjectMeta involvedObject=2:ObjectReference reason=3:string message=4:string source=5:EventSource "
        "firstTimestamp=6:Time lastTimestamp=7:Time count=8:int32 type=9:string eventTime=10:MicroTime "
        "series=11:EventSeries action=12:string related=13:ObjectReference reportingComponent=14:string "
        "reportingInstance=15:string"
    ),
    "SelfSubjectAccessReview": "metadata=1:ObjectMeta spec=2:SubjectAccessReviewSpec",
    "SubjectAccessReview": "metadata=1:ObjectMeta spec=2:SubjectAccessReviewSpec",
    "LocalSubjectAccessReview": "metadata=1:ObjectMeta spec=2:SubjectAccessReviewSpec",
    "SubjectAccessReviewSpec": (
        "resourceAttributes=1:ResourceAttributes nonResourceAttributes=2:NonResourceAttributes user=3:string "
        "groups=4:string[] extra=5:ExtraValue{} uid=6:string"
    ),
    "ExtraValue": "items=1:string[]",
    "ResourceAttributes": (
        "namespace=1:string verb=2:string group=3:string version=4:string resource=5:string subresource=6:string "
        "name=7:string"
    ),
    "NonResourceAttributes": "path=1:string verb=2:string",
    "SelfSubjectRulesReview": "metadata=1:ObjectMeta spec=2:SelfSubjectRulesReviewSpec",
    "SelfSubjectRulesReviewSpec": "namespace=1:string",
    "SelfSubjectReview": "metadata=1:ObjectMeta",
    "TokenReview": "metadata=1:ObjectMeta spec=2:TokenReviewSpec",
    "TokenReviewSpec": "token=1:string audiences=2:string[]",
    "PolicyRule": (
        "verbs=1:string[] apiGroups=2:string[] resources=3:string[] resourceNames=4:string[] nonResourceURLs=5:string[]"
    ),
    "Role": "metadata=1:ObjectMeta rules=2:PolicyRule[]",
    "ClusterRole": "metadata=1:ObjectMeta rules=2:PolicyRule[] aggregationRule=3:AggregationRule",
    "AggregationRule": "clusterRoleSelectors=1:LabelSelector[]",
    "LabelSelector": "matchLabels=1:string{} matchExpressions=2:LabelSelectorRequirement[]",
    "LabelSelectorRequirement": "key=1:string operator=2:string values=3:string[]",
    "Subject": "kind=1:string apiGroup=2:string name=3:string namespace=4:string",
    "RoleRef": "apiGroup=1:string kind=2:string name=3:string",
    "RoleBinding": "metadata=1:ObjectMeta subjects=2:Subject[] roleRef=3:RoleRef",
    "ClusterRoleBinding": "metadata=1:ObjectMeta subjects=2:Subject[] roleRef=3:RoleRef",
}

_KINDS = frozenset({
    ("v1", "Namespace"), ("v1", "Event"), ("v1", "DeleteOptions"), ("meta.k8s.io/v1", "DeleteOptions"),
    *(("authorization.k8s.io/v1", kind) for kind in (
        "SelfSubjectAccessReview", "SubjectAccessReview", "LocalSubjectAccessReview", "SelfSubjectRulesReview")),
    ("authentication.k8s.io/v1", "SelfSubjectReview"), ("authentication.k8s.io/v1", "TokenReview"),
    *(("rbac.authorization.k8s.io/v1", kind) for kind in (
        "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")),
})  # fmt: skip
"""What a body may be, by apiVersion and kind."""


def decode_protobuf(body: bytes) -> dict[str, Any]:
    """A body as the object it is in JSON, with apiVersion and kind; fields we do not know are left out.

    Raises:
        BadRequest: it is not Kubernetes' protobuf, or of a kind that is only read as JSON.
    """
    if not body.startswith(_MAGIC):
        msg = f"the body is not Kubernetes' protobuf (it must begin with {_MAGIC!r}): send JSON"
        raise BadRequest(msg)
    unknown = _parse("Unknown", body[len(_MAGIC) :])
    api_version, kind = unknown.typeMeta.apiVersion, unknown.typeMeta.kind
    # DeleteOptions carry the group of what is deleted, as client-go encodes them.
    if (api_version, kind) not in _KINDS and kind != "DeleteOptions":
        msg = f"{kind or 'an object without kind'} of {api_version or 'no group'} is not read as protobuf: send JSON"
        raise BadRequest(msg)
    if unknown.contentEncoding:
        msg = f"content encoding {unknown.contentEncoding!r} inside protobuf is not read: send it plain"
        raise BadRequest(msg)
    return {"apiVersion": api_version, "kind": kind, **_wire(_parse(kind, unknown.raw))}


def _parse(name: str, data: bytes) -> Any:
    message = _types()[name]()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        msg = f"the body is not a {name} in protobuf: {error}"
        raise BadRequest(msg) from error
    return message


def _wire(message: Message) -> dict[str, Any]:
    """A message as JSON has it. Go writes every field that is no pointer: empty ones were never set."""
    wire: dict[str, Any] = {}
    pointers = _pointers(message.DESCRIPTOR.name)
    for field, value in message.ListFields():
        found = _value(field, value)
        if found or field.name in pointers:
            wire[field.name] = found
    return wire


def _value(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is None:
        return list(value) if field.is_repeated else value
    if field.message_type.GetOptions().map_entry:
        # Lists in maps are messages of one field.
        return {key: list(item.items) if isinstance(item, Message) else item for key, item in value.items()}
    if field.is_repeated:
        return [_wire(item) for item in value]
    return _time(field.message_type.name, value) if field.message_type.name in _TIMES else _wire(value)


def _time(kind: str, value: Any) -> str:
    """RFC 3339; the empty string for Go's zero time."""
    if not value.seconds and not value.nanos:
        return ""
    try:
        seconds = datetime.fromtimestamp(value.seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        msg = f"{value.seconds} seconds since 1970 is no time this server can write"
        raise BadRequest(msg) from None
    return f"{seconds}.{value.nanos // 1000:06d}Z" if kind == "MicroTime" else f"{seconds}Z"


@cache
def _pointers(name: str) -> frozenset[str]:
    return frozenset(term.partition("=")[0] for term in _MESSAGES[name].split() if term.endswith("?"))


@cache
def _types() -> dict[str, type[Any]]:
    return message_types("phoenix.k8s", _MESSAGES)
