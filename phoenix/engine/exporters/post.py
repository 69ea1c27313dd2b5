"""What exporters over HTTP share: protobuf bodies posted over kept connections."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from phoenix.engine.exporters.queue import SendError


class BytesBody(Payload):
    """A body sent as it is in one write. aiohttp's own warns beyond 1 MiB; ours are meant to be large."""

    def __init__(self, data: bytes, content_type: str) -> None:
        super().__init__(data, content_type=content_type)
        self._size = len(data)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body as text, as the base class wants it."""
        return str(self._value, encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write it all."""
        await writer.write(self._value)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer other than 2xx."""

    status: int
    reason: str
    after_s: float
    """how long the receiver asked to be left alone, by its Retry-After"""


class Poster:
    """Posts to one address. `timeout_s` 0 is none; `headers` win over the User-Agent."""

    def __init__(self, url: str, timeout_s: float, headers: Mapping[str, str]) -> None:
        self._url, self._timeout_s = url, timeout_s
        self._headers = {"User-Agent": "phoenix-embedded-collector", **headers}
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the session; no connection is made yet."""
        timeout = aiohttp.ClientTimeout(total=self._timeout_s or None)
        self._session = aiohttp.ClientSession(timeout=timeout, headers=self._headers)

    async def close(self) -> None:
        """Close all connections; safe twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def post(self, data: bytes) -> Refusal | None:
        """Post one body; None: it was taken.

        Raises:
            SendError: no answer.
        """
        assert self._session is not None, "send before start"
        body = BytesBody(data, "application/x-protobuf")
        try:
            async with self._session.post(self._url, data=body, skip_auto_headers=("Content-Encoding",)) as answer:
                text = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SendError(f"{self._url}: {str(error) or type(error).__name__}", retryable=True) from error
        if 200 <= answer.status < 300:
            return None
        reason = f"{self._url} answered {answer.status}: {text[:200]!r}"
        return Refusal(answer.status, reason, _retry_after_s(answer.headers.get("Retry-After")))


def _retry_after_s(text: str | None) -> float:
    """Seconds asked for by a Retry-After header: a number or an HTTP date."""
    if not text:
        return 0.0
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0.0
