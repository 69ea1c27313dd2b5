"""Asking a child over HTTP: is it ready, what does it count."""

from __future__ import annotations

import aiohttp

_TIMEOUT = aiohttp.ClientTimeout(total=2.0)


class Prober:
    """One HTTP session for all probes of an agent; connections are not kept, since ports move between processes."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Drop the session."""
        if self._session is not None:
            await self._session.close()

    async def is_ready(self, address: str, port: int) -> bool:
        """Whether GET / answers 200 within 2 s."""
        return (await self._get(address, port, "/", body=False)) is not None

    async def text(self, address: str, port: int, path: str) -> str | None:
        """The body of a 200 answer, or None."""
        return await self._get(address, port, path, body=True)

    async def _get(self, address: str, port: int, path: str, *, body: bool) -> str | None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=_TIMEOUT, connector=aiohttp.TCPConnector(force_close=True, limit=0)
            )
        host = f"[{address}]" if ":" in address else address
        try:
            async with self._session.get(f"http://{host}:{port}{path}") as response:
                if response.status != 200:
                    return None
                if not body:
                    return ""
                return await response.text(errors="replace")
        except (TimeoutError, aiohttp.ClientError, OSError):
            return None
