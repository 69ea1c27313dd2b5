"""`get`: its flags, its outputs at 80 columns, pages, and watches that print what kubectl would."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from phoenix.api.experiment import Experiment
from phoenix.api.pipeline import PipelineDeployment
from tests.integration.cli.conftest import ROOT, Ctl

EXAMPLES = ROOT / "resources" / "examples"
GOLDEN = Path(__file__).with_name("golden_80.txt")


@pytest.fixture
async def world(ctl: Ctl) -> Ctl:
    await ctl("apply", "-f", str(EXAMPLES / "aa.yaml"), "-f", str(EXAMPLES / "http-microservices.yaml"))
    await ctl("apply", "-f", str(EXAMPLES / "deployment.yaml"))
    for name, progress in (("aa", 0.25), ("http-lean", 0.125)):
        status = {"phase": "Running", "progress": progress, "run": 1}
        await ctl.client.patch(Experiment, name, "default", {"status": status}, subresource="status")
    labels = {"team": "payments-and-checkout", "phoenix.io/tier": "gold"}
    await ctl.client.patch(Experiment, "aa", "default", {"metadata": {"labels": labels}})
    return ctl


def steady(text: str) -> str:
    """Without ages, which differ each time."""
    return re.sub(r"\b\d\ds\b|\b\ds( |$)", "AGE", text, flags=re.M)


async def test_outputs_at_80_columns_are_as_kept(world: Ctl) -> None:
    said = []
    for block in GOLDEN.read_text(encoding="utf-8").split("$ phoenixctl ")[1:]:
        line = block.partition("\n")[0]
        code, out, err = await world(*line.split())
        assert max(map(len, out.splitlines()), default=0) <= 80, out
        said.append(f"$ phoenixctl {line}\n{steady(out + err)}[{code}]\n")
    assert "\n".join(said) == GOLDEN.read_text(encoding="utf-8")


async def test_names_that_are_not_there(world: Ctl) -> None:
    code, out, err = await world("get", "exp", "aa", "http-lan", "-o", "name")
    assert (code, out) == (1, "experiment.phoenix.io/aa\n")
    assert 'did you mean "http-lean"?' in err
    assert (await world("get", "exp", "none", "--ignore-not-found"))[:2] == (0, "")
    code, _, err = await world("get", "exp", "-n", "defaultt")
    assert (code, err) == (
        0, 'No resources found in defaultt namespace: there is no such namespace; did you mean "default"?\n',
    )  # fmt: skip


async def test_objects_by_file_by_status_and_with_their_managers(world: Ctl, tmp_path: Path) -> None:
    assert (await world("get", "-f", str(EXAMPLES / "aa.yaml"), "-o", "name"))[1] == "experiment.phoenix.io/aa\n"
    assert (await world("get", "exp/aa", "--subresource=status", "-o", "jsonpath={.status.progress}"))[1] == "0.25\n"
    assert "managedFields" not in (await world("get", "exp", "-o", "json"))[1]
    (tmp_path / "columns").write_text("NAME RUN\n.metadata.name .status.run\n")
    assert (await world("get", "exp", "-o", f"custom-columns-file={tmp_path / 'columns'}"))[1] == (
        "NAME        RUN\naa          1\nhttp-lean   1\n"
    )
    (tmp_path / "path").write_text('{range .items[*]}{.metadata.name}={.status.run}{"\\n"}{end}')
    assert (await world("get", "exp", "-o", f"jsonpath-file={tmp_path / 'path'}"))[1] == "aa=1\nhttp-lean=1\n"


async def test_lists_come_in_pages_and_sorted_at_once(world: Ctl) -> None:
    for number in range(7):
        (await world("label", "exp", "aa", f"n={number}", "--overwrite"))
        await world("create", "namespace", f"n{number}")
    whole = (await world("get", "ns", "-o", "name"))[1]
    assert (await world("get", "ns", "-o", "name", "--chunk-size=3"))[1] == whole
    listed = json.loads((await world("get", "ns", "-o", "json", "--chunk-size=2"))[1])
    assert len(listed["items"]) == len(whole.splitlines()) == 8
    assert {item["kind"] for item in listed["items"]} == {"Namespace"}
    rows = (await world("get", "exp", "--sort-by=.status.progress", "--chunk-size=1", "--no-headers"))[1]
    assert [row.split()[0] for row in rows.splitlines()] == ["http-lean", "aa"]


async def test_objects_by_name_and_by_file_are_sorted_too(world: Ctl, tmp_path: Path) -> None:
    (tmp_path / "both.json").write_text((await world("get", "exp", "-o", "json"))[1])
    for what in (("exp", "aa", "http-lean"), ("-f", str(tmp_path / "both.json"))):
        for path, wanted in ((".status.progress", ["http-lean", "aa"]), (".metadata.name", ["aa", "http-lean"])):
            names = (await world("get", *what, "-o", "jsonpath={.items[*].metadata.name}", f"--sort-by={path}"))[1]
            assert names.split() == wanted
            rows = (await world("get", *what, f"--sort-by={path}", "--no-headers"))[1]
            assert [row.split()[0] for row in rows.splitlines()] == wanted


@asynccontextmanager
async def watching(ctl: Ctl, *words: str) -> AsyncIterator[asyncio.StreamReader]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "phoenix.cli", "--state", str(ctl.state), "get", *words,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            yield process.stdout
    finally:
        process.terminate()
        await process.wait()


async def words_of(lines: asyncio.StreamReader, count: int) -> list[Sequence[str]]:
    return [(await lines.readline()).decode().split()[:3] for _ in range(count)]


async def test_watch_events_in_a_table_and_as_objects(world: Ctl) -> None:
    async with watching(world, "exp", "aa", "-w", "--output-watch-events") as lines:
        assert await words_of(lines, 2) == [["EVENT", "NAME", "PHASE"], ["ADDED", "aa", "Running"]]
        await world.client.patch(Experiment, "http-lean", "default", {"metadata": {"labels": {"a": "b"}}})
        await world.client.patch(Experiment, "aa", "default", {"status": {"phase": "Completed"}}, subresource="status")
        assert await words_of(lines, 1) == [["MODIFIED", "aa", "Completed"]]
        await world.client.delete(Experiment, "aa", "default")
        assert await words_of(lines, 1) == [["DELETED", "aa", "Completed"]]
    words = ("pd", "-w", "--output-watch-events", "-o", "jsonpath={.metadata.name}")
    async with watching(world, *words) as lines:
        assert await words_of(lines, 1) == [["edge-metrics"]]
    async with watching(world, "pd", "--watch-only", "--output-watch-events", "-o", "json") as lines:
        # NB: the watch begins some time after the process; a change a time until one is seen.
        async def change() -> None:
            for number in range(1000):
                patch = {"metadata": {"labels": {"n": str(number)}}}
                await world.client.patch(PipelineDeployment, "edge-metrics", "default", patch)
                await asyncio.sleep(0.05)

        changing = asyncio.create_task(change())
        text = ""
        while not text.endswith("\n}\n"):
            text += (await lines.readline()).decode()
        changing.cancel()
    event = json.loads(text)
    assert (event["type"], event["object"]["metadata"]["name"]) == ("MODIFIED", "edge-metrics")
