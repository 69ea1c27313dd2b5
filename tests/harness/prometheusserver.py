"""A real Prometheus that scrapes and is written to; it may be stopped and started again on its data."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from phoenix.agent.ports import Ports
from tests.harness.eventually import eventually
from tests.harness.lifeline import LIFELINE
from tests.harness.realprometheus import required

Labels = tuple[tuple[str, str], ...]
"""Sorted."""
Vector = dict[Labels, float]
"""Value by labels."""


class Prometheus:
    """One with a folder of its own. Made by `prometheus`."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession) -> None:
        self.folder, self._session = folder, session
        # Outside the kernel's own range: nobody else gets it while this one is stopped.
        self.port = Ports("127.0.0.1").take(["prometheus"])["prometheus"]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, on the data it left if there is some, and wait until it is ready."""
        with (self.folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *LIFELINE, required(), f"--config.file={self.folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={self.folder / 'data'}", f"--web.listen-address=127.0.0.1:{self.port}",
                "--web.enable-remote-write-receiver", "--query.lookback-delta=1h", stdin=asyncio.subprocess.DEVNULL,
                stdout=log, stderr=log,
            )  # fmt: skip
        await eventually(self._ready, bool, within_s=30, what="Prometheus is ready")

    async def stop(self) -> None:
        """End it as its users do; safe twice."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            await process.wait()

    async def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, (self.folder / "log").read_text()[-2000:]
        try:
            async with self._session.get(f"{self.url}/-/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def get(self, path: str, **parameters: str) -> Any:
        """What its API answers."""
        async with self._session.get(f"{self.url}/api/v1/{path}", params=parameters) as answer:
            told = await answer.json()
        assert told["status"] == "success", told
        return told["data"]

    async def vector(self, query: str) -> Vector:
        """An instant vector."""
        found = (await self.get("query", query=query))["result"]
        return {tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in found}

    async def samples(self, query: str, *without: str) -> dict[Labels, dict[float, str]]:
        """All samples of a range selector: by labels but some, value by time."""
        found = (await self.get("query", query=query))["result"]
        return {
            tuple(sorted(pair for pair in one["metric"].items() if pair[0] not in without)): dict(one["values"])
            for one in found
        }

    async def by(self, label: str, query: str) -> dict[str, float]:
        """An instant vector by one of its labels."""
        return {dict(labels).get(label, ""): value for labels, value in (await self.vector(query)).items()}

    async def targets(self) -> dict[str, dict[str, str]]:
        """Labels of the targets that are up, by URL."""
        found = (await self.get("targets", state="active"))["activeTargets"]
        return {one["scrapeUrl"]: one["labels"] for one in found if one["health"] == "up"}


@asynccontextmanager
async def prometheus(folder: Path, config: str) -> AsyncIterator[Prometheus]:
    """A running one; the test is skipped where there is none. It looks back an hour: no series is stale for a test."""
    required()
    folder.mkdir()
    (folder / "prometheus.yml").write_text(config)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        found = Prometheus(folder, session)
        try:
            await found.start()
            yield found
        finally:
            await found.stop()
