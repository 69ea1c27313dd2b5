"""Server-side apply and managedFields over HTTP, as kubectl and the client libraries send it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phoenix.aio.clock import SYSTEM_CLOCK
from phoenix.apimachinery.conditions import timestamp
from tests.harness.eventually import eventually
from tests.integration.apiserver.conftest import EXPERIMENTS, Answer, Http, experiment

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
NAMESPACES = "/api/v1/namespaces"


async def apply(
    http: Http, name: str, config: Any, manager: str = "me", *, query: str = "", subresource: str = ""
) -> Answer:
    path = f"{EXPERIMENTS}/{name}{'/' + subresource if subresource else ''}?fieldManager={manager}{query}"
    return await http("PATCH", path, config, content_type=APPLY)


def part(name: str = "a", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "phoenix.io/v1alpha1", "kind": "Experiment", "metadata": {"name": name}, "spec": spec}


def owners(answer: Answer) -> dict[tuple[str, str, str], Any]:
    """fieldsV1 by manager, operation and subresource."""
    return {
        (one["manager"], one["operation"], one.get("subresource", "")): one["fieldsV1"]
        for one in answer.body["metadata"].get("managedFields", [])
    }


async def test_apply_creates_then_merges_then_does_nothing(http: Http) -> None:
    made = await apply(http, "a", experiment("a"))
    assert made.code == 201
    assert set(owners(made)) == {("me", "Apply", "")}
    assert "f:engine" not in owners(made)["me", "Apply", ""]["f:spec"]  # a default is nobody's
    again = await apply(http, "a", experiment("a"))
    assert (again.code, again.body) == (200, made.body)
    other = await apply(http, "a", part(analysis={"confidence": 0.9}), "other")
    assert other.body["spec"]["analysis"]["confidence"] == 0.9
    assert owners(other)["other", "Apply", ""] == {"f:spec": {"f:analysis": {"f:confidence": {}}}}
    assert other.body["metadata"]["generation"] == 2


async def _second() -> str:
    return timestamp(SYSTEM_CLOCK.now())


async def test_a_list_applied_again_without_its_defaults_is_no_write(http: Http) -> None:
    path = "/apis/phoenix.io/v1alpha1/pricebooks/b?fieldManager=me"
    meters = [{"unit": "activeSeries", "tiers": [{"price": 4.0, "per": 1000}]}]
    book = {"apiVersion": "phoenix.io/v1alpha1", "kind": "PriceBook", "metadata": {"name": "b"}}
    book["spec"] = {"vendor": "x", "product": "y", "currency": "USD", "confidence": "sure", "meters": meters}
    made = await http("PATCH", path, book, content_type=APPLY)
    assert made.body["spec"]["meters"][0]["lowFactor"] == 1.0
    second = made.body["metadata"]["managedFields"][0]["time"]
    await eventually(_second, lambda now: now != second, within_s=40, what="the next second")
    again = await http("PATCH", path, book, content_type=APPLY)
    assert again.body == made.body
    meters[0]["tiers"][0]["price"] = 5.0
    changed = await http("PATCH", path, book, content_type=APPLY)
    assert changed.body["metadata"]["managedFields"][0]["time"] > second


async def test_what_is_no_longer_applied_goes_unless_others_own_it(http: Http) -> None:
    config = experiment("a", labels={"mine": "x", "ours": "y"})
    await apply(http, "a", config)
    await apply(http, "a", {**part(), "metadata": {"name": "a", "labels": {"ours": "y"}}}, "other")
    third = {"name": "third", "role": "Candidate", "pipeline": {"templateRef": {"name": "http-lean"}}}
    config["spec"]["variants"].append(third)
    grown = await apply(http, "a", config)
    assert [variant["name"] for variant in grown.body["spec"]["variants"]] == ["baseline", "candidate", "third"]
    left = await apply(http, "a", experiment("a"))
    assert left.body["metadata"]["labels"] == {"ours": "y"}
    assert [variant["name"] for variant in left.body["spec"]["variants"]] == ["baseline", "candidate"]


async def test_a_conflict_names_owner_and_field_and_can_be_forced(http: Http) -> None:
    await http("POST", f"{EXPERIMENTS}?fieldManager=kubectl-create", experiment("a"))
    config = part(timing={"duration": "20s"})
    refused = await apply(http, "a", config)
    assert refused.code == 409
    assert refused.body["reason"] == "Conflict"
    assert refused.body["message"] == (
        'Apply failed with 1 conflict: conflict with "kubectl-create" using phoenix.io/v1alpha1: .spec.timing.duration'
    )
    assert refused.body["details"]["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "kubectl-create" using phoenix.io/v1alpha1',
            "field": ".spec.timing.duration",
        }
    ]
    dry = await apply(http, "a", config, query="&force=true&dryRun=All")
    forced = await apply(http, "a", config, query="&force=true")
    assert dry.body["spec"] == forced.body["spec"]
    assert forced.body["spec"]["timing"]["duration"] == "20s"
    assert "f:duration" not in owners(forced)["kubectl-create", "Update", ""]["f:spec"]["f:timing"]


async def test_the_same_value_is_owned_by_both(http: Http) -> None:
    await apply(http, "a", experiment("a"))
    both = await apply(http, "a", part(timing={"duration": "12s"}), "other")
    assert both.code == 200
    assert all("f:timing" in fields["f:spec"] for fields in owners(both).values())


async def test_status_is_applied_and_owned_apart(http: Http) -> None:
    assert (await apply(http, "a", part(), subresource="status")).code == 404
    await apply(http, "a", experiment("a"))
    config = {**part(timing={"duration": "99s"}), "status": {"phase": "Running"}}
    applied = await apply(http, "a", config, subresource="status")
    assert applied.body["status"] == {"phase": "Running"}
    assert applied.body["spec"]["timing"]["duration"] == "12s"
    assert owners(applied)["me", "Apply", "status"] == {"f:status": {"f:phase": {}}}
    condition = {"type": "Ready", "status": "True", "reason": "x", "message": "", "lastTransitionTime": ""}
    patched = await http(
        "PATCH", f"{EXPERIMENTS}/a/status", {"status": {"conditions": [condition]}}, content_type=MERGE,
        User_Agent="phoenix-controllers/1",
    )  # fmt: skip
    fields = owners(patched)["phoenix-controllers", "Update", "status"]["f:status"]["f:conditions"]
    assert 'k:{"type":"Ready"}' in fields
    refused = await apply(
        http, "a", {**part(), "status": {"conditions": [{**condition, "status": "False"}]}}, subresource="status"
    )
    assert refused.body["details"]["causes"][0]["field"] == '.status.conditions[type="Ready"].status'
    assert '"phoenix-controllers" with subresource "status" using' in refused.body["message"]
    main = await apply(http, "a", {**experiment("a"), "status": {"phase": "Failed"}})
    assert main.body["status"]["phase"] == "Running"


async def test_updates_own_what_they_change_and_keep_their_time_otherwise(http: Http) -> None:
    made = await http("POST", f"{EXPERIMENTS}?fieldManager=maker", experiment("a"))
    label = {"metadata": {"labels": {"team": "x"}}}
    labelled = await http("PATCH", f"{EXPERIMENTS}/a?fieldManager=kubectl-label", label, content_type=MERGE)
    assert owners(labelled)["kubectl-label", "Update", ""] == {"f:metadata": {"f:labels": {".": {}, "f:team": {}}}}
    again = await http("PATCH", f"{EXPERIMENTS}/a?fieldManager=another", label, content_type=MERGE)
    assert again.body == labelled.body
    wire = labelled.body
    del wire["metadata"]["labels"]
    put = await http("PUT", f"{EXPERIMENTS}/a?fieldManager=putter", wire)
    assert put.body["metadata"]["managedFields"] == made.body["metadata"]["managedFields"]


async def test_a_client_that_knows_no_managed_fields_keeps_them(http: Http) -> None:
    made = await http("POST", f"{EXPERIMENTS}?fieldManager=maker", experiment("a"))
    wire = made.body
    kept = wire["metadata"].pop("managedFields")
    wire["spec"]["suspend"] = True
    put = await http("PUT", f"{EXPERIMENTS}/a?fieldManager=maker", wire)
    assert owners(put) == {("maker", "Update", ""): kept[0]["fieldsV1"]}
    broken = await http(
        "PATCH", f"{EXPERIMENTS}/a", {"metadata": {"managedFields": [{"manager": "x"}]}}, content_type=MERGE
    )
    assert owners(broken) == owners(put)


async def test_owners_can_be_forgotten_and_come_back_with_the_first_apply(http: Http) -> None:
    await http("POST", f"{EXPERIMENTS}?fieldManager=maker", experiment("a"))
    reset = await http("PATCH", f"{EXPERIMENTS}/a", {"metadata": {"managedFields": [{}]}}, content_type=MERGE)
    assert "managedFields" not in reset.body["metadata"]
    patched = await http("PATCH", f"{EXPERIMENTS}/a", {"spec": {"suspend": True}}, content_type=MERGE)
    assert "managedFields" not in patched.body["metadata"]
    refused = await apply(http, "a", part(suspend=False))
    assert '"before-first-apply" using phoenix.io/v1alpha1: .spec.suspend' in refused.body["message"]
    applied = await apply(http, "a", part(suspend=True))
    assert set(owners(applied)) == {("me", "Apply", ""), ("before-first-apply", "Update", "")}


async def test_kubectl_moves_from_client_side_to_server_side_apply(http: Http) -> None:
    config = experiment("a")
    annotation = "kubectl.kubernetes.io/last-applied-configuration"
    config["metadata"]["annotations"] = {annotation: json.dumps(experiment("a"))}
    await http("POST", f"{EXPERIMENTS}?fieldManager=kubectl-client-side-apply", config)
    changed = experiment("a")
    changed["spec"]["timing"]["duration"] = "20s"
    assert (await apply(http, "a", changed, "somebody")).code == 409
    taken = await apply(http, "a", changed, "kubectl")
    assert taken.code == 200
    assert json.loads(taken.body["metadata"]["annotations"][annotation])["spec"]["timing"]["duration"] == "20s"
    # what kubectl does next: its old entry becomes part of the new one, by a patch of managedFields itself
    managed = [one for one in taken.body["metadata"]["managedFields"] if one["manager"] == "kubectl"]
    patch = [
        {"op": "replace", "path": "/metadata/managedFields", "value": managed},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": taken.body["metadata"]["resourceVersion"]},
    ]
    moved = await http(
        "PATCH", f"{EXPERIMENTS}/a?fieldManager=kubectl", patch, content_type="application/json-patch+json"
    )
    assert moved.body["metadata"]["managedFields"] == managed


async def test_lists_that_name_their_items_refuse_one_twice(http: Http) -> None:
    wire = experiment("a", finalizers=["x.io/y", "x.io/y"])  # these may be, as upstream
    wire["spec"]["cost"] = {"priceBooks": ["p", "p"]}
    refused = await http("POST", EXPERIMENTS, wire)
    assert refused.code == 422
    assert [(cause["reason"], cause["field"]) for cause in refused.body["details"]["causes"]] == [
        ("FieldValueDuplicate", "spec.cost.priceBooks[1]"),
    ]


@pytest.mark.parametrize(
    ("query", "config", "code", "said"),
    [
        ("", part(), 422, "fieldManager: Required value: is required for apply patch"),
        ("fieldManager=" + "x" * 129, part(), 422, "128"),
        ("fieldManager=me", part(bogus=1), 400, ".spec.bogus: field not declared in schema"),
        ("fieldManager=me", {**part(), "apiVersion": "phoenix.io/v2"}, 400, "Incorrect version specified"),
        ("fieldManager=me", {**part(), "kind": "Host"}, 400, "Host"),
        ("fieldManager=me", {**part(), "metadata": {"managedFields": []}}, 400, "metadata.managedFields must be nil"),
        ("fieldManager=me", {**part(), "metadata": {"name": "b"}}, 400, "does not match"),
        ("fieldManager=me", {**part(), "metadata": {"resourceVersion": "1"}}, 400, "resourceVersion"),
        ("fieldManager=me", {**part(), "metadata": {"uid": "1"}}, 409, "no existing object was found"),
        ("fieldManager=me", {**part(), "metadata": 3}, 400, "metadata"),
        ("fieldManager=me", {**part(), "spec": 3}, 422, "spec"),
        ("fieldManager=me", part(variants={"a": 1}), 400, ".spec.variants.a"),
        ("fieldManager=me", part(variants=[{"role": "Baseline"}]), 400, 'omits key field "name"'),
        ("fieldManager=me", b"[1]", 400, "object"),
        ("fieldManager=me", b"a: [", 400, "YAML"),
        ("fieldManager=me", b"a: 1\na: 2", 400, "twice"),
        ("fieldManager=me", b"\xff", 400, "UTF-8"),
        ("fieldManager=me", b"", 400, "body"),
        ("fieldManager=me", b'{"a":' * 200 + b"1" + b"}" * 200, 400, "deep"),
    ],
)
async def test_what_cannot_be_applied(http: Http, query: str, config: Any, code: int, said: str) -> None:
    answer = await http("PATCH", f"{EXPERIMENTS}/a?{query}", config, content_type=APPLY)
    assert answer.code == code, answer.body
    assert said in answer.body["message"]


async def test_force_is_for_apply_only(http: Http) -> None:
    await http("POST", EXPERIMENTS, experiment("a"))
    answer = await http("PATCH", f"{EXPERIMENTS}/a?force=true", {}, content_type=MERGE)
    assert answer.code == 422
    assert "force: Forbidden: may not be specified for non-apply patch" in answer.body["message"]


async def test_yaml_and_nulls_are_read_as_kubectl_means_them(http: Http) -> None:
    body = b"""
apiVersion: v1
kind: Namespace
metadata: {name: team, creationTimestamp: null, labels: {since: 2026-01-01}}
"""
    made = await http("PATCH", f"{NAMESPACES}/team?fieldManager=me", body, content_type=APPLY)
    assert made.code == 201
    assert made.body["metadata"]["labels"]["since"] == "2026-01-01"
    assert owners(made) == {("me", "Apply", ""): {"f:metadata": {"f:labels": {"f:since": {}}}}}


async def test_a_version_in_the_configuration_is_a_lock(http: Http) -> None:
    made = await apply(http, "a", experiment("a"))
    version = made.body["metadata"]["resourceVersion"]
    await apply(http, "a", experiment("a", labels={"x": "y"}))
    stale = await apply(http, "a", experiment("a", resourceVersion=version))
    assert (stale.code, stale.body["reason"]) == (409, "Conflict")
    assert "the object has been modified" in stale.body["message"]
