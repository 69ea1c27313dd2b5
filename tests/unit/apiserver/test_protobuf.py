"""Kubernetes' protobuf bodies: bytes recorded from kubectl 1.32.5, and such as client-go's types make."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix.apimachinery.errors import BadRequest
from phoenix.apiserver import protobuf
from phoenix.apiserver.protobuf import decode_protobuf

CREATE_NAMESPACE = bytes.fromhex(
    "6b3873000a0f0a02763112094e616d657370616365121c0a140a04666f6f3212001a0022002a0032003800420012001a020a001a002200"
)
"""`kubectl create namespace foo2`."""


def encoded(api_version: str, kind: str, **fields: Any) -> bytes:
    types = protobuf._types()
    unknown = types["Unknown"]()
    unknown.typeMeta.apiVersion, unknown.typeMeta.kind = api_version, kind
    unknown.raw = types[kind](**fields).SerializeToString()
    return b"k8s\x00" + bytes(unknown.SerializeToString())


def test_what_kubectl_sends_for_a_namespace() -> None:
    assert decode_protobuf(CREATE_NAMESPACE) == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "foo2"},
    }


def test_a_pointer_is_kept_when_it_is_zero_and_other_empty_fields_are_not() -> None:
    body = encoded("v1", "DeleteOptions", gracePeriodSeconds=0, orphanDependents=False, dryRun=["All"])
    assert decode_protobuf(body) == {
        "apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "orphanDependents": False,
        "dryRun": ["All"],
    }  # fmt: skip
    metadata = {"name": "a", "generateName": "", "generation": 0, "labels": {"k": "v"}, "finalizers": ["x"]}
    assert decode_protobuf(encoded("v1", "Namespace", metadata=metadata))["metadata"] == {
        "name": "a", "labels": {"k": "v"}, "finalizers": ["x"],
    }  # fmt: skip


def test_delete_options_name_the_group_of_what_is_deleted() -> None:
    body = encoded("phoenix.io/v1alpha1", "DeleteOptions", preconditions={"uid": "u"})
    assert decode_protobuf(body)["preconditions"] == {"uid": "u"}


def test_times_and_lists_and_maps_of_lists() -> None:
    event = decode_protobuf(
        encoded(
            "v1",
            "Event",
            metadata={"creationTimestamp": {}},
            involvedObject={"kind": "Experiment", "name": "e"},
            firstTimestamp={"seconds": 1, "nanos": 5},
            eventTime={"seconds": 1_700_000_000, "nanos": 123_456_789},
            count=2,
        )
    )
    assert event["firstTimestamp"] == "1970-01-01T00:00:01Z"
    assert event["eventTime"] == "2023-11-14T22:13:20.123456Z"
    assert "metadata" not in event
    assert event["count"] == 2
    review = encoded("authorization.k8s.io/v1", "SubjectAccessReview", spec={"extra": {"k": {"items": ["a", "b"]}}})
    assert decode_protobuf(review)["spec"] == {"extra": {"k": ["a", "b"]}}
    role = encoded("rbac.authorization.k8s.io/v1", "Role", rules=[{"verbs": ["get"], "apiGroups": [""]}])
    assert decode_protobuf(role)["rules"] == [{"verbs": ["get"], "apiGroups": [""]}]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"kind": "Namespace"}', "not Kubernetes' protobuf"),
        (b"k8s\x00\xff\xff", "not a Unknown"),
        (encoded("v1", "Namespace").replace(b"Namespace", b"Namesqace"), "Namesqace of v1 is not read as protobuf"),
        (encoded("v2", "Namespace"), "Namespace of v2"),
        (CREATE_NAMESPACE[:40], "in protobuf"),
        (encoded("v1", "Event", firstTimestamp={"seconds": 1 << 62}), "no time"),
    ],
)
def test_what_cannot_be_read_says_so(body: bytes, said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        decode_protobuf(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_bad_request(noise: bytes) -> None:
    for body in (b"k8s\x00" + noise, CREATE_NAMESPACE[:30] + noise):
        try:
            found = decode_protobuf(body)
        except BadRequest:
            continue
        assert found["kind"]
