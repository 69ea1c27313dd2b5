"""Tokens of people, agents and child programs: what each is good for, and how long."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from tests.integration.access.conftest import USERS, People
from tests.integration.apiserver.conftest import EXPERIMENTS, GROUP_PATH, experiment

HOSTS = f"{GROUP_PATH}/hosts"
COLLECTORS = f"{GROUP_PATH}/namespaces/default/collectors"
MERGE = "application/merge-patch+json"


def collector(name: str, host: str, *, measures: str = "") -> dict[str, Any]:
    spec: dict[str, Any] = {"host": host, "config": {"receivers": {}}}
    if measures:
        spec["measurement"] = {"experiment": measures, "run": 2}
    return {"metadata": {"name": name, "finalizers": ["phoenix.io/process"]}, "spec": spec}


async def test_a_token_is_shown_once_and_kept_as_its_hash(people: People, tmp_path: Path) -> None:
    token = await people.join("ann")
    shown = (await people("GET", f"{USERS}/ann/token")).body["items"]
    assert [set(item) for item in shown] == [{"id", "createdAt"}]
    await people.server.stop()
    for file in (tmp_path / "state").iterdir():
        if file.is_file():
            assert token.encode() not in file.read_bytes(), file
            assert file.stat().st_mode & 0o077 == 0, file
    with sqlite3.connect(tmp_path / "state" / "phoenix.db") as database:
        assert token not in "\n".join(database.iterdump())
    await people.server.start()
    assert (await people.asking(token, "GET", "/apis")).code == 200, "it is good after a restart"


async def test_revoked_expired_and_orphaned_tokens_are_nobodys(people: People) -> None:
    first = await people.join("ann")
    second = await people.token(f"{USERS}/ann")
    ids = [item["id"] for item in (await people("GET", f"{USERS}/ann/token")).body["items"]]
    assert (await people("DELETE", f"{USERS}/ann/token?id={ids[0]}")).code == 200
    assert {(await people.asking(token, "GET", "/apis")).code for token in (first, second)} == {200, 401}
    assert (await people("DELETE", f"{USERS}/ann/token?id={ids[0]}")).code == 404
    assert (await people("DELETE", f"{USERS}/ann")).code == 200
    assert (await people.asking(second, "GET", "/apis")).code == 401
    await people.join("ann")
    got = await people.asking(second, "GET", "/apis")
    assert got.code == 401, "another user of the same name has not his tokens"
    assert got.body["reason"] == "Unauthorized"
    assert got.headers["WWW-Authenticate"].startswith("Bearer")
    await people("PATCH", f"{USERS}/ann", {"spec": {"expiresAt": "2020-01-01T00:00:00Z"}}, content_type=MERGE)
    assert (await people("POST", f"{USERS}/ann/token", {})).code == 403
    for seconds in (1, "60", True, 10**12):
        got = await people("POST", f"{USERS}/ann/token", {"spec": {"expirationSeconds": seconds}})
        assert got.code == 422, seconds


async def test_an_agent_sees_and_writes_what_is_its_hosts_alone(people: People) -> None:
    agent = await people.token(f"{HOSTS}/a")

    async def ask(method: str, path: str, body: object = None, **more: str) -> int:
        return (await people(method, path, body, Authorization=f"Bearer {agent}", **more)).code

    for name, host in (("mine", "a"), ("theirs", "b"), ("nobodys", "")):
        assert (await people("POST", COLLECTORS, collector(name, host))).code == 201
    assert await ask("POST", HOSTS, {"metadata": {"name": "b"}}) == 403
    assert await ask("POST", HOSTS, {"metadata": {"name": "a"}}) == 201
    await people("POST", HOSTS, {"metadata": {"name": "b"}})
    status = {"status": {"cpus": 2}}
    assert await ask("PATCH", f"{HOSTS}/a/status", status, content_type=MERGE) == 200
    assert await ask("PATCH", f"{HOSTS}/b/status", status, content_type=MERGE) == 403
    assert await ask("PATCH", f"{HOSTS}/a", {"spec": {"unschedulable": True}}, content_type=MERGE) == 403
    assert await ask("GET", COLLECTORS) == 403, "every host's"
    assert await ask("GET", f"{COLLECTORS}?fieldSelector=spec.host%3Db") == 403
    assert await ask("GET", f"{COLLECTORS}?fieldSelector=spec.host%21%3Da") == 403
    assert await ask("GET", f"{COLLECTORS}?fieldSelector=spec.host%3Da") == 200
    assert await ask("GET", f"{GROUP_PATH}/collectors?fieldSelector=spec.host%3Da") == 200
    for name, code in (("mine", 200), ("theirs", 403), ("nobodys", 403)):
        assert await ask("GET", f"{COLLECTORS}/{name}") == code, name
        patch = {"status": {"phase": "Running"}}
        assert await ask("PATCH", f"{COLLECTORS}/{name}/status", patch, content_type=MERGE) == code, name
        assert await ask("PATCH", f"{COLLECTORS}/{name}", {"metadata": {"finalizers": []}}, content_type=MERGE) == code
        assert await ask("POST", f"{COLLECTORS}/{name}/token", {}) == (201 if code == 200 else code), name
    assert await ask("PATCH", f"{COLLECTORS}/mine", {"spec": {"host": "b"}}, content_type=MERGE) == 403
    assert await ask("POST", COLLECTORS, collector("more", "a")) == 403
    assert await ask("DELETE", f"{COLLECTORS}/mine") == 403
    for path in (EXPERIMENTS, USERS, f"{HOSTS}/a/token", "/metrics"):
        assert await ask("GET", path) == 403, path


async def test_a_child_program_reports_samples_of_its_run_and_nothing_else(people: People) -> None:
    for name in ("x", "y"):
        await people("POST", EXPERIMENTS, experiment(name))
    await people("POST", COLLECTORS, collector("c", "a", measures="x"))
    token = await people.token(f"{COLLECTORS}/c")

    def batch(run: int) -> dict[str, Any]:
        sample = {
            "kind": "Input", "run": run, "host": "a", "variant": "v", "windowStart": 0, "windowEnd": 1, "instance": "i",
            "ticks": 1, "plannedPoints": 1, "sentPoints": 1, "ackedPoints": 1, "requests": 1, "sentFirst": 1,
            "bytes": 1, "digest": "d",
        }  # fmt: skip
        return {"samples": [sample]}

    assert (await people.asking(token, "POST", f"{EXPERIMENTS}/x/samples", batch(2))).code == 202
    other_run = await people.asking(token, "POST", f"{EXPERIMENTS}/x/samples", batch(3))
    assert (other_run.code, "run 2" in other_run.body["message"]) == (403, True)
    assert (await people.asking(token, "POST", f"{EXPERIMENTS}/y/samples", batch(2))).code == 403
    for method, path in (
        ("GET", f"{EXPERIMENTS}/x/samples?run=2"), ("GET", EXPERIMENTS), ("GET", f"{COLLECTORS}/c"),
        ("POST", f"{COLLECTORS}/c/token"), ("GET", "/metrics"),
    ):  # fmt: skip
        assert (await people.asking(token, method, path, {} if method == "POST" else None)).code == 403, path
    await people("PATCH", f"{COLLECTORS}/c", {"metadata": {"finalizers": []}}, content_type=MERGE)
    await people("DELETE", f"{COLLECTORS}/c")
    assert (await people.asking(token, "POST", f"{EXPERIMENTS}/x/samples", batch(2))).code == 401, "its object is gone"
    assert (await people("GET", f"{COLLECTORS}/c/token")).code == 405
