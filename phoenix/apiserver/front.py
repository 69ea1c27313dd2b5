"""One connection, as long as it carries plain requests: reads them, has them answered one by one, writes the answers.

Why not aiohttp for everything: a request through its parser, writer and two tasks costs what validating an object does.
Why not this for everything: watches, WebSockets, chunked bodies, other versions of HTTP and all that is improper are
done well there. The first request that is not plain takes its connection to aiohttp for good, with every byte not yet
answered. Handlers see no difference: a request is aiohttp's own, with its body already read.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import lru_cache
from typing import Any, Protocol, cast
from urllib.parse import unquote

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion11
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler

from phoenix.apimachinery.errors import InternalError
from phoenix.apiserver.http1 import Head, Unready, answer_head, read_head, target_url
from phoenix.apiserver.responses import error_response

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_LOGGER = logging.getLogger(__name__)
MAX_BODY_BYTES = 256 << 10
"""Larger bodies go to aiohttp, which reads them only as fast as a handler that let the client in wants them."""
_MAX_WAITING_BYTES = 512 << 10  # of a client that sends on before it is answered; then it is not read from
_JOINED_BYTES = 64 << 10  # a body up to this is copied behind its head: one write


class Owner(Protocol):
    """What a connection needs of the server it belongs to."""

    handler: Handler

    def hand_over(self, front: Front) -> RequestHandler:
        """aiohttp's protocol for the connection, which is the front's no more."""
        ...

    def joined(self, front: Front) -> None:
        """A connection is open."""
        ...

    def left(self, front: Front) -> None:
        """It is closed."""
        ...


class PlainRequest(web.BaseRequest):
    """aiohttp's request, its body here. It cannot be answered in pieces: see `is_streamed`."""

    def __init__(self, head: Head, body: bytes, front: Front, loop: asyncio.AbstractEventLoop) -> None:
        block = head.block
        message = RawRequestMessage(
            head.method, head.path, HttpVersion11, block.headers, block.raw, block.close, None, False, False,
            target_url(head.path),
        )  # fmt: skip
        connection = cast(RequestHandler, front)  # for the peer's address and TLS only
        super().__init__(message, EMPTY_PAYLOAD, connection, _NO_WRITER, cast(Any, None), loop)
        self._body = body

    async def read(self) -> bytes:
        """The body; empty where there is none."""
        return self._body

    @property
    def body_exists(self) -> bool:
        """Whether the client sent a body."""
        return bool(self._body)

    @property
    def can_read_body(self) -> bool:
        """Whether the client sent a body; it can be read more than once."""
        return bool(self._body)


def is_streamed(head: Head) -> bool:
    """Whether the answer may come in pieces: watches (chunked or as server-sent events) and logs."""
    return head.method == "GET" and (head.block.accepts_stream or _asks_for_stream(head.path))


@lru_cache(maxsize=1024)
def _asks_for_stream(target: str) -> bool:
    path, _, query = (unquote(target) if "%" in target else target).partition("?")
    return "watch" in query or "follow" in query or path.rstrip("/").endswith("/log")


class _NoWriter(AbstractStreamWriter):
    """Says what to do where a handler streams an answer to a request that was taken for a plain one."""

    async def _refuse(self, *_: Any, **__: Any) -> None:
        msg = "this answer is sent in pieces, but its request was taken as plain: name it in front.is_streamed"
        raise RuntimeError(msg)

    write = write_eof = drain = write_headers = _refuse

    def enable_compression(self, encoding: str = "deflate", strategy: int | None = None) -> None:
        """Never reached: headers are refused before."""

    def enable_chunking(self) -> None:
        """Never reached: headers are refused before."""

    def send_headers(self) -> None:
        """Never reached: headers are refused before."""


_NO_WRITER = _NoWriter()


