"""A real Prometheus over series that are given, where its binary is (Debian: package prometheus)."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from phoenix.agent.ports import Ports
from phoenix.promql.aggregates import shown
from tests.harness.lifeline import LIFELINE
from tests.harness.promqueries import Series

WHY = "no Prometheus on this machine: Debian has it as the package prometheus"


def required() -> str:
    """Path of the binary; the test that asks is skipped where there is none."""
    if not (path := shutil.which("prometheus")) or not shutil.which("promtool"):
        pytest.skip(WHY)
    return path


def _openmetrics(series: Sequence[Series]) -> str:
    lines: dict[str, list[str]] = {}
    for labels, times, values in series:
        name = labels["__name__"]
        inner = ",".join(f'{key}="{value}"' for key, value in labels.items() if key != "__name__")
        rows = lines.setdefault(name, [f"# TYPE {name} unknown"])
        rows += [f"{name}{{{inner}}} {shown(v)} {t / 1000:.3f}" for t, v in zip(times, values, strict=True)]
    return "\n".join(line for rows in lines.values() for line in rows) + "\n# EOF\n"


@contextmanager
def serving(folder: Path, series: Sequence[Series]) -> Iterator[str]:
    """A Prometheus that holds the series and nothing else; its URL."""
    binary = required()
    (folder / "series.txt").write_text(_openmetrics(series))
    (folder / "prometheus.yml").write_text("global: {scrape_interval: 1h}\n")
    tool = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(folder / "series.txt"), str(folder / "data")]
    subprocess.run(tool, check=True, capture_output=True, timeout=60)
    address = f"127.0.0.1:{Ports('127.0.0.1').take(['prometheus'])['prometheus']}"
    command = [
        binary, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={address}", "--storage.tsdb.retention.time=100y",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*LIFELINE, *command], stdout=log, stderr=log)
        try:
            _wait_ready(f"http://{address}", process)
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait(20)


def _wait_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/-/ready", timeout=2).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        else:
            return
    raise AssertionError("Prometheus did not become ready")


def ask(url: str, query: str, at_ms: int) -> list[tuple[dict[str, str], float]]:
    """An instant query's answer: labels and value; of a scalar no labels."""
    parameters = urllib.parse.urlencode({"query": query, "time": f"{at_ms / 1000:.3f}"})
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?{parameters}", timeout=10) as answer:
            data: dict[str, Any] = json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        raise ValueError(json.load(error)["error"]) from error
    if data["resultType"] == "scalar":
        return [({}, float(data["result"][1]))]
    return [(row["metric"], float(row["value"][1])) for row in data["result"]]
