"""The agent's end of the shim's socket: requests with answers by number, exits as they happen.

One connection, one reading task, owned by the client: `close` cancels and awaits it. Requests may run at once; each
has its own deadline. Nothing is sent twice: after a broken connection the caller lists and decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from typing import Any

from phoenix.agent import shimwire
from phoenix.agent.errors import ShimError, ShimRefused
from phoenix.agent.records import ExitRecord, Identity, StateFolder
from phoenix.agent.shimwire import LINE_LIMIT_BYTES, PROTOCOL, StartRequest, encode

_ANSWER_TIMEOUT_S = 15.0
_HELLO_TIMEOUT_S = 5.0
_AFTER_GRACE_S = 10.0

ExitListener = Callable[[str, ExitRecord], None]


class ShimClient:
    """A greeted connection. Make one with `connect`.

    Attributes:
        pid: of the shim.
        workloads: what the shim said it runs when we connected, by workload id.
        closed: set when the connection is gone, for whatever reason.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_exit: ExitListener) -> None:
        self.pid = 0
        self.workloads: dict[str, Identity] = {}
        self.closed = asyncio.Event()
        self._reader, self._writer, self._on_exit = reader, writer, on_exit
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self._task = asyncio.create_task(self._read(), name="shim-reader")

    @classmethod
    async def connect(cls, state: StateFolder, on_exit: ExitListener) -> ShimClient:
        """Connect and say hello.

        Raises:
            ShimRefused: the shim is of another version.
            ShimError: no shim listens, or it does not answer within 5 s.
        """
        try:
            with shimwire.short_socket_path(state.shim) as path:
                reader, writer = await asyncio.open_unix_connection(path, limit=LINE_LIMIT_BYTES)
        except OSError as error:
            msg = f"no shim listens in {state.shim}: {error}"
            raise ShimError(msg) from error
        client = cls(reader, writer, on_exit)
        try:
            hello = await client._ask(_HELLO_TIMEOUT_S, op="hello", protocol=PROTOCOL, peer=f"pid {os.getpid()}")
        except BaseException:
            await client.close()
            raise
        client.pid = int(hello["pid"])
        client.workloads = {wire["workload"]: Identity.from_wire(wire) for wire in hello["workloads"]}
        return client

    async def start(self, request: StartRequest) -> Identity:
        """Start a workload; on return its identity is durable and it runs.

        Raises:
            ShimRefused: nothing was started; the message says why.
            ShimError: no answer; whether it runs, a new connection will tell.
        """
        answer = await self._ask(_ANSWER_TIMEOUT_S, op="start", start=request.to_wire())
        return Identity.from_wire(answer["identity"])

    async def stop(self, workload: str, grace_s: float) -> ExitRecord | None:
        """Ask, wait `grace_s`, kill the group; returns when all of it is gone. None: the shim did not run it."""
        answer = await self._ask(grace_s + _AFTER_GRACE_S, op="stop", workload=workload, grace_s=grace_s)
        return ExitRecord.from_wire(answer["exit"]) if answer["exit"] else None

    async def shutdown(self, grace_s: float) -> None:
        """End all workloads and the shim; returns when they are gone."""
        await self._ask(grace_s + _AFTER_GRACE_S, op="shutdown", grace_s=grace_s)

    async def close(self) -> None:
        """Drop the connection; workloads and shim go on."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _ask(self, timeout_s: float, **message: Any) -> dict[str, Any]:
        if self.closed.is_set():
            msg = "the connection to the shim is gone"
            raise ShimError(msg)
        self._number += 1
        number = self._number
        future = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(encode({"id": number, **message}))
            async with asyncio.timeout(timeout_s):
                answer: dict[str, Any] = await future
        except TimeoutError as error:
            # NB: a shim that does not answer is as bad as none: whoever keeps it replaces it when we are closed.
            self._task.cancel()
            msg = f"the shim (pid {self.pid or 'unknown'}) did not answer {message['op']!r} in {timeout_s:g}s"
            raise ShimError(msg) from error
        finally:
            self._answers.pop(number, None)
        if not answer["ok"]:
            raise ShimRefused(answer["error"])
        return answer

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                self._receive(json.loads(line))
        except (OSError, ValueError):
            pass  # broken or garbled: the same as closed
        finally:
            self.closed.set()
            for future in self._answers.values():
                if not future.done():
                    future.set_exception(ShimError("the shim went away before it answered"))

    def _receive(self, message: dict[str, Any]) -> None:
        if message.get("event") == "exit":
            self._on_exit(message["workload"], ExitRecord.from_wire(message["exit"]))
        elif (future := self._answers.get(message.get("id", 0))) and not future.done():
            future.set_result(message)
