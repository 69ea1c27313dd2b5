"""The Client protocol over HTTP, and the raw verbs the command line needs.

Typed verbs take and give models; `raw_*` verbs take and give what is on the wire (objects, Tables), for callers that
show or pass on what they do not understand. Both raise the same errors.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import orjson
from pydantic import ValidationError

from phoenix.api.experiment import Experiment
from phoenix.apimachinery.conditions import parse_timestamp
from phoenix.apimachinery.errors import from_status
from phoenix.apimachinery.meta import KindInfo, Resource
from phoenix.client.config import ClientConfig
from phoenix.client.errors import Undecodable
from phoenix.client.interface import Client, ListResult, TokenGrant, WatchEvent
from phoenix.client.ndjson import LineTooLong, lines
from phoenix.client.serverside import ServerApplied, server_side_apply
from phoenix.client.transport import Response, Transport, decode
from phoenix.samples.model import SAMPLES, Sample, SampleBatch, SampleKind

R = TypeVar("R", bound=Resource)

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
TABLE_ACCEPT = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
_WATCH_TIMEOUT_S = 300
_WATCH_GRACE_S = 30  # a stream the server has not closed by then is half open: its other end is gone
_SAMPLES_PER_REQUEST = 5_000
_ITEMS_A_TURN = 100


class HttpClient:
    """`phoenix.client.interface.Client` over HTTP(S). Close it, or use it as an async context manager.

    Args:
        config: address and credentials.
        user_agent: names the program: `phoenix-controllers`; the server's field manager of its writes.
        timeout_s: longest wait for an answer, seconds (watches have none).
        on_warning: gets each warning the server sends with an answer.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        user_agent: str = "phoenix",
        timeout_s: float = 30.0,
        on_warning: Callable[[str], None] | None = None,
    ) -> None:
        self._transport = Transport(config, user_agent=user_agent, timeout_s=timeout_s, on_warning=on_warning)

    @property
    def server(self) -> str:
        """Base URL of the server spoken to."""
        return self._transport.config.server

    async def close(self) -> None:
        """Close every connection; watches still open end with Unavailable."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # ---- typed verbs: see phoenix.client.interface.Client -----------------------------------------------------------

    async def get(self, kind: type[R], name: str, namespace: str = "") -> R:
        """Raises NotFound."""
        return self._object(kind, await self.raw_get(kind.info, name, namespace))

    async def list(
        self, kind: type[R], namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> ListResult[R]:
        """A consistent list."""
        wire = await self.raw_list(kind.info, namespace, label_selector=label_selector, field_selector=field_selector)
        items: list[R] = []
        for number, item in enumerate(wire.get("items") or (), start=1):
            items.append(self._object(kind, item))
            if number % _ITEMS_A_TURN == 0:
                await asyncio.sleep(0)  # thousands of models would block the loop for a second
        return ListResult(items, str((wire.get("metadata") or {}).get("resourceVersion", "")))

    async def watch(
        self,
        kind: type[R],
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
    ) -> AsyncGenerator[WatchEvent[R], None]:
        """See Client.watch."""
        events = self.raw_watch(
            kind.info,
            namespace,
            resource_version=resource_version,
            label_selector=label_selector,
            field_selector=field_selector,
        )
        async with aclosing(events):
            async for event in events:
                wire = event["object"]
                version = str((wire.get("metadata") or {}).get("resourceVersion", ""))
                known = None if event["type"] == "BOOKMARK" else self._object(kind, wire)
                yield WatchEvent(type=event["type"], object=known, resource_version=version)

    async def create(self, obj: R) -> R:
        """Raises AlreadyExists, Invalid."""
        wire = await self.raw_create(obj.info, obj.to_wire(), obj.metadata.namespace)
        return self._object(type(obj), wire)

    async def update(self, obj: R) -> R:
        """Raises Conflict, NotFound, Invalid."""
        return await self._put(obj, "")

    async def update_status(self, obj: R) -> R:
        """Raises Conflict, NotFound."""
        return await self._put(obj, "status")

    async def _put(self, obj: R, subresource: str) -> R:
        path = obj.info.path(obj.metadata.namespace, obj.metadata.name, subresource)
        return self._object(type(obj), await self._send("PUT", path, obj.to_wire()))

    async def patch(
        self, kind: type[R], name: str, namespace: str, patch: Mapping[str, Any], *, subresource: str = ""
    ) -> R:
        """JSON merge patch. Raises Conflict, NotFound, Invalid."""
        return self._object(kind, await self.raw_patch(kind.info, name, namespace, patch, subresource=subresource))

    async def delete(
        self, kind: type[R], name: str, namespace: str = "", *, uid: str = "", propagation: str = "Background"
    ) -> None:
        """Raises NotFound, Conflict (uid differs)."""
        await self.raw_delete(kind.info, name, namespace, uid=uid, propagation=propagation)

    async def server_side_apply(
        self,
        obj: Mapping[str, Any] | Resource,
        *,
        field_manager: str,
        force: bool = False,
        dry_run: bool = False,
        namespace: str = "default",
        subresource: str = "",
        field_validation: str = "Strict",
    ) -> ServerApplied:
        """Create the object, or lay what `obj` says over it; what this manager applied before and leaves out now goes.

        Args:
            obj: a manifest, or a model, of which only what was set is applied.
            field_manager: who applies; owns what is applied.
            force: take over what other managers own instead of raising Conflict.
            namespace: where namespaced objects go that name none.

        Raises:
            Conflict: others own what this would change: a cause a field, reason FieldManagerConflict.
            BadRequest, Invalid: the manifest is wrong.
        """
        return await server_side_apply(
            self, obj, field_manager=field_manager, force=force, dry_run=dry_run, namespace=namespace,
            subresource=subresource, field_validation=field_validation,
        )  # fmt: skip

    async def request_token(self, kind: type[R], name: str, namespace: str = "", *, uid: str = "") -> TokenGrant:
        """See Client.request_token."""
        spec = {"boundObjectRef": {"kind": kind.info.kind, "name": name, "uid": uid}} if uid else {}
        status = (await self._send("POST", kind.info.path(namespace, name, "token"), {"spec": spec}))["status"]
        ends = status.get("expirationTimestamp")
        return TokenGrant(status["token"], parse_timestamp(ends) if ends else None)

    async def post_samples(self, namespace: str, experiment: str, samples: Sequence[Sample]) -> None:
        """Report measurements; more than one request's worth goes in several."""
        path = _samples_path(namespace, experiment)
        for start in range(0, len(samples), _SAMPLES_PER_REQUEST):
            batch = SampleBatch(samples=list(samples[start : start + _SAMPLES_PER_REQUEST]))
            answer = await self.request(
                "POST", path, body=orjson.dumps(batch.to_wire()), headers={"Content-Type": JSON}
            )
            if answer.status >= 400:
                decode(answer, self.server)

    async def list_samples(
        self, namespace: str, experiment: str, *, run: int, kind: SampleKind | None = None, since: int = 0
    ) -> Sequence[Sample]:
        """Samples of a run, ordered by window_start."""
        params = {"run": str(run)} | ({"kind": kind.value} if kind else {}) | ({"since": str(since)} if since else {})
        answer = await self.request("GET", _samples_path(namespace, experiment), params=params)
        try:
            # NB: in a thread, as a whole run takes some 50 ms to read.
            return await asyncio.to_thread(_samples_of, answer, self.server)
        except (ValidationError, KeyError, TypeError) as error:
            msg = f"{self.server} answered samples that cannot be read: {error}"
            raise Undecodable(msg) from error

    # ---- raw verbs: what is on the wire -----------------------------------------------------------------------------

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Any request, its answer as it came, whatever its status. Raises Unavailable."""
        return await self._transport.request(method, path, body=body, params=params, headers=headers)

    async def raw_get(self, info: KindInfo, name: str, namespace: str = "", *, table: bool = False) -> dict[str, Any]:
        """An object, or with `table` a `Table` of one row. Raises NotFound."""
        answer = await self.request("GET", info.path(namespace, name), headers=_accept(table))
        return self._mapping(answer)

    async def raw_list(
        self,
        info: KindInfo,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        table: bool = False,
    ) -> dict[str, Any]:
        """A `…List` or `Table`; `metadata.resourceVersion` is where to watch from."""
        params = _selectors(label_selector, field_selector)
        answer = await self.request("GET", info.path(namespace), params=params, headers=_accept(table))
        return self._mapping(answer)

    async def raw_watch(
        self,
        info: KindInfo,
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        table: bool = False,
        timeout_s: int = _WATCH_TIMEOUT_S,
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Events `{"type", "object"}` as they come, BOOKMARKs included. Close with `aclosing`.

        Ends when the server closes the stream, which it does after `timeout_s` seconds at the latest. An ERROR event
        is raised as the exception its Status stands for (410: Expired).
        """
        params = _selectors(label_selector, field_selector) | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(timeout_s),
        }
        if resource_version:
            params["resourceVersion"] = resource_version
        path = info.path(namespace)
        longest_s = timeout_s + _WATCH_GRACE_S
        async with self._transport.stream(path, params=params, headers=_accept(table), timeout_s=longest_s) as chunks:
            received = lines(chunks)
            async with aclosing(received):
                try:
                    async for line in received:
                        yield self._event(line)
                except LineTooLong as error:
                    raise Undecodable(f"{self.server}{path}: {error}") from error

    async def raw_log(
        self, info: KindInfo, name: str, namespace: str, *, follow: bool = False, tail_lines: int | None = None
    ) -> AsyncGenerator[str, None]:
        """Lines of a process's log (empty ones left out); with `follow` until its object is gone or the server ends it.

        Close with `aclosing`. Raises NotFound (also: it has not started), Unavailable when the connection breaks.
        """
        params = {"follow": "true"} if follow else {}
        if tail_lines is not None:
            params["tailLines"] = str(tail_lines)
        path = info.path(namespace, name, "log")
        async with self._transport.stream(path, params=params) as chunks:
            received = lines(chunks)
            async with aclosing(received):
                try:
                    async for line in received:
                        yield line.decode(errors="replace")
                except LineTooLong as error:
                    raise Undecodable(f"{self.server}{path}: {error}") from error

    async def raw_create(
        self, info: KindInfo, wire: Mapping[str, Any], namespace: str = "", *, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Create; the object as stored. Raises AlreadyExists, Invalid."""
        return await self._send("POST", info.path(namespace), wire, params=params)

    async def raw_patch(
        self,
        info: KindInfo,
        name: str,
        namespace: str,
        patch: Mapping[str, Any],
        *,
        subresource: str = "",
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """JSON merge patch; the object as stored. Raises Conflict, NotFound, Invalid."""
        path = info.path(namespace, name, subresource)
        return await self._send("PATCH", path, patch, content_type=MERGE_PATCH, params=params)

    async def raw_delete(
        self,
        info: KindInfo,
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        propagation: str = "Background",
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Delete; a Status when it is gone, the object while finalizers hold it. Raises NotFound, Conflict."""
        options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if uid:
            options["preconditions"] = {"uid": uid}
        return await self._send("DELETE", info.path(namespace, name), options, params=params)

    async def _send(
        self,
        method: str,
        path: str,
        wire: Mapping[str, Any],
        *,
        content_type: str = JSON,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        headers = {"Content-Type": content_type, "Accept": JSON}
        answer = await self.request(method, path, body=orjson.dumps(wire), params=params, headers=headers)
        return self._mapping(answer)

    def _mapping(self, answer: Response) -> dict[str, Any]:
        wire = decode(answer, self.server)
        if not isinstance(wire, dict):
            msg = f"{self.server} answered a {type(wire).__name__} where an object was expected"
            raise Undecodable(msg)
        return wire

    def _event(self, line: bytes) -> dict[str, Any]:
        try:
            event = orjson.loads(line)
            kind, wire = event["type"], event["object"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise Undecodable(f"{self.server} sent a watch line that is no event: {line[:200]!r}") from error
        if kind == "ERROR":
            raise from_status(wire, http_code=int(wire.get("code", 500)))
        return {"type": kind, "object": wire}

    def _object(self, kind: type[R], wire: Mapping[str, Any]) -> R:
        try:
            return kind.from_stored(wire)
        except ValidationError as error:
            name = (wire.get("metadata") or {}).get("name", "")
            msg = f"{self.server} sent {kind.info.singular}/{name}, which this version cannot read: {error}"
            raise Undecodable(msg, name=name) from error


def _samples_of(answer: Response, server: str) -> list[Sample]:
    # NB: not SampleBatch, whose limit is on what one request may carry.
    return SAMPLES.validate_python(decode(answer, server)["samples"])


def _samples_path(namespace: str, experiment: str) -> str:
    return Experiment.info.path(namespace, experiment, "samples")


def _accept(table: bool) -> dict[str, str]:
    return {"Accept": TABLE_ACCEPT if table else JSON}


def _selectors(label_selector: str, field_selector: str) -> dict[str, str]:
    params = {"labelSelector": label_selector, "fieldSelector": field_selector}
    return {key: value for key, value in params.items() if value}


if TYPE_CHECKING:
    _conforms: type[Client] = HttpClient
