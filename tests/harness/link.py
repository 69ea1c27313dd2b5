"""A network between two programs that can fail: a TCP proxy on loopback, cut in either of two ways."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

_CHUNK_BYTES = 1 << 16


class Link:
    """Carries connections to `port` on 127.0.0.1. `cut(silently=…)`, then `mend()`."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def open(self) -> None:
        """Listen; then `port` says where."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self, *, silently: bool) -> None:
        """Silently: connections stay, nothing comes through. Else they break, and new ones do at once."""
        if silently:
            self._flowing.clear()
            return
        self._refusing = True
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        """All is well again; what waited comes through."""
        self._refusing = False
        self._flowing.set()

    async def close(self) -> None:
        """End everything."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            there_reader, there = await asyncio.open_connection("127.0.0.1", self._to)
            self._writers.add(there)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pump(reader, there))
                    group.create_task(self._pump(there_reader, writer))
            except* OSError:
                pass
            finally:
                self._writers.discard(there)
                there.transport.abort()
        except asyncio.CancelledError:
            return
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
            self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(_CHUNK_BYTES):
            await self._flowing.wait()
            writer.write(chunk)
            await writer.drain()
        raise ConnectionResetError  # one side ended: so does the other


@contextlib.asynccontextmanager
async def link(port: int) -> AsyncIterator[Link]:
    """An open link to a port of 127.0.0.1; closed at the end."""
    made = Link(port)
    await made.open()
    try:
        yield made
    finally:
        await made.close()
