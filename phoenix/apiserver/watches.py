"""One watch request from its first byte to its last: initial state or history, then live, then a clean end.

The same events go over chunked HTTP, as lines or, where the client accepts `text/event-stream`, as server-sent events;
and, where the request asks to upgrade, over a WebSocket (one event a message).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

import orjson
from aiohttp import WSMsgType, web

from phoenix.apimachinery.errors import ApiError, BadRequest, Expired
from phoenix.apiserver.events import Change, Form, bookmark_line, error_line, event_line, shaped
from phoenix.apiserver.fanout import BEHIND, Fanout, Scope, Watcher
from phoenix.apiserver.framing import HEARTBEAT, Framing, frame
from phoenix.apiserver.lists import Lister
from phoenix.apiserver.negotiate import EVENT_STREAM
from phoenix.apiserver.options import ListOptions
from phoenix.apiserver.selection import parse_selection
from phoenix.apiserver.target import Target
from phoenix.store.interface import Compacted, Store

_SLICE = 256  # lines sent between two looks at whether the client keeps up
_HEARTBEAT_S = 30.0  # a WebSocket client that does not answer a ping within half of it is gone
_CLOSE_S = 1.0  # time a WebSocket client has to answer our close
_HTTP_1_1 = (1, 1)


class _Connection(Protocol):
    """Where a watch's lines go before it joins its group."""

    async def send(self, lines: Sequence[bytes]) -> None:
        """Write lines and wait until the client takes them."""
        ...

    async def live(self, ended: asyncio.Future[str], timeout_s: float) -> None:
        """Wait for the end of the watch: told so, timed out, or closed by the client."""
        ...


class _Chunked:
    def __init__(self, response: web.StreamResponse) -> None:
        self._response = response

    async def send(self, lines: Sequence[bytes]) -> None:
        await self._response.write(b"".join(lines))

    async def live(self, ended: asyncio.Future[str], timeout_s: float) -> None:
        await asyncio.wait({ended}, timeout=timeout_s)  # a client that goes away cancels the handler


