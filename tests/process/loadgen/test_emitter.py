"""Real processes of a profile: the right ones under their names, seen alone, and none left whoever is killed."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from phoenix.engine.config.section import Section
from phoenix.engine.receivers.scrapers.process import ProcessScraper, parse
from tests.harness.eventually import eventually
from tests.harness.leftovers import alive
from tests.process.loadgen.test_loadgen import loadgen

pytestmark = pytest.mark.process
GROUPS = [
    {"names": ["px-stays"], "count": 3, "cpu": 0.05, "memory": "8Mi"},
    {"names": ["px-comes", "px-goes"], "count": 4, "lifetime": "1s"},
]
NAMES = {name for group in GROUPS for name in group["names"]}


def config(folder: Path, **fields: Any) -> Path:
    path = folder / "config.json"
    wire = {"processes": {"groups": GROUPS}, "seed": 0, "maxDurationSeconds": 60, "targets": [], **fields}
    path.write_text(json.dumps(wire))
    return path


def of(emitter: int) -> list[psutil.Process]:
    """Processes of the load: children of the emitter's child."""
    try:
        return [below for child in psutil.Process(emitter).children() for below in child.children()]
    except psutil.NoSuchProcess:
        return []


async def until(look: Callable[[], Any], right: Callable[[Any], bool], what: str) -> Any:
    async def seen() -> Any:
        return look()

    return await eventually(seen, right, within_s=30, what=what)


def name(process: psutil.Process) -> str:
    """Empty where it is gone: these come and go."""
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def named(processes: list[psutil.Process]) -> list[str]:
    return [name(process) for process in processes]


async def test_they_run_under_their_names_and_a_tee_sees_these_alone(tmp_path: Path) -> None:
    async with loadgen(config(tmp_path)) as process:
        await until(lambda: named(of(process.pid)), lambda names: names.count("px-stays") == 3, "those that stay")
        stay = [one for one in of(process.pid) if name(one) == "px-stays"]
        await until(lambda: stay[0].memory_info().rss, lambda size: size > 8 << 20, "its memory")
        assert stay[0].cmdline() == ["px-stays"]
        scraper = ProcessScraper(parse(Section({"phoenix_emitter_pid": process.pid}, "", [])))

        def scraped() -> list[str]:
            resources, _ = scraper.scrape(time.time_ns())
            keys = [{pair.key: pair.value.string_value for pair in one.resource.attributes} for one in resources]
            return sorted(key["process.executable.name"] for key in keys)

        # One that has just been forked still has its parent's name.
        await until(
            scraped,
            lambda names: len(names) == 7 and names.count("px-stays") == 3 and set(names) <= NAMES,
            "these seven processes",
        )
        before = {one.pid for one in of(process.pid)}
        kept = {one.pid for one in stay}
        await until(lambda: {one.pid for one in of(process.pid)}, lambda now: now & before == kept, "others came")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert not any(one.is_running() for one in stay)


@pytest.mark.parametrize("whom", ["the emitter", "the spawner"])
async def test_none_is_left_when_somebody_is_killed(tmp_path: Path, whom: str) -> None:
    async with loadgen(config(tmp_path)) as process:
        await until(lambda: len(of(process.pid)), lambda count: count == 7, "seven processes")
        (spawner,) = psutil.Process(process.pid).children()
        every = of(process.pid)
        os.kill(process.pid if whom == "the emitter" else spawner.pid, signal.SIGKILL)
        await until(
            lambda: [one for one in (spawner, *every) if alive(one)],
            lambda left: not left,
            "all are gone",
        )
        code = await process.wait()
        said = await process.stderr.read() if process.stderr else b""
    assert code == (-signal.SIGKILL if whom == "the emitter" else 1)
    assert whom == "the emitter" or b"gave no answer: was it ended?" in said