class Front(asyncio.Protocol):
    """A connection's protocol until something other than a plain request comes.

    Guarantees: answers are in the order of requests, one is worked on at a time. Bounded: unread input
    (_MAX_WAITING_BYTES, then the client is not read from), unsent output (one answer; the next request waits).
    A handler is cancelled when its client goes away.
    """

    __slots__ = ("_blocked", "_closing", "_loop", "_need", "_owner", "_paused", "_task", "_waiting", "active_s",
                 "peername", "sockname", "ssl_context", "transport", "unsent_bytes")  # fmt: skip

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop) -> None:
        self._owner = owner
        self._loop = loop
        self.transport: asyncio.Transport | None = None
        self._waiting = bytearray()  # came, but its turn has not
        self._need = 0  # bytes there must be before it is worth looking again
        self._task: asyncio.Task[None] | None = None
        self._paused = self._blocked = self._closing = False
        self.active_s = 0.0
        self.unsent_bytes = 0
        # What aiohttp's request asks its connection for: the TLS context (or None), the client's address and ours.
        self.ssl_context: Any = None
        self.peername: Any = None
        self.sockname: Any = None

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self.transport = cast(asyncio.Transport, transport)
        self.active_s = self._loop.time()
        extra = transport.get_extra_info
        self.ssl_context, self.peername, self.sockname = extra("sslcontext"), extra("peername"), extra("sockname")
        found = extra("socket")
        if found is not None and found.family in (socket.AF_INET, socket.AF_INET6):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._owner.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: so is its request."""
        self.transport = None
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
        self._owner.left(self)

    def pause_writing(self) -> None:
        """The client does not take its answer: no other is begun."""
        self._blocked = True

    def resume_writing(self) -> None:
        """The answer is on its way."""
        self._blocked = False
        self._go_on()

    def data_received(self, data: bytes) -> None:
        """Some bytes of one or more requests."""
        if self._closing:
            return
        if self._task is None and not self._blocked and not self._waiting:
            self._take(data)
            return
        self._waiting += data
        if self._task is None and not self._blocked:
            if len(self._waiting) >= self._need:
                self._go_on()
        elif len(self._waiting) > _MAX_WAITING_BYTES and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()

    def _go_on(self) -> None:
        """Turn to what has come meanwhile."""
        if self._task is not None or self._blocked or self.transport is None:
            return
        if self._paused and len(self._waiting) <= _MAX_WAITING_BYTES // 2:
            self._paused = False
            self.transport.resume_reading()
        if self._waiting:
            data = bytes(self._waiting)
            self._waiting.clear()
            self._take(data)

    def _take(self, data: bytes) -> None:
        """Begin with the request at the head of `data`, keep the rest."""
        head = read_head(data)
        if isinstance(head, Unready):
            if head is Unready.NOT_PLAIN:
                self._hand_over(data)
            else:
                self._wait_for(data, len(data) + 1)
            return
        end = head.size + head.block.length
        whole = len(data) >= end
        if head.block.expects and not whole:
            assert self.transport is not None
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if head.block.length > MAX_BODY_BYTES or is_streamed(head):
            self._hand_over(data)
        elif not whole:
            self._wait_for(data, end)
        else:
            if len(data) > end:
                self._waiting += data[end:]
                self._need = 0
            request = PlainRequest(head, data[head.size : end], self, self._loop)
            self._task = self._loop.create_task(self._serve(request, close=head.block.close))

    def _wait_for(self, data: bytes, need: int) -> None:
        self._waiting += data
        self._need = need

    def _hand_over(self, data: bytes) -> None:
        transport = self.transport
        assert transport is not None
        if self._paused:
            self._paused = False
            transport.resume_reading()
        protocol = self._owner.hand_over(self)
        self.transport = None
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(data)

    # Answering.

    async def _serve(self, request: PlainRequest, *, close: bool) -> None:
        try:
            response = await self._owner.handler(request)
            if not isinstance(response, web.Response):
                msg = f"{type(response).__name__} was returned for a plain request: see front.is_streamed"
                raise TypeError(msg)
            self._write(response, close=close)
        except Exception:  # the handler answers its own errors: this one is a defect
            _LOGGER.exception("request failed outside its handler method=%s", request.method)
            self._write(
                error_response(InternalError("the server failed on this request; its log says why")), close=True
            )
        finally:
            self._task = None
        self.active_s = self._loop.time()
        if self._closing and self.transport is not None:
            self.transport.close()
        else:
            self._go_on()

    def _write(self, response: web.Response, *, close: bool) -> None:
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        body = response.body or b""
        if not isinstance(body, bytes):
            body = bytes(cast(bytearray, body))
        self._closing = self._closing or close or response.keep_alive is False
        date = _http_date(int(time.time()))
        head = answer_head(response.status, response.headers.items(), len(body), date=date, close=self._closing)
        if len(body) <= _JOINED_BYTES:
            transport.write(head + body)
        else:
            transport.writelines((head, body))

    def stop(self) -> asyncio.Task[None] | None:
        """Take no more requests; close at once where none is worked on, else return its task, which will close."""
        self._closing = True
        if self._task is None and self.transport is not None:
            self.transport.close()
        return self._task

    def is_idle(self, now_s: float, limit_s: float) -> bool:
        """Whether a client has neither asked nor taken anything for longer than the limit (seconds of the loop)."""
        if self._task is not None or self.transport is None:
            return False
        unsent = self.transport.get_write_buffer_size()
        if unsent != self.unsent_bytes:
            self.unsent_bytes, self.active_s = unsent, now_s
        return now_s - self.active_s > limit_s

    def abort(self) -> None:
        """Drop the connection."""
        if self.transport is not None:
            self.transport.abort()


@lru_cache(maxsize=4)
def _http_date(unix_s: int) -> str:
    """The Date of answers in this second."""
    return formatdate(unix_s, usegmt=True)
