"""HTTP to one API server: requests, streams, and the one place where aiohttp's errors become ours."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import orjson

from phoenix.apimachinery.errors import ApiError, from_status
from phoenix.client.config import ClientConfig
from phoenix.client.errors import Unavailable, Undecodable

_log = logging.getLogger(__name__)
_CONNECT_TIMEOUT_S = 5.0
_KEEPALIVE_IDLE_S, _KEEPALIVE_EVERY_S, _KEEPALIVE_TRIES = 10, 5, 3
_UNACKNOWLEDGED_MS = 25_000
_SHOWN_CHARS = 200
_UNAUTHORIZED = 401


class Response(NamedTuple):
    """An answer as it came: status code, headers, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def _socket(found: tuple[Any, ...]) -> socket.socket:
    """A socket that notices within half a minute that the other side is gone without a word.

    A watch only listens: without this, one through a network that failed for a while would wait for an hour.
    """
    family, kind, protocol, *_ = found
    made = socket.socket(family, kind, protocol)
    for level, name, value in (
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE_S),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_EVERY_S),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_TRIES),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS),
    ):
        made.setsockopt(level, name, value)
    return made


class Transport:
    """Keeps connections to the server of `config` and says who is asking.

    Args:
        config: address and credentials; read again from its source after a failure to connect and after a 401.
        user_agent: names the program; the server takes it as the field manager of writes.
        timeout_s: longest wait for a whole answer, seconds; streams have none.
        on_warning: gets the text of each `Warning` header of an answer.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        user_agent: str,
        timeout_s: float,
        on_warning: Callable[[str], None] | None = None,
    ) -> None:
        self.config = config
        self._user_agent = user_agent
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, connect=_CONNECT_TIMEOUT_S)
        self._on_warning = on_warning
        self._session: aiohttp.ClientSession | None = None
        self._retired: list[aiohttp.ClientSession] = []
        self._closed = False

    def _open(self) -> aiohttp.ClientSession:
        if self._closed:
            msg = "the client is closed"
            raise RuntimeError(msg)
        if self._session is None:
            tls = self.config.ssl_context()
            headers = [("User-Agent", self._user_agent), *self.config.headers]
            self._session = aiohttp.ClientSession(
                # NB: no limit on connections: each informer holds one for ever, and a limit would starve the rest.
                connector=aiohttp.TCPConnector(limit=0, ssl=tls if tls is not None else True, socket_factory=_socket),
                headers=headers,
                timeout=self._timeout,
                read_bufsize=2**18,
            )
            # NB: aiohttp sends PUT and DELETE again by itself when a kept connection breaks; a DELETE that worked
            # would then answer NotFound. Our promise is: GETs only (see request).
            self._session._retry_connection = False
        return self._session

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request and read its whole answer, whatever its status.

        A GET whose connection breaks is sent once more. Raises Unavailable.
        """
        for attempt in (1, 2):
            session = self._open()
            try:
                async with session.request(
                    method,
                    self.config.server + path,
                    data=body,
                    params=params,
                    headers=headers,
                    server_hostname=self.config.tls_server_name or None,
                ) as answer:
                    self._look_at(answer)
                    return Response(answer.status, answer.headers, await answer.read())
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError) as error:
                if method == "GET" and attempt == 1:
                    self._refresh()
                    continue
                raise self._unavailable(error) from error
            except (aiohttp.ClientError, TimeoutError) as error:
                raise self._unavailable(error) from error
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """GET an answer that is read as it comes, in chunks of any size, for `timeout_s` seconds at most.

        Raises ApiError where the server refuses, Unavailable where the connection breaks, also midway.
        """
        try:
            async with self._open().get(
                self.config.server + path,
                params=params,
                headers=headers,
                server_hostname=self.config.tls_server_name or None,
                timeout=aiohttp.ClientTimeout(total=timeout_s, connect=_CONNECT_TIMEOUT_S),
            ) as answer:
                self._look_at(answer)
                if answer.status >= 400:
                    raise to_error(Response(answer.status, answer.headers, await answer.read()), self.config.server)
                yield answer.content.iter_any()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._unavailable(error) from error

    def _look_at(self, answer: aiohttp.ClientResponse) -> None:
        if answer.status == _UNAUTHORIZED:
            self._refresh()
        if self._on_warning is None:
            return
        for warning in answer.headers.getall("Warning", ()):
            # RFC 7234: `299 - "text"`
            _, _, text = warning.partition('"')
            self._on_warning(text.rpartition('"')[0].replace('\\"', '"') or warning)

    def _unavailable(self, error: Exception) -> Unavailable:
        server = self.config.server
        self._refresh()
        match error:
            case TimeoutError():
                return Unavailable(
                    server, "timed out", "see whether the server is overloaded or stopped, and try again"
                )
            case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
                hint = "check that the CA file (or kubeconfig) is the one this server wrote"
                return Unavailable(server, f"its certificate is not trusted ({error})", hint)
            case aiohttp.ClientConnectorError():
                problem = error.os_error.strerror or str(error.os_error)
                return Unavailable(server, problem, "is Phoenix running? start it with `phoenixctl up`")
            case aiohttp.InvalidURL():
                return Unavailable(server, "it is not a URL", "write it as https://HOST:PORT")
            case _:
                problem = f"the connection broke ({str(error) or type(error).__name__})"
                return Unavailable(server, problem, "read the object before you try the same change again")

    def _refresh(self) -> None:
        """A server that was started again may have another port, CA or token."""
        fresh = self.config.reload()
        if fresh == self.config:
            return
        _log.info("the server has moved", extra={"from": self.config.server, "to": fresh.server})
        self.config = fresh
        if self._session is not None:
            # NB: streams of the old session may still be read; it is closed with the transport.
            self._retired.append(self._session)
            self._session = None

    async def close(self) -> None:
        """Close every connection; may be called twice."""
        self._closed = True
        for session in (*self._retired, *([self._session] if self._session else [])):
            await session.close()
        self._retired, self._session = [], None
        # aiohttp closes TLS transports on the next turns of the loop.
        await asyncio.sleep(0)


def to_error(answer: Response, server: str) -> ApiError:
    """The exception an answer of 400 or more stands for."""
    try:
        status = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status":
        error = from_status(status, http_code=answer.status)
        if error.retry_after_s is None and answer.headers.get("Retry-After", "").isdigit():
            error.retry_after_s = int(answer.headers["Retry-After"])
        return error
    text = answer.body[:_SHOWN_CHARS].decode("utf-8", "replace").strip()
    hint = "does it serve the Phoenix API?"
    return Undecodable(f"{server} answered {answer.status} with no Status ({text!r}): {hint}")


def decode(answer: Response, server: str) -> Any:
    """The JSON of a good answer. Raises ApiError for any other."""
    if answer.status >= 400:
        raise to_error(answer, server)
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        msg = f"{server} answered {answer.status} with something that is not JSON: does it serve the Phoenix API?"
        raise Undecodable(msg) from error
