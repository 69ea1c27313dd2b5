"""Watches that stream the list first, and watches in other forms than plain objects."""

from __future__ import annotations

from typing import Any

from tests.integration.apiserver.conftest import EXPERIMENTS, Http, Watch, experiment

ENDED = {"k8s.io/initial-events-end": "true"}
STREAM = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan"


async def event(watch: Watch) -> dict[str, Any]:
    found = await watch.next()
    assert found is not None
    return found


async def opened(http: Http, query: str, form: str) -> Watch:
    headers = {
        "Authorization": f"Bearer {http.server.token}",
        "Accept": f"application/json;as={form};v=v1;g=meta.k8s.io",
    }
    got = await http.session.get(f"{http.server.url}{EXPERIMENTS}?watch=true&{query}", headers=headers)
    assert got.status == 200, await got.text()
    return Watch(got)


async def test_a_watch_list_tells_all_there_is_marks_its_end_and_goes_on(http: Http) -> None:
    for name in "ab":
        await http("POST", EXPERIMENTS, experiment(name))
    watch = await http.watch(f"{EXPERIMENTS}?{STREAM}&allowWatchBookmarks=true")
    assert await watch.take(2) == [("ADDED", "a"), ("ADDED", "b")]
    end = await event(watch)
    assert end["type"] == "BOOKMARK"
    assert end["object"]["metadata"]["annotations"] == ENDED
    assert end["object"]["kind"] == "Experiment"
    made = await http("POST", EXPERIMENTS, experiment("c"))
    live = await event(watch)
    assert (live["type"], live["object"]) == ("ADDED", made.body)
    assert int(end["object"]["metadata"]["resourceVersion"]) < int(live["object"]["metadata"]["resourceVersion"])
    watch.close()


async def test_an_empty_collection_has_an_end_too_and_a_version_is_no_start(http: Http) -> None:
    watch = await http.watch(f"{EXPERIMENTS}?{STREAM}&allowWatchBookmarks=true&fieldSelector=metadata.name%3Da")
    assert (await event(watch))["object"]["metadata"]["annotations"] == ENDED
    made = await http("POST", EXPERIMENTS, experiment("a"))
    assert await watch.take(1) == [("ADDED", "a")]
    watch.close()
    version = made.body["metadata"]["resourceVersion"]
    again = await http.watch(f"{EXPERIMENTS}?{STREAM}&resourceVersion={version}&allowWatchBookmarks=true")
    assert await again.take(1) == [("ADDED", "a")]
    again.close()


async def test_without_initial_events_a_watch_begins_now(http: Http) -> None:
    await http("POST", EXPERIMENTS, experiment("a"))
    watch = await http.watch(f"{EXPERIMENTS}?sendInitialEvents=false&resourceVersionMatch=NotOlderThan")
    await http("POST", EXPERIMENTS, experiment("b"))
    assert await watch.take(1) == [("ADDED", "b")]
    watch.close()


async def test_events_and_bookmarks_come_in_the_form_asked_for(http: Http) -> None:
    await http("POST", EXPERIMENTS, experiment("a"))
    partial = await opened(http, f"{STREAM}&allowWatchBookmarks=true", "PartialObjectMetadata")
    first, end = await event(partial), await event(partial)
    assert (first["object"]["kind"], end["object"]["kind"]) == ("PartialObjectMetadata",) * 2
    assert first["object"].keys() == {"kind", "apiVersion", "metadata"}
    assert end["object"]["metadata"]["annotations"] == ENDED
    partial.close()
    table = await opened(http, f"{STREAM}&allowWatchBookmarks=true&includeObject=Object", "Table")
    first, end = await event(table), await event(table)
    assert first["object"]["rows"][0]["object"]["kind"] == "Experiment"
    assert end["object"]["kind"] == "Table"
    assert end["object"]["rows"][0]["object"]["metadata"]["annotations"] == ENDED
    table.close()
    await http("DELETE", f"{EXPERIMENTS}/a")
    bare = await opened(http, "includeObject=None", "Table")
    await http("POST", EXPERIMENTS, experiment("b"))
    (row,) = (await event(bare))["object"]["rows"]
    assert row.keys() == {"cells"}
    assert row["cells"][0] == "b"
    bare.close()
