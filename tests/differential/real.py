"""Cases on the real Collector: `python -m tests.differential.real [FILE ...]` records what it does as golden data.

Pipelines are run many to a process: each has a receiver and a file exporter of its own. A configuration the Collector
refuses is found by `validate` beforehand, case by case.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.differential.cases import FILES, Case, load
from tests.differential.embedded import text
from tests.differential.inputs import INPUTS
from tests.differential.normal import normal
from tests.harness.otelcol import binary

GOLDEN = Path(__file__).with_name("golden")
_AT_ONCE = 60


def version(path: str) -> str:
    """Such as 0.159.0."""
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[-1].lstrip("v")


def _pipelines(cases: list[Case], folder: Path, ports: list[int]) -> dict[str, Any]:
    config: dict[str, Any] = {"receivers": {}, "processors": {}, "exporters": {}}
    pipelines: dict[str, Any] = {}
    for number, (case, port) in enumerate(zip(cases, ports, strict=True)):
        config["receivers"][f"otlp/{number}"] = {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}
        config["exporters"][f"file/{number}"] = {"path": str(folder / f"{number}.json")}
        names = []
        for place, (kind, own) in enumerate(case.processors):
            names.append(f"{kind}/{number}x{place}")
            config["processors"][names[-1]] = own or None
        pipelines[f"metrics/{number}"] = {
            "receivers": [f"otlp/{number}"], "processors": names, "exporters": [f"file/{number}"],
        }  # fmt: skip
    config["service"] = {
        "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "error"}}, "pipelines": pipelines,
    }  # fmt: skip
    return config


def refusal(path: str, case: Case) -> str:
    """Why the Collector refuses the case's configuration; empty: it does not."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "c.yaml").write_text(text(_pipelines([case], folder, [14317])), "utf-8")
        ran = subprocess.run(
            [path, "validate", "--config", str(folder / "c.yaml")], capture_output=True, text=True, check=False
        )
    if not ran.returncode:
        return ""
    said = (ran.stderr or ran.stdout).replace(str(folder), "").replace("/0x0", "").replace("/0x1", "").strip()
    return said.splitlines()[-1] if said else f"exit code {ran.returncode}"


async def run(path: str, cases: list[Case]) -> list[dict[str, Any]]:
    """What `tests.differential.embedded.run` says, of the real one."""
    with ThreadPoolExecutor(4) as pool:
        refused = list(pool.map(lambda case: refusal(path, case), cases))
    runnable = [case for case, why in zip(cases, refused, strict=True) if not why]
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(runnable), _AT_ONCE):
        part = runnable[start : start + _AT_ONCE]
        for case, result in zip(part, await _run(path, part), strict=True):
            found[case.name] = result
    return [{"refused": why} if why else found[case.name] for case, why in zip(cases, refused, strict=True)]


async def _run(path: str, cases: list[Case]) -> list[dict[str, Any]]:
    ports = _free_ports(len(cases))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "c.yaml").write_text(text(_pipelines(cases, folder, ports)), "utf-8")
        process = await asyncio.create_subprocess_exec(
            path, "--config", str(folder / "c.yaml"), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        try:
            async with aiohttp.ClientSession() as session:
                await _ready(session, ports, process)
                rejected = [await _send(session, port, case) for case, port in zip(cases, ports, strict=True)]
        finally:
            if process.returncode is None:
                process.terminate()
            await process.communicate()
        return [{"left": _read(folder / f"{number}.json"), "rejected": count} for number, count in enumerate(rejected)]


async def _ready(session: aiohttp.ClientSession, ports: list[int], process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(30):
        for port in ports:
            while True:
                try:
                    async with session.post(f"http://127.0.0.1:{port}/v1/metrics", headers=_TYPE) as answer:
                        await answer.read()
                        break
                except aiohttp.ClientError as error:
                    if process.returncode is not None:
                        raise RuntimeError("the Collector ended") from error
                    await asyncio.sleep(0.05)


_TYPE = {"Content-Type": "application/x-protobuf"}


async def _send(session: aiohttp.ClientSession, port: int, case: Case) -> int:
    rejected = 0
    for request in INPUTS[case.input]():
        async with session.post(
            f"http://127.0.0.1:{port}/v1/metrics", data=request.SerializeToString(), headers=_TYPE
        ) as answer:
            await answer.read()
            rejected += answer.status != 200
    return rejected


def _read(file: Path) -> list[str]:
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return normal(json_format.Parse(_ids(line), ExportMetricsServiceRequest()) for line in lines)


def _ids(line: str) -> str:
    return line  # no exemplars in the inputs: trace ids, which are hexadecimal here, do not occur


def _free_ports(count: int) -> list[int]:
    import socket

    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def main(files: list[str]) -> int:
    """Record."""
    path = binary()
    if not path:
        print("the real Collector is not built: run `make otelcol`", file=sys.stderr)
        return 2
    for file in files or FILES:
        cases = load(file)
        results = asyncio.run(run(path, cases))
        golden = {"version": version(path), "cases": dict(zip((case.name for case in cases), results, strict=True))}
        (GOLDEN / f"{file}.json").write_text(json.dumps(golden, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
        print(f"{file}: {len(cases)} cases, {sum('refused' in result for result in results)} refused")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
