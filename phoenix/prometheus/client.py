"""The HTTP API of one Prometheus: instant queries, its version, remote write.

Why it is careful: its address may come from a manifest. It speaks http and https only, follows no redirect, waits and
reads no more than it was told, and shows of an answer only what Prometheus's own error field says.
"""

from __future__ import annotations

import asyncio
import math
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import orjson

from phoenix.prometheus.errors import QueryRefused, Unreachable
from phoenix.promql.syntax import FORMER, RENAMED
from phoenix.promql.vectors import Labels, Vector, vector_of

_REMOTE_WRITE = {
    "Content-Encoding": "snappy", "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}  # fmt: skip
_CHUNK_BYTES = 1 << 16
_SHOWN_CHARS = 300
_VERSION = re.compile(r"(\d+)\.\d+")
_BAD_QUERY, _UNPROCESSABLE = 400, 422
_NEWER_MAJOR = 3


@dataclass(frozen=True, slots=True)
class Access:
    """Where a Prometheus is and how it is spoken to.

    Args:
        url: base URL, http or https, without credentials.
        token: sent as a bearer token; empty: none.
        ca_file: certificates that its own must be signed by; empty: the system's.
        timeout_s: longest wait for a whole answer.
        max_bytes: largest answer that is read.
        concurrency: requests at once; more wait.
    """

    url: str
    token: str = field(default="", repr=False)
    ca_file: str = ""
    timeout_s: float = 10.0
    max_bytes: int = 64 << 20
    concurrency: int = 8


class PrometheusClient:
    """Speaks to one Prometheus while entered; calls may run at once, up to `Access.concurrency`."""

    def __init__(self, access: Access) -> None:
        self.url = access.url.rstrip("/")
        self._access = access
        self._slots = asyncio.Semaphore(access.concurrency)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self._access.token}"} if self._access.token else {}
        tls: ssl.SSLContext | bool = True
        if self._access.ca_file:
            try:
                tls = ssl.create_default_context(cafile=self._access.ca_file)
            except (OSError, ssl.SSLError) as error:
                msg = f"{self._access.ca_file}: no certificates can be read from it ({error})"
                raise Unreachable(msg) from error
        self._session = aiohttp.ClientSession(
            headers={"User-Agent": "phoenix", **headers},
            connector=aiohttp.TCPConnector(ssl=tls, limit=self._access.concurrency),
            timeout=aiohttp.ClientTimeout(total=self._access.timeout_s),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def version(self) -> str:
        """What it says its version is, such as `2.42.0`. Raises Unreachable."""
        data = self._data(await self._request("GET", "/api/v1/status/buildinfo"))
        version = data.get("version") if isinstance(data, Mapping) else None
        if not isinstance(version, str):
            raise self._odd("buildinfo has no version")
        return version

    async def ready(self) -> bool:
        """Whether it says that it can be asked. Raises Unreachable where nothing answers."""
        status, _ = await self._request("GET", "/-/ready")
        return status == 200

    async def query(self, text: str, at_ms: int) -> Vector:
        """The answer of an instant query at Unix milliseconds; a scalar becomes one value without labels.

        Native histograms have no one value and are left out.

        Raises:
            QueryRefused: it has no answer.
            Unreachable: nothing answered, or no Prometheus did.
        """
        form = {"query": text, "time": f"{at_ms // 1000}.{at_ms % 1000:03d}"}
        status, body = await self._request("POST", "/api/v1/query", data=form)
        data = self._data((status, body), text)
        kind = data.get("resultType") if isinstance(data, Mapping) else None
        if kind not in ("scalar", "vector"):
            msg = f"its answer is a {kind}, which has no values at one instant: {text}"
            raise QueryRefused(msg)
        try:
            return _vector(kind, data["result"])
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise self._odd(f"a {kind} without its parts") from error

    async def label_names(self, selectors: Sequence[str], start_ms: int, end_ms: int) -> list[str]:
        """Names of the labels that series have which had points in the time, Unix milliseconds.

        Raises:
            QueryRefused: a selector is none.
            Unreachable: nothing answered, or no Prometheus did.
        """
        form = [("match[]", one) for one in selectors]
        form += [("start", f"{start_ms / 1000:.3f}"), ("end", f"{end_ms / 1000:.3f}")]
        found = self._data(await self._request("POST", "/api/v1/labels", data=form), ", ".join(selectors))
        return [str(name) for name in found] if isinstance(found, list) else []

    async def write(self, message: bytes) -> None:
        """Write a snappy-compressed remote write 1.0 request. Raises Unreachable with what it said."""
        status, body = await self._request("POST", "/api/v1/write", data=message, headers=_REMOTE_WRITE)
        if status == 404:
            msg = f"{self.url} takes no remote write: start it with --web.enable-remote-write-receiver"
            raise Unreachable(msg)
        if not 200 <= status < 300:
            said = body.decode(errors="replace").strip()[:_SHOWN_CHARS]
            raise Unreachable(f"{self.url} refused what was written to it with {status}: {said}")

    async def _request(self, method: str, path: str, **more: Any) -> tuple[int, bytes]:
        assert self._session is not None, "use it as a context manager"
        url = f"{self.url}{path}"
        try:
            async with self._slots, self._session.request(method, url, allow_redirects=False, **more) as answer:
                if 300 <= answer.status < 400:
                    to = answer.headers.get("Location", "elsewhere")[:_SHOWN_CHARS]
                    msg = f"{url} redirects to {to}, which is not followed: give the URL it is really at"
                    raise Unreachable(msg)
                return answer.status, await self._read(answer)
        except TimeoutError as error:
            msg = f"{self.url} gave no answer within {self._access.timeout_s:g}s: is it overloaded?"
            raise Unreachable(msg) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            why = error.os_error.strerror if isinstance(error, aiohttp.ClientConnectorError) else str(error)
            msg = f"{self.url} cannot be reached: {why}; is it running, and is the URL right?"
            raise Unreachable(msg) from error

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        chunks, size = [], 0
        async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
            size += len(chunk)
            if size > self._access.max_bytes:
                msg = f"{self.url} answered with more than {self._access.max_bytes} bytes: aggregate the query"
                raise QueryRefused(msg)
            chunks.append(chunk)
        return b"".join(chunks)

    def _data(self, answer: tuple[int, bytes], query: str = "") -> Any:
        status, body = answer
        if status in (401, 403):
            token = "refuses the token sent" if self._access.token else "wants credentials"
            parts = urlsplit(self.url)
            where = f"prometheus/{parts.netloc}.token in the state folder of the host that asks"
            raise Unreachable(f"{self.url} {token} ({status}): put one into {where}")
        try:
            wire = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise self._odd(f"{status}, and no JSON") from error
        if not isinstance(wire, Mapping) or "status" not in wire:
            raise self._odd(f"{status}, and JSON of another kind")
        if wire["status"] == "success":
            return wire.get("data")
        said = str(wire.get("error", "no reason"))[:_SHOWN_CHARS]
        if status in (_BAD_QUERY, _UNPROCESSABLE):
            raise QueryRefused(f"{said}: {query}")
        raise Unreachable(f"{self.url} answered {status}: {said}")

    def _odd(self, what: str) -> Unreachable:
        return Unreachable(f"{self.url} does not answer as a Prometheus does ({what}): is the URL right?")


def range_adjustment_ms(version: str) -> int:
    """What to take from a range that is to hold the points of [end - range, end), asked a millisecond before `end`.

    Until 2.x ranges hold both their ends, since 3.0 only the later one.
    """
    found = _VERSION.search(version)
    return 0 if found is not None and int(found[1]) >= _NEWER_MAJOR else 1


def worded_for(version: str, query: str) -> str:
    """A query with its functions named as that version names them."""
    return query if range_adjustment_ms(version) == 0 else query.replace(f"{RENAMED}(", f"{FORMER}(")


def _vector(kind: str, result: Any) -> Vector:
    if kind == "scalar":
        return vector_of([(Labels({}), _number(result[1]))])
    return vector_of((Labels(row["metric"]), _number(row["value"][1])) for row in result if "value" in row)


def _number(text: str) -> float:
    return {"+Inf": math.inf, "-Inf": -math.inf}.get(text) or float(text)
