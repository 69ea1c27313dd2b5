"""Create, get, list, update, patch, delete: what each answers and what is stored."""

from __future__ import annotations

from tests.integration.apiserver.conftest import EXPERIMENTS, Http, experiment


async def test_create_answers_the_stored_object_with_what_the_server_owns(http: Http) -> None:
    made = await http("POST", EXPERIMENTS, experiment("a"))
    assert made.code == 201, made.body
    metadata = made.body["metadata"]
    assert metadata["namespace"] == "default"
    assert metadata["generation"] == 1
    assert len(metadata["uid"]) == 36
    assert metadata["creationTimestamp"].endswith("Z")
    assert int(metadata["resourceVersion"]) > 0
    assert made.body["spec"]["timing"]["interval"] == "1s"  # a default
    got = await http("GET", f"{EXPERIMENTS}/a")
    assert (got.code, got.body) == (200, made.body)
    listed = await http("GET", EXPERIMENTS)
    assert listed.body["kind"] == "ExperimentList"
    assert listed.body["items"] == [made.body]
    assert listed.body["metadata"]["resourceVersion"] == metadata["resourceVersion"]
