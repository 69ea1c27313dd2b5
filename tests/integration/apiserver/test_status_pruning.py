"""What a status body may bring: pruned to the schema, operators' notes at its root kept, nothing of the spec."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from phoenix.apiserver.config import ServerConfig
from phoenix.apiserver.server import ApiServer
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient

BASE = "/apis/phoenix.io/v1alpha1/namespaces/default/meters"
METER = {
    "apiVersion": "phoenix.io/v1alpha1", "kind": "Meter", "metadata": {"name": "m"},
    "spec": {"host": "h", "variants": ["a"]},
}  # fmt: skip


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[HttpClient]:
    state = tmp_path / "state"
    async with (
        ApiServer(ServerConfig(state=state, port=0, tls=False)),
        HttpClient(ClientConfig.from_endpoint_file(state / "endpoint.json")) as opened,
    ):
        yield opened


async def send(
    client: HttpClient, method: str, path: str, body: Any, mode: str, kind: str = "application/json"
) -> tuple[int, dict[str, Any]]:
    answer = await client.request(
        method, path, body=orjson.dumps(body), params={"fieldValidation": mode}, headers={"Content-Type": kind}
    )
    return answer.status, orjson.loads(answer.body)


@pytest.mark.parametrize("mode", ["Ignore", "Warn"])
async def test_pruned_and_kept(client: HttpClient, mode: str) -> None:
    code, made = await send(client, "POST", BASE, METER | {"spec": METER["spec"] | {"bogus": 1}}, mode)
    assert code == 201
    assert "bogus" not in made["spec"]
    body = {"status": {"note": {"x": 1}, "resources": {"bogus": 1, "rssBytes": 4}}, "spec": {"bogus": 1, "host": "x"}}
    code, found = await send(client, "PATCH", f"{BASE}/m/status", body, mode, "application/merge-patch+json")
    assert code == 200
    assert found["status"] == {"note": {"x": 1}, "resources": {"rssBytes": 4}}
    assert found["spec"] == made["spec"]
    found["status"] = {"phase": "Running", "conditions": [], "resources": {"bogus": 1}}
    code, found = await send(client, "PUT", f"{BASE}/m/status", found, mode)
    assert code == 200
    assert found["status"].get("resources") == {}


async def test_strict_refuses_and_writes_nothing(client: HttpClient) -> None:
    await send(client, "POST", BASE, METER, "Strict")
    body = {"status": {"resources": {"bogus": 1}}}
    for kind in ("application/merge-patch+json", "application/apply-patch+yaml"):
        code, said = await send(client, "PATCH", f"{BASE}/m/status?fieldManager=t", METER | body, "Strict", kind)
        assert code in (400, 422)
        assert "status.resources.bogus" in said["message"]
    _, found = await send(client, "GET", f"{BASE}/m", None, "Strict")
    assert "resources" not in (found.get("status") or {})
