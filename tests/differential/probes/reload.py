"""SIGHUP: what becomes of the process, of what it held and of what it counted, with a good and a bad configuration."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.differential.inputs import few
from tests.differential.realtemplates import messages
from tests.harness.eventually import eventually
from tests.harness.otelcol import Collector, free_ports, running

_ACCEPTED = re.compile(r"^otelcol_receiver_accepted_metric_points\{.*\} (\d+)", re.MULTILINE)


def _config(file: Path, otlp: int, telemetry: int, **more: Any) -> str:
    reader = {"pull": {"exporter": {"prometheus": {"host": "127.0.0.1", "port": telemetry}}}}
    return json.dumps(
        {
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{otlp}"}}}},
            "processors": {"batch": {"timeout": "10m"}, **more},
            "exporters": {"file": {"path": str(file), "format": "proto"}},
            "service": {
                "telemetry": {"metrics": {"readers": [reader]}, "logs": {"level": "info"}},
                "pipelines": {"metrics": {"receivers": ["otlp"], "processors": ["batch"], "exporters": ["file"]}},
            },
        }
    )


async def _accepted(collector: Collector, telemetry: int) -> int:
    _, page = await collector.get(telemetry, "/metrics")
    found = _ACCEPTED.search(page)
    return int(found[1]) if found else 0


async def _until_said(collector: Collector, words: str, times: int) -> None:
    async def look() -> int:
        return collector.said().count(words)

    await eventually(look, lambda found: found >= times, within_s=60, what=f"it says {words!r}", every_s=0.01)


_READY = "Everything is ready."


async def ask(path: str) -> dict[str, Any]:
    """One process: a good configuration, then a bad one. Tells the gap to stderr, which is not the same twice."""
    otlp, telemetry = free_ports(2)
    (request,) = few()
    with tempfile.TemporaryDirectory() as made:
        file, first, second = Path(made) / "c.yaml", Path(made) / "first", Path(made) / "second"
        file.write_text(_config(first, otlp, telemetry), "utf-8")
        async with running(path, file) as collector:
            await collector.takes_metrics(otlp)
            assert await collector.send(otlp, request.SerializeToString()) == 200
            before = await _accepted(collector, telemetry)
            held = len(list(messages(first)))
            file.write_text(_config(second, otlp, telemetry), "utf-8")
            begun = time.monotonic()
            collector.signal(signal.SIGHUP)
            await _until_said(collector, _READY, 2)
            await collector.takes_metrics(otlp)
            print(f"a reload takes {(time.monotonic() - begun) * 1000:.0f} ms", file=sys.stderr)
            good = {
                "runs on": collector.process.returncode is None,
                "batches held before": held, "batches sent by the old one": len(list(messages(first))),
                "points counted before": before, "points counted after": await _accepted(collector, telemetry),
            }  # fmt: skip
            assert await collector.send(otlp, request.SerializeToString()) == 200
            file.write_text(_config(second, otlp, telemetry, kafka={}), "utf-8")
            collector.signal(signal.SIGHUP)
            code = await collector.ended()
            said = re.search(r'unknown type: \\*"kafka\\*"', collector.said())
            bad = {
                "exit code": code, "says": said[0].replace("\\", "") if said else "",
                "batches sent by the old one": len(list(messages(second))),
            }  # fmt: skip
    return {"a good configuration": good, "a bad configuration": bad}


def asked(path: str) -> dict[str, Any]:
    """As `ask`, to its end."""
    return asyncio.run(ask(path))
