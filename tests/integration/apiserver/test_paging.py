"""Lists in pages and at versions: one revision for all pages, refusals in upstream's words."""

from __future__ import annotations

from typing import Any

import pytest

from phoenix.apiserver.paging import write_token
from tests.integration.apiserver.conftest import EXPERIMENTS, Answer, Http, experiment
from tests.integration.apiserver.test_expired import forgetful

__all__ = ["forgetful"]
MERGE = "application/merge-patch+json"


def names(answer: Answer) -> list[str]:
    return [item["metadata"]["name"] for item in answer.body["items"]]


async def fill(http: Http, *wanted: str) -> None:
    for name in wanted:
        assert (await http("POST", EXPERIMENTS, experiment(name, labels={"app": "x"}))).code == 201


async def test_pages_are_of_one_revision_whatever_happens_between_them(http: Http) -> None:
    await fill(http, "a", "b", "c", "d", "e")
    first = await http("GET", f"{EXPERIMENTS}?limit=2")
    assert (names(first), first.body["metadata"]["remainingItemCount"]) == (["a", "b"], 3)
    await http("DELETE", f"{EXPERIMENTS}/c")
    await http("DELETE", f"{EXPERIMENTS}/a")
    await http("PATCH", f"{EXPERIMENTS}/d", {"metadata": {"labels": {"app": "changed"}}}, content_type=MERGE)
    await http("PATCH", f"{EXPERIMENTS}/d", {"metadata": {"labels": {"app": "again"}}}, content_type=MERGE)
    await fill(http, "c", "cc")
    token = first.body["metadata"]["continue"]
    second = await http("GET", f"{EXPERIMENTS}?limit=2&continue={token}")
    assert (names(second), second.body["metadata"]["remainingItemCount"]) == (["c", "d"], 1)
    assert second.body["items"][1]["metadata"]["labels"] == {"app": "x"}
    assert second.body["metadata"]["resourceVersion"] == first.body["metadata"]["resourceVersion"]
    third = await http("GET", f"{EXPERIMENTS}?limit=2&continue={second.body['metadata']['continue']}")
    assert names(third) == ["e"]
    assert third.body["metadata"].keys() == {"continue", "resourceVersion"}
    assert third.body["metadata"]["continue"] == ""
    watch = await http.watch(f"{EXPERIMENTS}?resourceVersion={third.body['metadata']['resourceVersion']}")
    assert await watch.take(3) == [("DELETED", "c"), ("DELETED", "a"), ("MODIFIED", "d")]
    watch.close()


async def test_pages_of_a_selection_do_not_say_how_many_remain(http: Http) -> None:
    await fill(http, "a", "b", "c")
    first = await http("GET", f"{EXPERIMENTS}?limit=1&labelSelector=app%3Dx")
    assert names(first) == ["a"]
    assert "remainingItemCount" not in first.body["metadata"]
    await http("PATCH", f"{EXPERIMENTS}/b", {"metadata": {"labels": {"app": "y"}}}, content_type=MERGE)
    rest = await http("GET", f"{EXPERIMENTS}?labelSelector=app%3Dx&continue={first.body['metadata']['continue']}")
    assert names(rest) == ["b", "c"]


async def test_a_list_as_of_an_earlier_version(http: Http) -> None:
    await fill(http, "a", "b")
    then = (await http("GET", EXPERIMENTS)).body
    await http("DELETE", f"{EXPERIMENTS}/a")
    version = then["metadata"]["resourceVersion"]
    exact = await http("GET", f"{EXPERIMENTS}?resourceVersion={version}&resourceVersionMatch=Exact")
    assert exact.body == then
    assert names(await http("GET", f"{EXPERIMENTS}?resourceVersion={version}&limit=5")) == ["a", "b"]
    newer = await http("GET", f"{EXPERIMENTS}?resourceVersion={version}&resourceVersionMatch=NotOlderThan&limit=5")
    assert (names(newer), int(newer.body["metadata"]["resourceVersion"]) > int(version)) == (["b"], True)
    assert names(await http("GET", f"{EXPERIMENTS}?resourceVersion=0&limit=5")) == ["b"]
    assert names(await http("GET", f"{EXPERIMENTS}?resourceVersion={version}")) == ["b"]


