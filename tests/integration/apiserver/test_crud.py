"""Create, get, list, update, patch, delete: what each answers and what is stored."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.apiserver.conftest import EXPERIMENTS, GROUP_PATH, Http, experiment

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


async def made(http: Http, name: str = "a", **metadata: Any) -> dict[str, Any]:
    answer = await http("POST", EXPERIMENTS, experiment(name, **metadata))
    assert answer.code == 201, answer.body
    return answer.body


async def test_create_answers_the_stored_object_with_what_the_server_owns(http: Http) -> None:
    body = await made(http)
    metadata = body["metadata"]
    assert metadata["namespace"] == "default"
    assert metadata["generation"] == 1
    assert len(metadata["uid"]) == 36
    assert metadata["creationTimestamp"].endswith("Z")
    assert body["spec"]["timing"]["interval"] == "1s"  # a default
    got = await http("GET", f"{EXPERIMENTS}/a")
    assert (got.code, got.body) == (200, body)
    listed = await http("GET", EXPERIMENTS)
    assert listed.body["kind"] == "ExperimentList"
    assert listed.body["items"] == [body]
    assert listed.body["metadata"]["resourceVersion"] == metadata["resourceVersion"]


async def test_typed_clients_may_leave_out_the_type_and_the_content_type(http: Http) -> None:
    body = {key: value for key, value in experiment("a").items() if key in ("metadata", "spec")}
    answer = await http("POST", EXPERIMENTS, body)
    assert answer.code == 201
    assert (answer.body["kind"], answer.body["apiVersion"]) == ("Experiment", "phoenix.io/v1alpha1")


async def test_a_status_sent_on_create_is_dropped_and_so_are_server_owned_fields(http: Http) -> None:
    wire = experiment("a", uid="mine", generation=7, creationTimestamp="2001-01-01T00:00:00Z")
    answer = await http("POST", EXPERIMENTS, {**wire, "status": {"phase": "Completed"}})
    assert "status" not in answer.body
    assert answer.body["metadata"]["generation"] == 1
    assert answer.body["metadata"]["uid"] != "mine"
    assert not answer.body["metadata"]["creationTimestamp"].startswith("2001")


async def test_generate_name_makes_different_names(http: Http) -> None:
    names = {(await http("POST", EXPERIMENTS, experiment(generateName="run-"))).body["metadata"]["name"] for _ in "12"}
    assert len(names) == 2
    assert all(name.startswith("run-") and len(name) == 9 for name in names)


async def test_refusals_name_what_is_wrong(http: Http) -> None:
    await made(http)
    again = await http("POST", EXPERIMENTS, experiment("a"))
    assert (again.code, again.body["reason"]) == (409, "AlreadyExists")
    assert again.body["details"] == {"name": "a", "group": "phoenix.io", "kind": "experiments"}
    bad_name = await http("POST", EXPERIMENTS, experiment("No Good"))
    assert bad_name.code == 422
    assert [cause["field"] for cause in bad_name.body["details"]["causes"]] == ["metadata.name"]
    elsewhere = await http("POST", EXPERIMENTS, experiment("b", namespace="other"))
    assert (elsewhere.code, elsewhere.body["reason"]) == (400, "BadRequest")
    versioned = await http("POST", EXPERIMENTS, experiment("b", resourceVersion="1"))
    assert versioned.code == 400
    wrong_kind = await http("POST", EXPERIMENTS, {**experiment("b"), "kind": "Host"})
    assert wrong_kind.code == 422
    assert [cause["field"] for cause in wrong_kind.body["details"]["causes"]] == ["kind"]
    no_namespace = await http("POST", f"{GROUP_PATH}/experiments", experiment("b"))
    assert (no_namespace.code, no_namespace.body["reason"]) == (405, "MethodNotAllowed")
    missing = await http("GET", f"{EXPERIMENTS}/nope")
    assert (missing.code, missing.body["message"]) == (404, 'experiments.phoenix.io "nope" not found')


async def test_invalid_fields_are_causes_with_their_paths(http: Http) -> None:
    wire = experiment("a")
    wire["spec"]["variants"][1]["name"] = "Not A Label"
    wire["spec"]["timing"]["duration"] = "soon"
    answer = await http("POST", EXPERIMENTS, wire)
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    fields = {cause["field"] for cause in answer.body["details"]["causes"]}
    assert {"spec.variants[1].name", "spec.timing.duration"} <= fields
    assert answer.body["details"]["kind"] == "Experiment"


@pytest.mark.parametrize(
    ("mode", "code", "warned"), [("Strict", 400, False), ("Warn", 201, True), ("Ignore", 201, False), ("", 201, True)]
)
async def test_field_validation(http: Http, mode: str, code: int, warned: bool) -> None:
    wire = experiment("a")
    wire["spec"]["bogus"] = 1
    answer = await http("POST", f"{EXPERIMENTS}?fieldValidation={mode}", wire)
    assert answer.code == code, answer.body
    assert ("Warning" in answer.headers) is warned
    if code == 201:
        assert "bogus" not in answer.body["spec"]
    else:
        assert 'strict decoding error: unknown field "spec.bogus"' in answer.body["message"]


async def test_dry_run_stores_nothing(http: Http) -> None:
    assert (await http("POST", f"{EXPERIMENTS}?dryRun=All", experiment("a"))).code == 201
    assert (await http("GET", f"{EXPERIMENTS}/a")).code == 404
    await made(http)
    assert (await http("DELETE", f"{EXPERIMENTS}/a?dryRun=All")).code == 200
    assert (await http("DELETE", f"{EXPERIMENTS}/a", {"dryRun": ["All"]})).code == 200
    patched = await http("PATCH", f"{EXPERIMENTS}/a?dryRun=All", {"spec": {"suspend": True}}, content_type=MERGE)
    assert patched.body["spec"]["suspend"] is True
    assert (await http("GET", f"{EXPERIMENTS}/a")).body["spec"]["suspend"] is False
    assert (await http("POST", f"{EXPERIMENTS}?dryRun=Some", experiment("b"))).code == 422


async def test_update_replaces_the_spec_counts_generations_and_keeps_what_is_the_servers(http: Http) -> None:
    body = await made(http)
    body["spec"]["suspend"] = True
    kept = {key: body["metadata"][key] for key in ("uid", "creationTimestamp")}
    body["metadata"] |= {"creationTimestamp": "2001-01-01T00:00:00Z", "generation": 99}
    answer = await http("PUT", f"{EXPERIMENTS}/a", body)
    assert answer.code == 200, answer.body
    assert answer.body["spec"]["suspend"] is True
    assert answer.body["metadata"]["generation"] == 2
    assert {key: answer.body["metadata"][key] for key in kept} == kept
    stale = await http("PUT", f"{EXPERIMENTS}/a", body)
    assert (stale.code, stale.body["reason"]) == (409, "Conflict")
    assert "please apply your changes to the latest version" in stale.body["message"]
    del body["metadata"]["resourceVersion"]
    blind = await http("PUT", f"{EXPERIMENTS}/a", body)
    assert (blind.code, blind.body["details"]["causes"][0]["field"]) == (422, "metadata.resourceVersion")
    other_name = await http("PUT", f"{EXPERIMENTS}/b", body)
    assert other_name.code == 404


async def test_a_write_that_changes_nothing_makes_no_revision(http: Http) -> None:
    body = await made(http)
    revision = body["metadata"]["resourceVersion"]
    again = await http("PUT", f"{EXPERIMENTS}/a", body)
    patched = await http("PATCH", f"{EXPERIMENTS}/a", {"spec": {"suspend": False}}, content_type=MERGE)
    listed = await http("GET", EXPERIMENTS)
    versions = {answer.body["metadata"]["resourceVersion"] for answer in (again, patched, listed)}
    assert versions == {revision}


async def test_status_and_main_endpoint_do_not_touch_each_other(http: Http) -> None:
    body = await made(http)
    status = await http(
        "PATCH",
        f"{EXPERIMENTS}/a/status",
        {"status": {"phase": "Running"}, "spec": {"suspend": True}},
        content_type=MERGE,
    )
    assert status.code == 200, status.body
    assert status.body["status"]["phase"] == "Running"
    assert status.body["spec"]["suspend"] is False
    assert status.body["metadata"]["generation"] == 1
    main = await http("PATCH", f"{EXPERIMENTS}/a", {"status": {"phase": "Failed"}}, content_type=MERGE)
    assert main.body == status.body
    stale = await http("PUT", f"{EXPERIMENTS}/a/status", {**body, "status": {"phase": "Failed"}})
    assert stale.code == 409
    fresh = await http("PUT", f"{EXPERIMENTS}/a/status", {**status.body, "status": {"phase": "Analyzing"}})
    assert (await http("GET", f"{EXPERIMENTS}/a/status")).body == fresh.body
    assert fresh.body["status"]["phase"] == "Analyzing"
    revisions = await http("GET", f"{GROUP_PATH}/namespaces/default/pipelinerevisions/x/status")
    assert revisions.code == 404


async def test_merge_patch_of_a_stale_version_conflicts_and_without_one_retries(http: Http) -> None:
    body = await made(http)
    version = body["metadata"]["resourceVersion"]
    first = {"metadata": {"resourceVersion": version, "labels": {"a": "1"}}}
    assert (await http("PATCH", f"{EXPERIMENTS}/a", first, content_type=MERGE)).code == 200
    assert (await http("PATCH", f"{EXPERIMENTS}/a", first, content_type=MERGE)).code == 409
    patches = [{"metadata": {"labels": {f"k{number}": "x"}}} for number in range(10)]
    answers = await asyncio.gather(*(http("PATCH", f"{EXPERIMENTS}/a", patch, content_type=MERGE) for patch in patches))
    assert {answer.code for answer in answers} == {200}
    labels = (await http("GET", f"{EXPERIMENTS}/a")).body["metadata"]["labels"]
    assert len(labels) == 11


async def test_of_racing_updates_at_one_version_one_wins(http: Http) -> None:
    body = await made(http)
    bodies = [{**body, "metadata": body["metadata"] | {"labels": {"n": str(n)}}} for n in range(8)]
    answers = await asyncio.gather(*(http("PUT", f"{EXPERIMENTS}/a", each) for each in bodies))
    assert sorted(answer.code for answer in answers) == [200] + [409] * 7


async def test_json_patch_and_its_test_operation(http: Http) -> None:
    body = await made(http)
    version = body["metadata"]["resourceVersion"]
    patch = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "add", "path": "/metadata/finalizers", "value": ["example.com/hold"]},
    ]
    assert (await http("PATCH", f"{EXPERIMENTS}/a", patch, content_type=JSON_PATCH)).code == 200
    failed = await http("PATCH", f"{EXPERIMENTS}/a", patch, content_type=JSON_PATCH)
    assert (failed.code, failed.body["reason"]) == (422, "Invalid")
    no_list = await http("PATCH", f"{EXPERIMENTS}/a", {"op": "add"}, content_type=JSON_PATCH)
    assert no_list.code == 400


async def test_strategic_merge_is_for_core_kinds_only(http: Http) -> None:
    await made(http)
    strategic = "application/strategic-merge-patch+json"
    patch = {"metadata": {"labels": {"a": "b"}}}
    refused = await http("PATCH", f"{EXPERIMENTS}/a", patch, content_type=strategic)
    assert (refused.code, refused.body["reason"]) == (415, "UnsupportedMediaType")
    assert (await http("PATCH", "/api/v1/namespaces/default", patch, content_type=strategic)).code == 200


async def test_delete_with_preconditions_and_finalizers(http: Http) -> None:
    body = await made(http, finalizers=["example.com/hold"])
    wrong = await http("DELETE", f"{EXPERIMENTS}/a", {"preconditions": {"uid": "other"}})
    assert wrong.code == 409
    going = await http("DELETE", f"{EXPERIMENTS}/a", {"preconditions": {"uid": body["metadata"]["uid"]}})
    assert going.code == 200
    assert going.body["metadata"]["deletionTimestamp"]
    assert going.body["metadata"]["generation"] == 2
    again = await http("DELETE", f"{EXPERIMENTS}/a")
    assert again.body == going.body
    added = await http(
        "PATCH", f"{EXPERIMENTS}/a", {"metadata": {"finalizers": ["example.com/hold", "x/y"]}}, content_type=MERGE
    )
    assert (added.code, added.body["details"]["causes"][0]["field"]) == (422, "metadata.finalizers")
    released = await http("PATCH", f"{EXPERIMENTS}/a", {"metadata": {"finalizers": None}}, content_type=MERGE)
    assert released.code == 200
    assert (await http("GET", f"{EXPERIMENTS}/a")).code == 404


async def test_delete_answers_a_status_and_a_collection_goes_by_selector(http: Http) -> None:
    body = await made(http, labels={"team": "x"})
    await made(http, "b", labels={"team": "y"})
    gone = await http("DELETE", f"{EXPERIMENTS}/a")
    assert gone.body["status"] == "Success"
    assert gone.body["details"]["uid"] == body["metadata"]["uid"]
    await made(http, "c", labels={"team": "x"})
    many = await http("DELETE", f"{EXPERIMENTS}?labelSelector=team%3Dx")
    assert [item["metadata"]["name"] for item in many.body["items"]] == ["c"]
    assert [item["metadata"]["name"] for item in (await http("GET", EXPERIMENTS)).body["items"]] == ["b"]


async def test_an_experiment_keeps_its_spec_once_a_run_was_begun(http: Http) -> None:
    await made(http)
    refused = {"status": {"run": 0, "phase": "Pending"}}
    assert (await http("PATCH", f"{EXPERIMENTS}/a/status", refused, content_type=MERGE)).code == 200
    mended = await http("PATCH", f"{EXPERIMENTS}/a", {"spec": {"timing": {"duration": "20s"}}}, content_type=MERGE)
    assert mended.code == 200
    started = {"status": {"run": 1, "phase": "Deploying"}}
    assert (await http("PATCH", f"{EXPERIMENTS}/a/status", started, content_type=MERGE)).code == 200
    moved = await http(
        "PATCH", f"{EXPERIMENTS}/a", {"spec": {"timing": {"duration": "30s"}, "engine": "Embedded"}}, content_type=MERGE
    )
    assert moved.code == 422
    assert [cause["field"] for cause in moved.body["details"]["causes"]] == ["spec.engine", "spec.timing"]
    allowed = {"spec": {"suspend": True, "decision": "Promote", "ttlAfterFinished": "1h"}}
    assert (await http("PATCH", f"{EXPERIMENTS}/a", allowed, content_type=MERGE)).code == 200


async def test_a_pipeline_revision_never_changes(http: Http) -> None:
    path = f"{GROUP_PATH}/namespaces/default/pipelinerevisions"
    spec = {"revision": 1, "pipeline": {"config": {}}, "resolved": {"receivers": {}}, "pipelineHash": "h"}
    assert (await http("POST", path, {"metadata": {"name": "r"}, "spec": spec})).code == 201
    changed = await http("PATCH", f"{path}/r", {"spec": {"pipelineHash": "other"}}, content_type=MERGE)
    assert (changed.code, changed.body["details"]["causes"][0]["field"]) == (422, "spec")
    labelled = await http("PATCH", f"{path}/r", {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE)
    assert labelled.code == 200


async def test_lists_by_selector_and_in_pages(http: Http) -> None:
    for number in range(5):
        await made(http, f"e{number}", labels={"even": str(number % 2 == 0).lower()})
    even = await http("GET", f"{EXPERIMENTS}?labelSelector=even%3Dtrue")
    assert [item["metadata"]["name"] for item in even.body["items"]] == ["e0", "e2", "e4"]
    one = await http("GET", f"{GROUP_PATH}/experiments?fieldSelector=metadata.name%3De1%2C")
    assert [item["metadata"]["name"] for item in one.body["items"]] == ["e1"]
    assert (await http("GET", f"{EXPERIMENTS}?fieldSelector=spec.suspend%3Dtrue")).code == 400
    first = await http("GET", f"{EXPERIMENTS}?limit=2")
    assert first.body["metadata"]["remainingItemCount"] == 3
    second = await http("GET", f"{EXPERIMENTS}?limit=2&continue={first.body['metadata']['continue']}")
    third = await http("GET", f"{EXPERIMENTS}?limit=2&continue={second.body['metadata']['continue']}")
    pages = [first, second, third]
    assert [i["metadata"]["name"] for page in pages for i in page.body["items"]] == ["e0", "e1", "e2", "e3", "e4"]
    assert third.body["metadata"]["continue"] == ""
    assert len({page.body["metadata"]["resourceVersion"] for page in pages}) == 1
    assert (await http("GET", f"{EXPERIMENTS}?continue=rubbish")).code == 400


async def test_pretty_sets_answers_out_in_lines(http: Http) -> None:
    await made(http)
    for path, code in ((EXPERIMENTS, 200), (f"{EXPERIMENTS}/a", 200), (f"{EXPERIMENTS}/nope", 404), ("/version", 200)):
        for value, lines in (("true", True), ("1", True), ("false", False), ("0", False), ("", False)):
            headers = {"Authorization": f"Bearer {http.server.token}"}
            async with http.session.get(f"{http.server.url}{path}?pretty={value}", headers=headers) as got:
                assert got.status == code
                assert ("\n  " in await got.text()) is lines, (path, value)
    table = await http("GET", f"{EXPERIMENTS}?pretty=true", Accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    assert table.body["kind"] == "Table"
    assert (await http("GET", "/metrics?pretty=true")).code == 200


async def test_bodies_may_be_yaml(http: Http) -> None:
    text = b"metadata: {name: from-yaml, labels: {a: 'yes'}}\n"
    answer = await http("POST", "/api/v1/namespaces", text, content_type="application/yaml")
    assert (answer.code, answer.body["metadata"]["labels"]["a"]) == (201, "yes")
    for wrong, said in ((b"a: [1", "error decoding YAML"), (b"- a", "must be an object"), (b"a: 1\na: 2", "body:2")):
        refused = await http("POST", "/api/v1/namespaces", wrong, content_type="application/yaml")
        assert refused.code == 400
        assert said in refused.body["message"]
    unknown = await http("POST", "/api/v1/namespaces", b"x", content_type="text/csv")
    assert unknown.code == 415
    assert "application/yaml, application/vnd.kubernetes.protobuf" in unknown.body["message"]