class _WebSocket:
    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket

    async def send(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            await self._socket.send_frame(line, WSMsgType.TEXT)

    async def live(self, ended: asyncio.Future[str], timeout_s: float) -> None:
        reader = asyncio.create_task(self._read(), name="apiserver-watch-reader")
        try:
            waits: set[asyncio.Future[Any]] = {ended, reader}
            await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reader.cancel()
            await asyncio.wait([reader])

    async def _read(self) -> None:
        async for _ in self._socket:  # nothing is expected; pings and the close are answered meanwhile
            pass


@dataclass(frozen=True, slots=True)
class _Start:
    """Where a watch begins: after a revision (None: now), and whether with what is there."""

    target: Target
    after: int | None
    initial: bool


class Watches:
    """Serves watches.

    Args:
        timeout_s: length of a watch that names none.
    """

    def __init__(
        self, store: Store, fanout: Fanout, lister: Lister, *, now: Callable[[], datetime], timeout_s: float
    ) -> None:
        self._store = store
        self._fanout = fanout
        self._lister = lister
        self._now = now
        self._timeout_s = timeout_s

    async def serve(
        self, request: web.BaseRequest, target: Target, options: ListOptions, form: Form, *, event_stream: bool = False
    ) -> web.StreamResponse:
        """Stream events until the watch times out, the client goes, or the server stops.

        Raises (before anything is sent):
            BadRequest: selectors or resourceVersion cannot be read.
            ServerTimeout: the resourceVersion is not written yet.
        """
        selection = parse_selection(target.kind, options.label_selector, options.field_selector)
        start = options.resource_version
        after = self._lister.check_version(start) if start not in ("", "0") else None
        initial = after is None if options.initial is None else options.initial
        upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
        framing = Framing.WEBSOCKET if upgrade else Framing.EVENT_STREAM if event_stream else Framing.CHUNKED
        scope = Scope(target.kind, target.prefix, selection, form, framing, options.bookmarks)
        response, connection = await _open(request, framing)
        try:
            await self._run(request, connection, scope, _Start(target, after, initial=initial), options)
        except ApiError as error:
            # An event stream's client would come back with what it has, for ever: it is told to begin anew.
            await connection.send([framing.record(error_line(error.to_status()), 0)])
        if isinstance(response, web.WebSocketResponse):
            await response.close()
        return response

    async def _run(
        self,
        request: web.BaseRequest,
        connection: _Connection,
        scope: Scope,
        start: _Start,
        options: ListOptions,
    ) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + (options.timeout_s or self._timeout_s)
        after = self._store.revision if start.after is None else start.after
        if start.initial:
            after = await self._send_present(connection, scope, start.target)
            if scope.bookmarks and (options.initial or scope.framing is Framing.EVENT_STREAM):
                end = bookmark_line(scope.kind, scope.form, after, initial_end=True)
                await connection.send([scope.framing.record(end, after)])
        after = await self._send_history(connection, scope, after)
        transport = request.transport
        if transport is None:
            return
        watcher = Watcher(transport, loop)
        try:
            # No await from here to the write: the watcher must get these lines before any flush.
            missed = self._fanout.join(scope, watcher, after)
            if missed:
                transport.write(missed)
            await connection.live(watcher.ended, max(0.0, until - loop.time()))
            if watcher.ended.done() and watcher.ended.result() == BEHIND:
                return  # a bookmark would tell the client that it has seen what it has not
            self._fanout.flush_scope(scope)
            if scope.bookmarks and not transport.is_closing():
                revision = self._fanout.revision
                last = scope.framing.record(bookmark_line(scope.kind, scope.form, revision), revision)
                transport.write(frame(scope.framing, [last]))
        finally:
            self._fanout.leave(scope, watcher)

    async def _send_present(self, connection: _Connection, scope: Scope, target: Target) -> int:
        """ADDED for what is there now; returns the revision that is."""
        revision = self._store.revision
        records = self._lister.select(target, scope.selection)
        lines = (
            event_line("ADDED", record.value if scope.form is Form.OBJECT else self._shaped(scope, record.value))
            for record in records
        )
        await _send_all(connection, (scope.framing.record(line, None) for line in lines))
        return revision

    def _shaped(self, scope: Scope, value: bytes) -> bytes:
        return shaped(scope.kind, scope.form, orjson.loads(value), self._now())

    async def _send_history(self, connection: _Connection, scope: Scope, after: int) -> int:
        """Events from the store until the fan-out has the rest; returns the revision reached. Raises Expired."""
        while True:
            await self._fanout.reach(after)
            if after >= self._fanout.floor:
                return after
            try:
                history = self._store.watch("/", after_revision=after)
            except Compacted as error:
                msg = f"too old resource version: {after} ({error.oldest}): list again, then watch from there"
                raise Expired(msg) from error
            try:
                async for batch in history:
                    changes = (Change(event) for event in batch if event.key.startswith(scope.prefix))
                    lines = (
                        scope.framing.record(
                            change.line(seen, scope.kind, scope.form, self._now()), change.event.revision
                        )
                        for change in changes
                        if (seen := change.seen_by(scope.selection)) is not None
                    )
                    await _send_all(connection, lines)
                    after = batch[-1].revision
                    break  # the first batch is all the history there was
            finally:
                history.close()


async def _open(request: web.BaseRequest, framing: Framing) -> tuple[web.StreamResponse, _Connection]:
    if framing is Framing.WEBSOCKET:
        socket = web.WebSocketResponse(compress=False, heartbeat=_HEARTBEAT_S, timeout=_CLOSE_S)
        if not socket.can_prepare(request):
            raise BadRequest("the WebSocket handshake is not complete: see RFC 6455")
        await socket.prepare(request)
        return socket, _WebSocket(socket)
    if request.version < _HTTP_1_1:
        raise BadRequest("a watch needs HTTP/1.1, which has chunks")
    content_type = EVENT_STREAM if framing is Framing.EVENT_STREAM else "application/json"
    response = web.StreamResponse(headers={"Content-Type": content_type, "Cache-Control": "no-cache, private"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    if framing is Framing.EVENT_STREAM:
        await response.write(HEARTBEAT)  # so that the client knows at once that it is connected
    return response, _Chunked(response)


async def _send_all(connection: _Connection, lines: Iterator[bytes]) -> None:
    while part := list(islice(lines, _SLICE)):
        await connection.send(part)
