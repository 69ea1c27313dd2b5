"""Asking a child over HTTP: is it ready, what does it count."""

from __future__ import annotations

import aiohttp

_SHOWN_CHARS = 300
_TIMEOUT = aiohttp.ClientTimeout(total=2.0)


class Prober:
    """One HTTP session for all probes of an agent; connections are not kept, since ports move between processes."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Drop the session."""
        if self._session is not None:
            await self._session.close()

    async def readiness(self, address: str, port: int) -> tuple[bool, str]:
        """Whether GET / answers 200 within 2 s; else the first line of what it says to people (a JSON text is not)."""
        status, body = await self._get(address, port, "/")
        shown = "" if status == 200 or body.startswith("{") else body.partition("\n")[0]
        return status == 200, shown.removeprefix("not ready: ")[:_SHOWN_CHARS]

    async def text(self, address: str, port: int, path: str) -> str | None:
        """The body of a 200 answer, or None."""
        status, body = await self._get(address, port, path)
        return body if status == 200 else None

    async def _get(self, address: str, port: int, path: str) -> tuple[int, str]:
        """Status and body; 0 where nothing answers."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=_TIMEOUT, connector=aiohttp.TCPConnector(force_close=True, limit=0)
            )
        host = f"[{address}]" if ":" in address else address
        try:
            async with self._session.get(f"http://{host}:{port}{path}") as response:
                return response.status, await response.text(errors="replace")
        except (TimeoutError, aiohttp.ClientError, OSError):
            return 0, ""
