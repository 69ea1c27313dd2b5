"""Small rules of the dialect that a kube-apiserver keeps: what is refused, warned of, repaired, and with which code."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.apiserver.conftest import EXPERIMENTS, GROUP_PATH, Http, experiment

MERGE, JSON_PATCH = "application/merge-patch+json", "application/json-patch+json"
COLLECTORS = f"{GROUP_PATH}/namespaces/default/collectors"
TWICE = (
    b'{"apiVersion":"phoenix.io/v1alpha1","kind":"Collector","metadata":{"name":"a"},"spec":{"host":"a","host":"b"}}'
)


def fields(answer: Any) -> list[tuple[str, str]]:
    return [(cause["reason"], cause["field"]) for cause in answer.body["details"]["causes"]]


async def test_a_key_given_twice_is_refused_warned_of_or_let_pass(http: Http) -> None:
    strict = await http("POST", f"{COLLECTORS}?fieldValidation=Strict", TWICE)
    assert strict.code == 400
    assert 'strict decoding error: duplicate field "spec.host"' in strict.body["message"]
    quiet = await http("POST", f"{COLLECTORS}?fieldValidation=Ignore&dryRun=All", TWICE)
    assert (quiet.code, "Warning" in quiet.headers) == (201, False)
    warned = await http("POST", COLLECTORS, TWICE)
    assert (warned.code, warned.body["spec"]["host"]) == (201, "b")
    assert warned.headers["Warning"] == '299 - "duplicate field \\"spec.host\\""'
    patch = b'{"spec":{"host":"x","host":"y"}}'
    refused = await http("PATCH", f"{COLLECTORS}/a?fieldValidation=Strict", patch, content_type=MERGE)
    assert (refused.code, fields(refused)) == (422, [("FieldValueInvalid", "patch")])


@pytest.mark.parametrize("value", [b"2.0", b"2e0", b"2"])
async def test_a_whole_number_may_be_written_with_a_fraction(http: Http, value: bytes) -> None:
    body = b'{"metadata":{"name":"n"},"spec":{"measurement":{"experiment":"e","run":%b}}}' % value
    answer = await http("POST", COLLECTORS, body)
    assert answer.code == 201, answer.body
    assert repr(answer.body["spec"]["measurement"]["run"]) == "2"
    for wrong in (b"2.5", b"1e30"):
        refused = await http("POST", COLLECTORS, body.replace(value, wrong).replace(b'"n"', b'"o"'))
        assert fields(refused) == [("FieldValueTypeInvalid", "spec.measurement.run")]


async def test_unknown_fields_come_before_everything_in_an_update_and_are_a_patch_at_fault(http: Http) -> None:
    await http("POST", EXPERIMENTS, experiment("a"))
    wire = {**experiment("a"), "bogus": 1}
    assert (await http("PUT", f"{EXPERIMENTS}/a?fieldValidation=Strict", wire)).code == 400
    patched = await http("PATCH", f"{EXPERIMENTS}/a?fieldValidation=Strict", {"bogus": 1}, content_type=MERGE)
    assert (patched.code, fields(patched)) == (422, [("FieldValueInvalid", "patch")])


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ([{"op": "replace", "path": "", "value": {}}], 422),
        ([{"op": "replace", "path": "", "value": []}], 422),
        ([{"op": "remove", "path": "/metadata/name"}], 400),
        ([{"op": "replace", "path": "/apiVersion", "value": "phoenix.io/v2"}], 422),
        ([{"op": "replace", "path": "/metadata/uid", "value": "other"}], 422),
        ([{"op": "add", "path": "/metadata/deletionTimestamp", "value": "2026-01-01T00:00:00Z"}], 422),
        ([{"op": "nonsense", "path": "/spec"}], 422),
    ],
)
async def test_a_patch_that_leaves_no_such_object_is_refused(http: Http, patch: Any, code: int) -> None:
    before = await http("POST", EXPERIMENTS, experiment("a"))
    answer = await http("PATCH", f"{EXPERIMENTS}/a", patch, content_type=JSON_PATCH)
    assert answer.code == code, answer.body
    assert (await http("GET", f"{EXPERIMENTS}/a")).body == before.body


async def test_an_event_is_where_its_object_is(http: Http) -> None:
    def event(about: dict[str, str]) -> dict[str, Any]:
        return {"metadata": {"generateName": "e-"}, "involvedObject": about, "reason": "R"}

    events = "/api/v1/namespaces/default/events"
    assert (await http("POST", events, event({"namespace": "default"}))).code == 201
    assert (await http("POST", events, event({}))).code == 201
    refused = await http("POST", events, event({"namespace": "other"}))
    assert (refused.code, fields(refused)) == (422, [("FieldValueInvalid", "involvedObject.namespace")])
    await http("POST", "/api/v1/namespaces", {"metadata": {"name": "apart"}})
    assert (await http("POST", "/api/v1/namespaces/apart/events", event({}))).code == 422


async def test_owners_are_of_a_version_told_once_and_no_events(http: Http) -> None:
    good = {"apiVersion": "v1", "kind": "A", "name": "a", "uid": "1"}
    for wrong, field in (({"apiVersion": "a/b/c"}, ".apiVersion"), ({"kind": "Event"}, "")):
        refused = await http("POST", EXPERIMENTS, experiment("a", ownerReferences=[good | wrong]))
        assert fields(refused) == [("FieldValueInvalid", f"metadata.ownerReferences[0]{field}")]
    taken = await http("POST", EXPERIMENTS, experiment("a", ownerReferences=[good, good]))
    assert (taken.code, taken.body["metadata"]["ownerReferences"]) == (201, [good])
    assert "duplicate UID(s) observed: 1" in taken.headers["Warning"]


async def test_finalizers_may_be_twice_and_an_empty_list_of_them_is_none(http: Http) -> None:
    made = await http("POST", EXPERIMENTS, experiment("a", finalizers=["x.io/y", "x.io/y"]))
    assert (made.code, made.body["metadata"]["finalizers"]) == (201, ["x.io/y", "x.io/y"])
    left = await http("PATCH", f"{EXPERIMENTS}/a", {"metadata": {"finalizers": []}}, content_type=MERGE)
    assert (left.code, "finalizers" in left.body["metadata"]) == (200, False)


async def test_head_is_get_without_a_body(http: Http) -> None:
    await http("POST", EXPERIMENTS, experiment("a"))
    for path, code in ((f"{EXPERIMENTS}/a", 200), (EXPERIMENTS, 200), (f"{EXPERIMENTS}/b", 404), ("/version", 200)):
        answer = await http("HEAD", path)
        assert (answer.code, answer.body) == (code, ""), path


async def test_a_namespace_that_is_not_there_is_what_is_wrong(http: Http) -> None:
    answer = await http("POST", f"{GROUP_PATH}/namespaces/Bad_Name/collectors", {"metadata": {"name": "a"}, "spec": {}})
    assert (answer.code, answer.body["details"]["kind"]) == (404, "namespaces")


async def test_a_namespace_on_what_has_none_is_dropped(http: Http) -> None:
    host = {"metadata": {"name": "h", "namespace": "default"}, "spec": {}}
    answer = await http("POST", f"{GROUP_PATH}/hosts", host)
    assert (answer.code, "namespace" in answer.body["metadata"]) == (201, False)
