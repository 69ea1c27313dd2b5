"""The audit log and the limits, over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp

from phoenix.apiserver.access.config import Limits
from phoenix.apiserver.server import ApiServer, ServerConfig
from tests.harness.eventually import eventually
from tests.integration.access.conftest import BINDINGS, People
from tests.integration.apiserver.conftest import EXPERIMENTS, experiment


async def test_every_write_is_recorded_with_who_and_how_it_ended(people: People, tmp_path: Path) -> None:
    token = await people.join("ann")
    await people.asking(token, "POST", EXPERIMENTS, experiment("x"))
    await people("POST", EXPERIMENTS, experiment("x"), Impersonate_User="boss", Impersonate_Group="system:masters")
    await people("GET", EXPERIMENTS)
    await people("PATCH", f"{EXPERIMENTS}/x/status", {"status": {}}, content_type="application/merge-patch+json")
    await people("DELETE", f"{EXPERIMENTS}/gone")
    await people.server.stop()
    path = tmp_path / "state" / "audit.log"
    found: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
    assert [
        (one["verb"], one["user"]["username"], one["objectRef"]["resource"], one["objectRef"].get("name"),
         one["responseStatus"]["code"])
        for one in found
    ] == [
        ("create", "system:admin", "users", "ann", 201),
        ("create", "system:admin", "users", "ann", 201),
        ("create", "ann", "experiments", None, 403),
        ("create", "system:admin", "experiments", "x", 201),
        ("delete", "system:admin", "experiments", "gone", 404),
    ]  # fmt: skip
    assert found[1]["objectRef"]["subresource"] == "token"
    assert found[2]["annotations"] == {"authorization.k8s.io/decision": "forbid"}
    assert found[3]["impersonatedUser"]["username"] == "boss"
    assert len({one["auditID"] for one in found}) == len(found)
    assert token not in path.read_text()
    assert people.server.token not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


async def test_writes_are_refused_while_they_cannot_be_recorded_where_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "state" / "audit.log").mkdir(parents=True)
    for required, code in ((True, 503), (False, 201)):
        config = ServerConfig(state=tmp_path / "state", port=0, tls=False, audit_required=required)
        async with ApiServer(config) as server, aiohttp.ClientSession() as session:
            people = People(server, session, None)
            got = await people("POST", EXPERIMENTS, experiment("x"))
            assert got.code == code, got.body
            assert (await people("GET", EXPERIMENTS)).code == 200
            assert "phoenix_apiserver_audit_broken 1.0" in (await people("GET", "/metrics")).body
        if required:
            assert "audit.log" in got.body["message"]
            assert got.headers["Retry-After"] == "5"


async def test_too_many_requests_and_watches_are_told_to_wait(tmp_path: Path) -> None:
    limits = Limits(user_rate=1, user_burst=4, user_watches=1)
    config = ServerConfig(state=tmp_path / "state", port=0, tls=False, limits=limits)
    async with ApiServer(config) as server, aiohttp.ClientSession() as session:
        people = People(server, session, None)
        token = await people.join("ann")
        await people.bind("view", "ann")
        headers = {"Authorization": f"Bearer {token}"}
        watch = await session.get(f"{server.url}{EXPERIMENTS}?watch=1", headers=headers)
        assert watch.status == 200
        second = await people.asking(token, "GET", f"{EXPERIMENTS}?watch=1")
        assert (second.code, second.body["reason"], second.headers["Retry-After"]) == (429, "TooManyRequests", "1")
        codes = [(await people.asking(token, "GET", EXPERIMENTS)).code for _ in range(12)]
        assert 429 in codes
        review = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        assert 429 in [(await people.asking(token, "POST", review, {})).code for _ in range(12)], "questions count, too"
        assert (await people("GET", BINDINGS)).code == 200, "others do not suffer"
        watch.close()

        async def again() -> int:
            got = await session.get(f"{server.url}{EXPERIMENTS}?watch=1", headers=headers)
            got.close()
            return got.status

        await eventually(again, lambda code: code == 200, within_s=40, what="the closed watch is counted out")
        text = (await people("GET", "/metrics")).body
        assert 'phoenix_apiserver_limited_total{limit="watches"}' in text
        assert 'phoenix_apiserver_in_flight{kind="read"} 1.0' in text, "the scrape itself, and nothing left over"
