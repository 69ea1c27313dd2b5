"""The demo leaves nothing behind, also when it is interrupted. Its verdict is for the end-to-end tests."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from phoenix.cli.leftovers import alive

pytestmark = pytest.mark.process
ROOT = Path(__file__).resolve().parents[3]


async def demo(folder: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "phoenix.cli", "demo", cwd=folder,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
    )  # fmt: skip


async def read_until(process: asyncio.subprocess.Process, word: bytes) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        if word in line:
            return
    pytest.fail(f"it ended before it said {word!r}")


@pytest.mark.parametrize("moment", [b"Starting", b"WarmingUp"])
async def test_an_interrupted_demo_cleans_up(tmp_path: Path, moment: bytes) -> None:
    async with asyncio.timeout(60):
        process = await demo(tmp_path)
        await read_until(process, moment)
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert process.returncode == 130, err
    assert b"interrupted: cleaning up" in err
    assert b"processes is left" in out
    assert not alive(tmp_path / ".demo" / "state", set())
    assert not list(tmp_path.iterdir())


async def test_a_second_demo_is_refused_and_a_strange_folder_is_left_alone(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        first = await demo(tmp_path)
        await read_until(first, b"ready at")
        second = await demo(tmp_path)
        _, err = await second.communicate()
        assert second.returncode == 1
        assert b"a demo is running in" in err
        first.send_signal(signal.SIGTERM)
        await first.communicate()
    (tmp_path / ".demo").mkdir()
    (tmp_path / ".demo" / "thesis.txt").write_text("mine")
    async with asyncio.timeout(40):
        third = await demo(tmp_path)
        _, err = await third.communicate()
    assert third.returncode == 1
    assert b"thesis.txt" in err
    assert (tmp_path / ".demo" / "thesis.txt").read_text() == "mine"
