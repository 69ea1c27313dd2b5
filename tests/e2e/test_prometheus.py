"""Debian's Prometheus finds everything by service discovery and has both variants' series under their labels."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.harness.cluster import Cluster
from tests.harness.eventually import eventually

pytestmark = pytest.mark.e2e
PROMETHEUS = shutil.which("prometheus")
JOB = """\
  - job_name: {name}
    http_sd_configs:
      - url: {server}/sd/{name}
        refresh_interval: 1s
        authorization: {{type: Bearer, credentials_file: {state}/token}}
        tls_config: {{ca_file: {state}/ca.crt}}
"""
OWN = """\
    authorization: {{type: Bearer, credentials_file: {state}/token}}
    tls_config: {{ca_file: {state}/ca.crt}}
"""


def pipeline(drop: str = "") -> dict[str, Any]:
    """Keeps its own exporter for Prometheus, on a port of the agent's."""
    processors = {"attributes": {"actions": [{"key": drop, "action": "delete"}]}} if drop else {}
    return {
        "config": {
            "processors": processors,
            "exporters": {"prometheus": {"endpoint": "${phoenix:address}:${phoenix:port:prometheus}"}},
            "service": {"pipelines": {"metrics": {"processors": list(processors), "exporters": ["prometheus"]}}},
        }
    }


EXPERIMENT = {
    "apiVersion": "phoenix.io/v1alpha1",
    "kind": "Experiment",
    "metadata": {"name": "scraped"},
    "spec": {
        "source": {"load": {"profileRef": {"name": "steady"}}},
        "exporters": "Keep",
        "variants": [
            {"name": "baseline", "role": "Baseline", "pipeline": pipeline()},
            {"name": "candidate", "role": "Candidate", "pipeline": pipeline("url.scheme")},
        ],
        "timing": {"warmup": "2s", "duration": "10m", "interval": "500ms"},
    },
}


class Prometheus:
    """A running one."""

    def __init__(self, port: int, session: aiohttp.ClientSession) -> None:
        self._url, self._session = f"http://127.0.0.1:{port}/api/v1", session

    async def get(self, path: str, **parameters: str) -> Any:
        async with self._session.get(f"{self._url}/{path}", params=parameters) as answer:
            return (await answer.json())["data"]

    async def targets(self) -> dict[str, dict[str, str]]:
        """Labels of the targets that are up, by URL."""
        found = (await self.get("targets", state="active"))["activeTargets"]
        return {one["scrapeUrl"]: one["labels"] for one in found if one["health"] == "up"}

    async def count(self, query: str) -> dict[str, float]:
        """An instant vector by its variant label."""
        found = (await self.get("query", query=query))["result"]
        return {one["metric"].get("variant", ""): float(one["value"][1]) for one in found}


@asynccontextmanager
async def prometheus(folder: Path, config: str) -> AsyncIterator[Prometheus]:
    assert PROMETHEUS
    folder.mkdir()
    (folder / "prometheus.yml").write_text(config)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            PROMETHEUS,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=log,
            stderr=log,
        )
    try:
        async with aiohttp.ClientSession() as session:
            yield Prometheus(port, session)
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.skipif(PROMETHEUS is None, reason="Prometheus is not installed")
async def test_prometheus_finds_every_target_and_sees_both_variants(phoenix: Cluster, tmp_path: Path) -> None:
    await phoenix.apply(EXPERIMENT)
    await phoenix.until("scraped", ["Running"])
    server = str(phoenix.client.server)
    jobs = "".join(
        JOB.format(name=name, server=server, state=phoenix.state) for name in ("collectors", "programs", "phoenix")
    )
    config = f"global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{jobs}"
    async with prometheus(tmp_path / "prometheus", config + OWN.format(state=phoenix.state)) as seen:

        async def found() -> dict[str, dict[str, str]]:
            try:
                targets = await seen.targets()
            except (aiohttp.ClientError, KeyError):
                return {}
            return targets

        targets = await eventually(found, lambda up: len(up) == 7, within_s=30, what="seven targets up")
        # A collector a variant, with its own telemetry and its exporter; generator, meter, and the server itself.
        roles = sorted((labels["role"], labels.get("variant", "")) for labels in targets.values())
        assert roles == [
            ("apiserver", ""), ("exporter", "baseline"), ("exporter", "candidate"), ("loadgenerator", ""),
            ("meter", ""), ("telemetry", "baseline"), ("telemetry", "candidate"),
        ]  # fmt: skip

        async def series() -> dict[str, float]:
            return await seen.count('count by (variant) ({role="exporter", __name__=~"http.*|app.*"})')

        counted = await eventually(series, lambda by: set(by) == {"baseline", "candidate"}, within_s=20, what="series")
        # url.scheme is always https: without it the candidate has the same series under one label less.
        assert counted["baseline"] == counted["candidate"] > 1_000
        labelled = 'count by (variant) ({experiment="scraped", deployment!="", host!="", run="1", role="exporter"})'
        total = 'count by (variant) ({role="exporter"})'
        assert await seen.count(labelled) == await seen.count(total)
        https = await seen.count('count by (variant) ({role="exporter", url_scheme="https"})')
        assert set(https) == {"baseline"}
