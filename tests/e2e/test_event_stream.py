"""Who listens on a WebSocket learns of a run as it goes: every lifecycle event, in order, with its data, at once."""

from __future__ import annotations

import asyncio
import json
import ssl
from datetime import UTC, datetime
from statistics import median
from typing import Any

import aiohttp
import pytest

from phoenix.apimachinery.conditions import parse_timestamp
from tests.harness.cluster import Cluster

pytestmark = pytest.mark.e2e

WITH_DATA = {
    "ExperimentStarted": {"run", "hosts", "pipelineHash.candidate"},
    "DeploymentStarted": {"revision", "pipelineHash"},
    "VariantReady": {"variant", "configHash"},
    "LoadStarted": {"host", "startedAt"},
    "MeasurementStarted": {"from", "to"},
    "KPIComputed": {"progress", "candidate.cardinalityReduction", "candidate.signalLoss"},
    "ExperimentAnalyzed": {"verdict", "reason", "candidate.cardinalityReduction"},
    "ExperimentCompleted": {"run", "verdict"},
    "ExperimentPromoted": {"deployment", "variant", "pipelineHash"},
}
"""In the order in which each is heard of first."""


def data(event: dict[str, Any]) -> dict[str, str]:
    annotations = event["metadata"].get("annotations", {})
    return {key.removeprefix("phoenix.io/data."): value for key, value in annotations.items()}


async def test_a_websocket_client_hears_the_whole_life_of_a_run(phoenix: Cluster) -> None:
    heard: list[dict[str, Any]] = []
    delays_s: list[float] = []
    endpoint = json.loads((phoenix.state / "endpoint.json").read_text())
    context = ssl.create_default_context(cafile=endpoint["caFile"])
    headers = {"Authorization": f"Bearer {(phoenix.state / 'token').read_text()}"}
    url = f"{endpoint['server']}/api/v1/namespaces/default/events?watch=true"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, headers=headers, ssl=context, max_msg_size=0) as listening,
        asyncio.timeout(60),
    ):
        await phoenix.apply_example("http-microservices.yaml")
        while not heard or heard[-1]["reason"] != "ExperimentPromoted":
            event = json.loads((await listening.receive()).data)["object"]
            heard.append(event)
            delays_s.append((datetime.now(UTC) - parse_timestamp(event["eventTime"])).total_seconds())
    first = {event["reason"]: event for event in reversed(heard)}
    reasons = [event["reason"] for event in heard]
    places = [reasons.index(reason) for reason in WITH_DATA]
    assert places == sorted(places), reasons
    for reason, names in WITH_DATA.items():
        assert names <= data(first[reason]).keys(), reason
        assert first[reason]["message"]
    revisions = [int(event["metadata"]["resourceVersion"]) for event in heard]
    assert revisions == sorted(revisions)
    assert median(delays_s) < 0.5
    await phoenix.quiet()
