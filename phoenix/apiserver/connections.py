"""The HTTP server under the app: aiohttp's, with our body limit and our errors where no handler is reached."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from phoenix.apimachinery.errors import BadRequest, InternalError
from phoenix.apiserver.responses import error_response

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


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
    """`web.Server` for the API. A handler is cancelled when its client goes away, else idle watches would stay."""

    def __init__(self, handler: Handler, *, max_body_bytes: int) -> None:
        super().__init__(handler, request_factory=self._request, handler_cancellation=True)
        self._max_body_bytes = max_body_bytes
        self._kwargs = {"access_log": None, "keepalive_timeout": 75.0, "max_line_size": 32 << 10}

    def __call__(self) -> RequestHandler:
        """The protocol of one connection."""
        return _StatusErrors(self, loop=self._loop, **self._kwargs)

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
