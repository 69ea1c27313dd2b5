"""Namespaces: made, refused in, emptied and removed; and what goes with an experiment."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from phoenix.apiserver.server import ApiServer, ServerConfig
from tests.integration.apiserver.conftest import EXPERIMENTS, GROUP_PATH, Http, experiment

MERGE = "application/merge-patch+json"
NAMESPACES = "/api/v1/namespaces"
INSIDE = f"{GROUP_PATH}/namespaces/lab/experiments"


async def test_default_is_there_and_stays(http: Http) -> None:
    got = await http("GET", f"{NAMESPACES}/default")
    assert got.body["status"] == {"phase": "Active"}
    refused = await http("DELETE", f"{NAMESPACES}/default")
    assert (refused.code, refused.body["reason"]) == (403, "Forbidden")


async def test_nothing_is_made_in_a_namespace_that_is_missing(http: Http) -> None:
    answer = await http("POST", INSIDE, experiment("a"))
    assert (answer.code, answer.body["reason"]) == (404, "NotFound")
    assert answer.body["message"].startswith('namespaces "lab" not found')


async def test_a_deleted_namespace_takes_its_content_along_and_waits_for_finalizers(http: Http) -> None:
    await http("POST", NAMESPACES, {"metadata": {"name": "lab"}})
    await http("POST", INSIDE, experiment("held", finalizers=["example.com/hold"]))
    await http("POST", INSIDE, experiment("free"))
    watch = await http.watch(NAMESPACES + "?fieldSelector=metadata.name%3Dlab")
    assert await watch.take(1) == [("ADDED", "lab")]
    contents = await http.watch(INSIDE)
    assert await contents.take(2) == [("ADDED", "free"), ("ADDED", "held")]
    going = await http("DELETE", f"{NAMESPACES}/lab")
    assert going.body["status"]["phase"] == "Terminating"
    assert await contents.take(2) == [("DELETED", "free"), ("MODIFIED", "held")]
    refused = await http("POST", INSIDE, experiment("new"))
    assert (refused.code, refused.body["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
    assert await watch.take(1) == [("MODIFIED", "lab")]
    await http("PATCH", f"{INSIDE}/held", {"metadata": {"finalizers": None}}, content_type=MERGE)
    assert await contents.take(1) == [("DELETED", "held")]
    assert await watch.take(1) == [("DELETED", "lab")]
    assert (await http("GET", f"{NAMESPACES}/lab")).code == 404


async def test_a_namespace_that_was_going_when_the_server_stopped_goes_on_going(tmp_path: Path) -> None:
    config = ServerConfig(state=tmp_path, port=0, tls=False)
    async with ApiServer(config) as server, aiohttp.ClientSession() as session:
        http = Http(server, session, None)
        await http("POST", NAMESPACES, {"metadata": {"name": "lab"}})
        await http("POST", INSIDE, experiment("held", finalizers=["example.com/hold"]))
        await http("DELETE", f"{NAMESPACES}/lab")
    async with ApiServer(config) as server, aiohttp.ClientSession() as session:
        http = Http(server, session, None)
        watch = await http.watch(NAMESPACES + "?fieldSelector=metadata.name%3Dlab")
        assert await watch.take(1) == [("ADDED", "lab")]
        await http("PATCH", f"{INSIDE}/held", {"metadata": {"finalizers": []}}, content_type=MERGE)
        event = await watch.next()
        assert event is not None
        assert event["type"] == "DELETED"


async def test_samples_are_kept_by_run_and_go_with_their_experiment(http: Http) -> None:
    await http("POST", EXPERIMENTS, experiment("a"))
    path = f"{EXPERIMENTS}/a/samples"
    second = 1_000_000_000
    samples = [
        {
            "kind": "Process", "run": run, "variant": "baseline", "host": "h", "instance": "i", "readAt": start,
            "windowStart": start, "windowEnd": start + 2 * second, "cpuSeconds": 1.5,
        }
        for run, start in ((1, 0), (1, 2 * second), (2, 0))
    ]  # fmt: skip
    for _ in range(2):  # reporting twice changes nothing
        answer = await http("POST", path, {"samples": samples})
        assert (answer.code, answer.body) == (202, {"accepted": 3})
    got = await http("GET", f"{path}?run=1")
    assert [sample["windowStart"] for sample in got.body["samples"]] == [0, 2 * second]
    assert got.body["samples"][0]["cpuSeconds"] == 1.5
    later = await http("GET", f"{path}?run=1&kind=Process&since={second}")
    assert len(later.body["samples"]) == 1
    assert (await http("GET", f"{path}?run=1&kind=Input")).body == {"samples": []}
    assert (await http("GET", path)).code == 400
    assert (await http("POST", path, {"samples": [{"kind": "Process"}]})).code == 422
    await http("DELETE", f"{EXPERIMENTS}/a")
    assert (await http("GET", f"{path}?run=1")).code == 404
    assert (await http("POST", path, {"samples": samples})).code == 404
    await http("POST", EXPERIMENTS, experiment("a"))
    assert (await http("GET", f"{path}?run=1")).body == {"samples": []}
