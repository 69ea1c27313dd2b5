"""Sends recorded requests and holds the answers to what matters in them.

A row (see kubectl.yaml) is one operation: objects that are there before, then requests in order. In paths, headers and
bodies `${name}` is a variable: the paths below, a media type, or what was saved of an earlier answer (`@Header`, or the
keys that lead to a value). Of an answer, `code` must be equal, `headers` and `body` must hold what is named: of objects
each key named, of lists each item, in number and order; a string `~text` means: contains text; `null` means: absent or
null. `watch` is the events of a stream, in order.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.integration.apiserver.conftest import GROUP_PATH, Http, experiment

DEADLINE_S = 10.0
_VARIABLES = {
    "B": GROUP_PATH,
    "E": f"{GROUP_PATH}/namespaces/default/experiments",
    "TABLE": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,"
    "application/json",
    "ANY": "application/json, */*",
    "PROTOBUF": "application/vnd.kubernetes.protobuf,application/json",
    "AGGREGATED": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
    "OPENAPI_V2": "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
}


@dataclass(frozen=True)
class Recorded:
    """One operation of one client."""

    operation: str
    requests: list[dict[str, Any]]
    given: list[Any] = field(default_factory=list)


def rows(path: Path) -> list[Recorded]:
    """The operations of a file. Times stay text, as in JSON."""
    return [Recorded(**item) for item in yaml.load(path.read_text(encoding="utf-8"), _Json)]


class _Json(yaml.SafeLoader):
    """YAML without timestamps."""


_Json.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Runner:
    """Runs one row against a server."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._saved: dict[str, str] = {}

    async def run(self, row: Recorded) -> None:
        """Make what is given, send the requests. Raises AssertionError where an answer is another one."""
        for item in row.given:
            wire = experiment(item) if isinstance(item, str) else {**experiment(item["metadata"]["name"]), **item}
            path = "/api/v1/namespaces" if wire["kind"] == "Namespace" else _VARIABLES["E"]
            made = await self._http("POST", path, wire)
            assert made.code == 201, made.body
            self._saved[f"uid of {made.body['metadata']['name']}"] = made.body["metadata"]["uid"]
        for number, request in enumerate(row.requests):
            await self._one(request, f"{row.operation}, request {number}: {request['send']}")

    async def _one(self, request: dict[str, Any], what: str) -> None:
        method, _, path = self._filled(request["send"]).partition(" ")
        headers = {"Authorization": f"Bearer {self._http.server.token}", "User-Agent": "kubectl/v1.32.5 (linux/amd64)"}
        headers |= {name: self._filled(value) for name, value in request.get("headers", {}).items()}
        data = self._body(request, headers)
        wanted = request.get("answer", {})
        async with (
            asyncio.timeout(DEADLINE_S),
            self._http.session.request(method, self._http.server.url + path, data=data, headers=headers) as got,
        ):
            if "watch" in wanted:
                assert got.status == 200, f"{what}: {await got.text()}"
                for number, event in enumerate(wanted["watch"]):
                    line = await got.content.readline()
                    assert line, f"{what}: the stream ended before event {number}"
                    self._hold(json.loads(line), event, f"{what}, event {number}")
                return
            body = await self._read(got)
            assert got.status == wanted.get("code", 200), f"{what}: {got.status} {body}"
            for name, value in wanted.get("headers", {}).items():
                self._hold(got.headers.get(name), value, f"{what}, header {name}")
            if "body" in wanted:
                self._hold(body, wanted["body"], what)
            for name, where in request.get("save", {}).items():
                self._saved[name] = got.headers[where[1:]] if where.startswith("@") else str(_at(body, where))

    def _body(self, request: dict[str, Any], headers: dict[str, str]) -> bytes | None:
        if "hex" in request:
            return bytes.fromhex("".join(request["hex"].split()))
        if "body" not in request:
            return None
        headers.setdefault("Content-Type", "application/json")
        return self._filled(json.dumps(self._wire(request["body"]))).encode()

    def _wire(self, body: Any) -> Any:
        """`{experiment: NAME, …}` is a whole experiment with the rest laid over it."""
        if isinstance(body, dict) and "experiment" in body:
            rest = {key: value for key, value in body.items() if key != "experiment"}
            whole = experiment(body["experiment"])
            return whole | rest | {"metadata": whole["metadata"] | rest.get("metadata", {}),
                                   "spec": whole["spec"] | rest.get("spec", {})}  # fmt: skip
        return body

    async def _read(self, got: aiohttp.ClientResponse) -> Any:
        data = await got.read()
        return json.loads(data) if "json" in got.headers.get("Content-Type", "") and data else data.decode("latin-1")

    def _filled(self, text: str) -> str:
        known = _VARIABLES | self._saved
        return re.sub(r"\$\{([^}]+)\}", lambda found: known[found[1]], text)

    def _hold(self, found: Any, wanted: Any, what: str) -> None:
        match wanted:
            case dict():
                assert isinstance(found, dict), f"{what}: {found!r}"
                for key, value in wanted.items():
                    self._hold(found.get(key), value, f"{what}: {key}")
            case list():
                assert isinstance(found, list), f"{what}: {found!r}"
                assert len(found) == len(wanted), f"{what}: {len(found)} items: {found!r}"
                for number, value in enumerate(wanted):
                    self._hold(found[number], value, f"{what}: [{number}]")
            case str() if wanted.startswith("~"):
                assert self._filled(wanted[1:]) in str(found), f"{what}: {found!r} has no {wanted[1:]!r}"
            case str():
                assert found == self._filled(wanted), f"{what}: {found!r}"
            case _:
                assert found == wanted, f"{what}: {found!r}"


def _at(body: Any, path: str) -> Any:
    for part in path.split():
        body = body[int(part)] if isinstance(body, list) else body[part]
    return body
