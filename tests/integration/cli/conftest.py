"""phoenixctl against the real API server, in this process: the server on the test's loop, each command in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from phoenix.apiserver.server import ApiServer, ServerConfig
from phoenix.cli.main import main
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient

ROOT = Path(__file__).resolve().parents[3]
DEADLINE_S = 20.0


class FixedLogs:
    """A log for each object it knows."""

    def __init__(self) -> None:
        self.by_uid: dict[str, list[str]] = {}

    def lines(self, uid: str, *, tail_lines: int, follow: bool) -> AsyncGenerator[str, None] | None:
        return self._lines(self.by_uid[uid][-tail_lines:]) if uid in self.by_uid else None

    async def _lines(self, lines: list[str]) -> AsyncGenerator[str, None]:
        for line in lines:
            yield line


@dataclass
class Ctl:
    """Runs phoenixctl; `client` looks at what it did."""

    state: Path
    client: HttpClient
    logs: FixedLogs
    capsys: pytest.CaptureFixture[str]

    async def __call__(self, *words: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        self.capsys.readouterr()
        async with asyncio.timeout(DEADLINE_S):
            code = await asyncio.to_thread(self._run, words)
        captured = self.capsys.readouterr()
        return code, captured.out, captured.err

    def _run(self, words: tuple[str, ...]) -> int:
        try:
            return main(["--state", str(self.state), *words])
        except SystemExit as end:
            return int(str(end.code))


@pytest.fixture
async def ctl(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Ctl]:
    monkeypatch.setenv("COLUMNS", "80")
    logs = FixedLogs()
    async with (
        ApiServer(ServerConfig(state=tmp_path / "state", port=0), logs=logs),
        HttpClient(ClientConfig.from_endpoint_file(tmp_path / "state" / "endpoint.json")) as client,
    ):
        yield Ctl(tmp_path / "state", client, logs, capsys)
