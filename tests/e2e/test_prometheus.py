"""Debian's Prometheus finds everything by service discovery and has both variants' series under their labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.harness.cluster import Cluster
from tests.harness.eventually import eventually
from tests.harness.prometheusserver import prometheus

pytestmark = pytest.mark.e2e
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
        "source": {"load": {"profileRef": {"name": "steady"}, "scale": 0.1}},
        "exporters": "Keep",
        "variants": [
            {"name": "baseline", "role": "Baseline", "pipeline": pipeline()},
            {"name": "candidate", "role": "Candidate", "pipeline": pipeline("url.scheme")},
        ],
        "timing": {"warmup": "2s", "duration": "10m", "interval": "500ms"},
    },
}


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
            return await seen.by("variant", 'count by (variant) ({role="exporter", __name__=~"http.*|app.*"})')

        # url.scheme is always https: without it the candidate has the same series under one label less.
        await eventually(
            series,
            lambda by: set(by) == {"baseline", "candidate"} and by["baseline"] == by["candidate"] > 100,
            within_s=40,
            what="as many series of both variants",
        )
        lacking = (
            'count({role="exporter", experiment=""} or {role="exporter", deployment=""} or {role="exporter", host=""} '
            'or {role="exporter", run=""})'
        )
        assert await seen.vector(lacking) == {}
        https = await seen.by("variant", 'count by (variant) ({role="exporter", url_scheme="https"})')
        assert set(https) == {"baseline"}
