"""The HTTP server under the app: our own front for plain requests, aiohttp for the rest, on one port.

`front.Front` has a connection first and hands it over to aiohttp where it is asked for more than plain requests. Both
call the same handler, with our body limit and our errors where no handler is reached.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from phoenix.apimachinery.errors import BadRequest, InternalError
from phoenix.apiserver.front import Front, Handler
from phoenix.apiserver.responses import error_response

IDLE_S = 75.0
"""A client that neither asks nor takes an answer for so long is let go."""
_SWEEP_S = 5.0


class _StatusErrors(RequestHandler):
    """Answers what is not HTTP with a Status too."""

    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer and close the connection."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already") from exc
        if status < 500:
            response = error_response(BadRequest(f"this is not a proper HTTP request: {message or exc}"))
        else:
            self.logger.error("request failed outside its handler", exc_info=exc)
            response = error_response(InternalError("the server failed on this request; its log says why"))
        response.force_close()
        return response


class ApiHttpServer(web.Server):
    """`web.Server` for the API. A handler is cancelled when its client goes away, else idle watches would stay.

    Args:
        idle_s: seconds after which a connection is closed on which nothing happens.
    """

    def __init__(self, handler: Handler, *, max_body_bytes: int, idle_s: float = IDLE_S) -> None:
        super().__init__(handler, request_factory=self._request, handler_cancellation=True)
        self.handler = handler
        self._max_body_bytes = max_body_bytes
        self._idle_s = idle_s
        self._kwargs = {"access_log": None, "keepalive_timeout": idle_s, "max_line_size": 32 << 10}
        self._fronts: dict[Front, None] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    def __call__(self) -> Any:
        """The protocol of one connection."""
        return Front(self, self._loop)

    def joined(self, front: Front) -> None:
        """A connection is open."""
        self._fronts[front] = None
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(min(_SWEEP_S, self._idle_s), self._sweep)

    def left(self, front: Front) -> None:
        """A connection is closed, or aiohttp's."""
        self._fronts.pop(front, None)

    def hand_over(self, front: Front) -> RequestHandler:
        """aiohttp's protocol for a connection."""
        self.left(front)
        return _StatusErrors(self, loop=self._loop, **self._kwargs)

    def _sweep(self) -> None:
        """Let go of clients that do nothing: one timer for all of them."""
        self._sweeper = None
        now_s = self._loop.time()
        for front in [front for front in self._fronts if front.is_idle(now_s, self._idle_s)]:
            front.abort()
        if self._fronts:
            self._sweeper = self._loop.call_later(min(_SWEEP_S, self._idle_s), self._sweep)

    def pre_shutdown(self) -> None:
        """Take no more requests."""
        super().pre_shutdown()
        for front in list(self._fronts):
            front.stop()

    async def shutdown(self, timeout: float | None = None) -> None:
        """Let requests finish (up to `timeout` seconds each), then close."""
        tasks = [task for front in list(self._fronts) if (task := front.stop()) is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)
        await super().shutdown(timeout)
        for front in list(self._fronts):
            front.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[Any],
    ) -> web.BaseRequest:
        return web.BaseRequest(
            message, payload, protocol, writer, task, self._loop, client_max_size=self._max_body_bytes
        )
