"""The real Collector, where `make otelcol` has built it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from phoenix.agent.ports import Ports
from tests.harness.cluster import ROOT
from tests.harness.lifeline import LIFELINE

WHY = "the real Collector is not built: `make otelcol` builds it where Go is"
OTLP = {"Content-Type": "application/x-protobuf"}
_PATIENCE = aiohttp.ClientTimeout(total=60)


def binary() -> str:
    """Path of the binary; empty where there is none."""
    command = [sys.executable, str(ROOT / "otelcol" / "build.py"), "--path"]
    path = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return path if os.access(path, os.X_OK) else ""


def required() -> str:
    """Path of the binary; the test that asks is skipped where there is none."""
    path = binary()
    if not path:
        pytest.skip(WHY)
    return path


def free_ports(count: int) -> list[int]:
    """Ports nobody listens at now, all different, outside the range from which the kernel gives them to others."""
    return list(Ports("127.0.0.1").take(str(number) for number in range(count)).values())


class Ended(RuntimeError):
    """The Collector ended by itself; the text is the end of what it said."""


class Collector:
    """One running process, and an HTTP session to speak with it. Made by `running`."""

    def __init__(self, process: asyncio.subprocess.Process, session: aiohttp.ClientSession, log: Path) -> None:
        self.process, self._session, self._log = process, session, log

    def said(self) -> str:
        """All it has written to stderr."""
        return self._log.read_text("utf-8", "replace")

    async def get(self, port: int, path: str) -> tuple[int, str]:
        """Status and text; status 0 where nothing answers."""
        try:
            async with self._session.get(f"http://127.0.0.1:{port}{path}", timeout=_PATIENCE) as answer:
                return answer.status, await answer.text()
        except aiohttp.ClientError:
            return 0, ""

    async def send(self, port: int, data: bytes = b"") -> int:
        """Status of an OTLP/HTTP request of metrics; 0 where nothing answers."""
        url = f"http://127.0.0.1:{port}/v1/metrics"
        try:
            async with self._session.post(url, data=data, headers=OTLP, timeout=_PATIENCE) as answer:
                await answer.read()
                return answer.status
        except aiohttp.ClientError:
            return 0

    async def takes_metrics(self, *ports: int) -> None:
        """Wait until its OTLP receivers answer. Raises Ended where it ends instead, TimeoutError after 60 s."""
        async with asyncio.timeout(60):
            for port in ports:
                while not await self.send(port):
                    if self.process.returncode is not None:
                        raise Ended(self.said()[-500:])
                    await asyncio.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    async def ended(self, within_s: float = 40.0) -> int:
        """Its exit code, once it has ended. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            return await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM, and its exit code."""
        if self.process.returncode is None:
            self.signal(signal.SIGTERM)
        return await self.ended()


@contextlib.asynccontextmanager
async def running(path: str, config: Path, *more: str) -> AsyncIterator[Collector]:
    """The Collector with a configuration; it is killed at the end where it still runs."""
    log = config.with_suffix(".log")
    with log.open("wb") as opened:
        process = await asyncio.create_subprocess_exec(
            *LIFELINE, path, "--config", str(config), *more, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL, stderr=opened,
        )  # fmt: skip
    try:
        async with aiohttp.ClientSession() as session:
            yield Collector(process, session, log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