async def test_a_version_of_the_future_is_a_timeout_with_its_cause(http: Http) -> None:
    await fill(http, "a")
    for path in (EXPERIMENTS, f"{EXPERIMENTS}/a"):
        answer = await http("GET", f"{path}?resourceVersion=999999")
        assert (answer.code, answer.body["reason"]) == (504, "Timeout")
        assert answer.body["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
        assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ("resourceVersionMatch=Exact", 422, "resourceVersionMatch is forbidden unless resourceVersion is provided"),
        ("resourceVersionMatch=Exact&resourceVersion=0", 422, 'match "exact" is forbidden'),
        ("resourceVersionMatch=Newest&resourceVersion=1", 422, 'Unsupported value: "Newest"'),
        ("resourceVersionMatch=NotOlderThan&resourceVersion=1&continue=x", 422, "when continue is provided"),
        ("sendInitialEvents=true", 422, "sendInitialEvents is forbidden for list"),
        ("sendInitialEvents=true&watch=true", 422, "sendInitialEvents requires setting resourceVersionMatch"),
        ("resourceVersionMatch=NotOlderThan&watch=true", 422, "forbidden for watch unless sendInitialEvents"),
        ("continue=x&resourceVersion=7", 400, "specifying resource version is not allowed when using continue"),
        ("continue=x", 400, "continue key is not valid"),
        ("resourceVersion=newest", 400, "'newest' is none of this server"),
        ("limit=-1", 400, "limit must be a number"),
    ],
)
async def test_what_does_not_go_together(http: Http, query: str, code: int, said: str) -> None:
    answer = await http("GET", f"{EXPERIMENTS}?{query}")
    assert answer.code == code
    assert said.lower() in answer.body["message"].lower(), answer.body["message"]
    if code == 422:
        assert answer.body["details"]["kind"] == "ListOptions"
        assert answer.body["details"]["causes"][0]["message"]


async def test_an_expired_token_comes_with_one_that_goes_on(forgetful: Http) -> None:
    def keys(body: Any) -> list[str]:
        return [item["metadata"]["name"] for item in body["items"]]

    old = write_token(1, "/core/namespaces/n1")
    gone = await forgetful("GET", f"/api/v1/namespaces?limit=2&continue={old}")
    assert (gone.code, gone.body["reason"]) == (410, "Expired")
    token = gone.body["metadata"]["continue"]
    page = await forgetful("GET", f"/api/v1/namespaces?limit=2&continue={token}")
    assert keys(page.body) == ["n2", "n3"]
    last = await forgetful("GET", f"/api/v1/namespaces?limit=2&continue={page.body['metadata']['continue']}")
    assert keys(last.body) == ["n4", "n5"]
    exact = await forgetful("GET", "/api/v1/namespaces?resourceVersion=1&resourceVersionMatch=Exact")
    assert (exact.code, exact.body["reason"]) == (410, "Expired")
    other_store = write_token(10**9, "/core/namespaces/n1")
    assert (await forgetful("GET", f"/api/v1/namespaces?continue={other_store}")).code == 410


async def test_a_table_and_a_metadata_list_are_paged_too(http: Http) -> None:
    await fill(http, "a", "b", "c")
    for form in ("Table", "PartialObjectMetadataList"):
        accept = f"application/json;as={form};v=v1;g=meta.k8s.io"
        body = (await http("GET", f"{EXPERIMENTS}?limit=2", Accept=accept)).body
        assert body["kind"] == form
        assert body["metadata"]["remainingItemCount"] == 1
        rest = (await http("GET", f"{EXPERIMENTS}?continue={body['metadata']['continue']}", Accept=accept)).body
        assert len(rest["rows" if form == "Table" else "items"]) == 1


@pytest.mark.parametrize(
    ("include", "found"), [("Object", "Experiment"), ("", "PartialObjectMetadata"), ("None", None)]
)
async def test_rows_carry_what_is_asked_for(http: Http, include: str, found: str | None) -> None:
    await fill(http, "a")
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    for path in (EXPERIMENTS, f"{EXPERIMENTS}/a"):
        (row,) = (await http("GET", f"{path}?includeObject={include}", Accept=accept)).body["rows"]
        assert row.get("object", {}).get("kind") == found
    assert (await http("GET", f"{EXPERIMENTS}?includeObject=All", Accept=accept)).code == 400
