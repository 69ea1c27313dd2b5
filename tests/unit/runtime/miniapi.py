"""A real, small API over aiohttp, in memory, that tests can make misbehave: what the client and the runtime meet
when the server expires versions, closes streams, answers nonsense or goes away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from phoenix.apimachinery.errors import AlreadyExists, ApiError, Conflict, Expired, NotFound
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient

Wire = dict[str, Any]


def merge(live: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(live) if isinstance(live, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


class MiniApi:
    def __init__(self) -> None:
        self.objects: dict[str, Wire] = {}
        self.history: list[tuple[int, str, Wire]] = []
        self.version = 0
        self.oldest = 0
        self.requests: list[tuple[str, str]] = []
        self.changed = asyncio.Event()
        self.streams: set[asyncio.Event] = set()
        self.before: Callable[[web.Request], Awaitable[web.StreamResponse | None]] | None = None
        self.url = ""

    # ---- the world as tests change it -------------------------------------------------------------------------------

    def put(self, path: str, wire: Wire) -> Wire:
        self.version += 1
        given = {key: value for key, value in wire["metadata"].items() if value != ""}
        kind = "MODIFIED" if path in self.objects else "ADDED"
        meta = {"uid": f"uid-{self.version}"} | self.objects.get(path, {}).get("metadata", {}) | given
        wire = wire | {"metadata": meta | {"resourceVersion": str(self.version)}}
        if meta.get("deletionTimestamp") and not meta.get("finalizers"):
            return self.remove(path)
        self.objects[path] = wire
        self._record(kind, wire)
        return wire

    def remove(self, path: str) -> Wire:
        self.version += 1
        wire = self.objects.pop(path)
        wire = wire | {"metadata": wire["metadata"] | {"resourceVersion": str(self.version)}}
        self._record("DELETED", wire)
        return wire

    def expire(self) -> None:
        """Forget the history; watches that are open end, those that come back are Expired."""
        self.history.clear()
        self.oldest = self.version
        self.cut()

    def cut(self) -> None:
        """Close every stream."""
        for stream in self.streams:
            stream.set()
        self._wake()

    def _record(self, kind: str, wire: Wire) -> None:
        self.history.append((self.version, kind, wire))
        self._wake()

    def _wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    # ---- routes -----------------------------------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path_qs))
        try:
            if self.before is not None and (answer := await self.before(request)) is not None:
                return answer
            if request.query.get("watch"):
                return await self._watch(request)
            return web.json_response(await self._verb(request), status=201 if request.method == "POST" else 200)
        except ApiError as error:
            return web.json_response(error.to_status(), status=error.code)

    async def _verb(self, request: web.Request) -> Wire:
        path = request.path.removesuffix("/status")
        body = await request.json() if request.can_read_body else {}
        if request.method == "POST":
            path = f"{path}/{body['metadata']['name']}"
            if path in self.objects:
                raise AlreadyExists("it is there")
            return self.put(path, body)
        if request.method == "GET" and path not in self.objects:
            items = [wire for at, wire in sorted(self.objects.items()) if _within(path, at)]
            if not items and path.rsplit("/", 1)[0].endswith(("hosts", "events", "experiments")):
                raise NotFound("no such object", name=path.rsplit("/", 1)[1])
            return {"kind": "List", "metadata": {"resourceVersion": str(self.version)}, "items": items}
        if path not in self.objects:
            raise NotFound("no such object", name=path.rsplit("/", 1)[1])
        live = self.objects[path]
        match request.method:
            case "GET":
                return live
            case "DELETE":
                if live["metadata"].get("finalizers"):
                    return self.put(path, merge(live, {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}))
                return self.remove(path)
            case "PUT":
                wanted = body
            case _:
                wanted = merge(live, body)
        for field in ("resourceVersion", "uid"):
            if wanted["metadata"][field] != live["metadata"][field]:
                raise Conflict("the object has been modified")
        return live if wanted == live else self.put(path, wanted)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        version = int(request.query.get("resourceVersion") or 0)
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        if version < self.oldest:
            await answer.write(json.dumps({"type": "ERROR", "object": Expired("too old").to_status()}).encode() + b"\n")
            return answer
        stop = asyncio.Event()
        self.streams.add(stop)
        try:
            while not stop.is_set():
                changed = self.changed
                for at, kind, wire in [entry for entry in self.history if entry[0] > version]:
                    version = at
                    if _within(request.path, _path_of(wire)):
                        await answer.write(json.dumps({"type": kind, "object": wire}).encode() + b"\n")
                bookmark = {"kind": "Host", "metadata": {"resourceVersion": str(version)}}
                await answer.write(json.dumps({"type": "BOOKMARK", "object": bookmark}).encode() + b"\n")
                await changed.wait()
        finally:
            self.streams.discard(stop)
        return answer


def _within(collection: str, path: str) -> bool:
    plural = collection.rsplit("/", 1)[1]
    return path.startswith(collection + "/") or (
        "/namespaces/" not in collection and path.startswith(collection.removesuffix(plural)) and f"/{plural}/" in path
    )


def _path_of(wire: Wire) -> str:
    meta = wire["metadata"]
    plural, base = wire["kind"].lower() + "s", wire["apiVersion"]
    root = f"/apis/{base}" if "/" in base else f"/api/{base}"
    namespace = f"/namespaces/{meta['namespace']}" if meta.get("namespace") else ""
    return f"{root}{namespace}/{plural}/{meta['name']}"


@asynccontextmanager
async def serve(api: MiniApi, *, port: int = 0) -> AsyncIterator[MiniApi]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield api
    finally:
        api.cut()
        await runner.cleanup()


@asynccontextmanager
async def api_and_client() -> AsyncIterator[tuple[MiniApi, HttpClient]]:
    async with serve(MiniApi()) as api, HttpClient(ClientConfig(api.url, token="secret")) as client:
        yield api, client


async def eventually(holds: Callable[[], object], *, deadline_s: float = 5.0) -> None:
    """Wait until it holds; fails at the deadline."""
    async with asyncio.timeout(deadline_s):
        while not holds():  # noqa: ASYNC110 - the world has no event for it
            await asyncio.sleep(0.002)


HOSTS = "/apis/phoenix.io/v1alpha1/hosts"


def host(name: str, *, labels: dict[str, str] | None = None, owner_uid: str = "", **spec: Any) -> Wire:
    owners = [
        {"apiVersion": "phoenix.io/v1alpha1", "kind": "Host", "name": "owner", "uid": owner_uid, "controller": True}
    ]
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Host",
        "metadata": {"name": name, "labels": labels or {}, "ownerReferences": owners if owner_uid else []},
        "spec": spec,
        "status": {},
    }
