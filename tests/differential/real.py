"""Cases on the real Collector: `python -m tests.differential.real [FILE ...]` records what it does as golden data.

Pipelines are run many to a process: each has a receiver and a file exporter of its own. A configuration the Collector
refuses is found by `validate` beforehand.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
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
from tests.differential.embedded import ENV, text
from tests.differential.inputs import INPUTS
from tests.differential.normal import changes
from tests.harness.otelcol import binary, free_ports

GOLDEN = Path(__file__).with_name("golden")
_AT_ONCE = 150


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


_FAULT = re.compile(r"processors::\w+/(\d+)x\d+: ")
_LIST = re.compile(r'\["\w+"(?: "\w+")+\]')
_TEXT_KEPT = 300


def refusals(path: str, cases: list[Case]) -> dict[int, str]:
    """Why the Collector refuses configurations, by index of the case.

    `validate` tells all that components find about themselves at once; of other faults only the first, for which the
    cases are asked one by one.
    """
    found: dict[int, str] = {}
    waiting = list(range(len(cases)))
    while waiting and (said := _validate(path, [cases[index] for index in waiting])):
        lines = [(match, line) for line in said.splitlines() if (match := _FAULT.search(line))]
        faults = {waiting[int(match[1])]: _stable(line[match.end() :]) for match, line in lines}
        if not faults:
            with ThreadPoolExecutor(2) as pool:
                alone = pool.map(lambda index: _validate(path, [cases[index]]), waiting)
            return found | {
                index: _stable(why.splitlines()[-1]) for index, why in zip(waiting, alone, strict=True) if why
            }
        found |= faults
        waiting = [index for index in waiting if index not in faults]
    return found


def _stable(text: str) -> str:
    """Without what differs from run to run: the order of sets."""
    return _LIST.sub(lambda match: f"[{' '.join(sorted(match[0][1:-1].split()))}]", text)[:_TEXT_KEPT]


def _validate(path: str, cases: list[Case]) -> str:
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "c.yaml"
        # NB: nothing listens at these ports; the Collector does not look
        config = _pipelines(cases, Path("/tmp"), list(range(20_000, 20_000 + len(cases))))
        file.write_text(text(config), "utf-8")
        ran = subprocess.run(
            [path, "validate", "--config", str(file)], capture_output=True, text=True, check=False, env=os.environ | ENV
        )
    return (ran.stderr or f"exit code {ran.returncode}").strip() if ran.returncode else ""


async def run(path: str, cases: list[Case]) -> list[dict[str, Any]]:
    """What `tests.differential.embedded.run` says, of the real one."""
    refused = refusals(path, cases)
    runnable = [case for index, case in enumerate(cases) if index not in refused]
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(runnable), _AT_ONCE):
        part = runnable[start : start + _AT_ONCE]
        for case, result in zip(part, await _run_again(path, part), strict=True):
            found[case.name] = result
    return [{"refused": refused[i]} if i in refused else found[case.name] for i, case in enumerate(cases)]


class _EndedError(RuntimeError):
    """The Collector ended by itself, as when somebody took one of its ports in between."""


async def _run_again(path: str, cases: list[Case]) -> list[dict[str, Any]]:
    for _ in range(3):
        try:
            return await _run(path, cases)
        except _EndedError as error:
            why = error
    raise why


async def _run(path: str, cases: list[Case]) -> list[dict[str, Any]]:
    ports = free_ports(len(cases))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "c.yaml").write_text(text(_pipelines(cases, folder, ports)), "utf-8")
        process = await asyncio.create_subprocess_exec(
            path, "--config", str(folder / "c.yaml"), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            env=os.environ | ENV | {"TZ": "UTC"},
        )  # fmt: skip
        try:
            async with aiohttp.ClientSession() as session:
                await _ready(session, ports, process)
                rejected = [await _send(session, port, case) for case, port in zip(cases, ports, strict=True)]
        finally:
            if process.returncode is None:
                process.terminate()
            try:
                await asyncio.wait_for(process.communicate(), 20)
            except TimeoutError:
                process.kill()
                await process.wait()
        return [
            {**changes(INPUTS[case.input](), _read(folder / f"{number}.json")), "rejected": count}
            for number, (case, count) in enumerate(zip(cases, rejected, strict=True))
        ]


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
                        raise _EndedError(
                            (await process.stderr.read()).decode()[-500:] if process.stderr else ""
                        ) from error
                    await asyncio.sleep(0.05)


_PATIENCE = aiohttp.ClientTimeout(total=10)
_TYPE = {"Content-Type": "application/x-protobuf"}


async def _send(session: aiohttp.ClientSession, port: int, case: Case) -> int:
    rejected = 0
    for request in INPUTS[case.input]():
        try:
            async with session.post(
                f"http://127.0.0.1:{port}/v1/metrics",
                data=request.SerializeToString(),
                headers=_TYPE,
                timeout=_PATIENCE,
            ) as answer:
                await answer.read()
                rejected += answer.status != 200
        except TimeoutError as error:  # such as a statement that copies what it copied, for ever
            raise RuntimeError(f"no answer within {_PATIENCE.total} s to the case {case.name!r}") from error
    return rejected


def _read(file: Path) -> list[ExportMetricsServiceRequest]:
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    # no exemplars in the inputs: trace ids, which are hexadecimal here, do not occur
    return [json_format.Parse(line, ExportMetricsServiceRequest()) for line in lines]


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
        content = json.dumps(golden, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        (GOLDEN / f"{file}.json").write_text(content, "utf-8")
        print(f"{file}: {len(cases)} cases, {sum('refused' in result for result in results)} refused")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
