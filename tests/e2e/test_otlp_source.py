"""Real senders point at the experiment's address; what they send is teed to every variant and judged."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.agent.ports import Ports
from phoenix.api.experiment import Experiment
from phoenix.api.results import Verdict
from phoenix.apimachinery.conditions import find_condition
from phoenix.engine.grpcextra import METHOD
from tests.harness.cluster import Cluster
from tests.harness.eventually import eventually

pytestmark = pytest.mark.e2e
USERS = 20


def request(time_unix_nano: int, tick: int) -> bytes:
    """A counter with a user id: twenty streams."""
    built = ExportMetricsServiceRequest()
    resource = built.resource_metrics.add()
    attribute = resource.resource.attributes.add(key="service.name")
    attribute.value.string_value = "shop"
    metric = resource.scope_metrics.add().metrics.add(name="orders", unit="1")
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = 2
    for user in range(USERS):
        point = metric.sum.data_points.add(
            start_time_unix_nano=1_700_000_000_000_000_000,
            time_unix_nano=time_unix_nano,
            as_int=100 + tick * (user + 1),
        )
        point.attributes.add(key="user.id").value.string_value = f"u{user}"
    return built.SerializeToString()


async def send(endpoint: str, grpc_port: int, stop: asyncio.Event) -> None:
    """Every other request by gRPC."""
    async with (
        aiohttp.ClientSession() as session,
        grpc.aio.insecure_channel(f"{urlsplit(endpoint).hostname}:{grpc_port}") as channel,
    ):
        export, tick = channel.unary_unary(METHOD), 0
        while not stop.is_set():
            body = request(time.time_ns(), tick)
            headers = {"Content-Type": "application/x-protobuf"}
            if tick % 2:
                assert await export(body, compression=grpc.Compression.Gzip, timeout=30, wait_for_ready=True) == b""
            else:
                async with session.post(f"{endpoint}/v1/metrics", data=body, headers=headers) as answer:
                    assert answer.status == 200
            tick += 1
            try:
                async with asyncio.timeout(0.5):
                    await stop.wait()
            except TimeoutError:
                continue


def experiment(name: str, source: dict[str, int], duration: str = "8s") -> dict[str, Any]:
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": {
            "source": {"otlp": source},
            "variants": [
                {"name": "baseline", "role": "Baseline", "pipeline": {"templateRef": {"name": "baseline"}}},
                {"name": "candidate", "role": "Candidate", "pipeline": {"templateRef": {"name": "http-lean"}}},
            ],
            "timing": {"warmup": "2s", "duration": duration, "interval": "500ms"},
            "analysis": {
                "criteria": [
                    {"metric": "cardinalityReduction", "min": 0.9},
                    {"metric": "signalLoss", "max": 0.0},
                ],
                "signals": [{"name": "orders", "query": "sum by (service_name) (orders_total)"}],
            },
        },
    }


async def test_real_senders_are_teed_and_judged(phoenix: Cluster) -> None:
    grpc_port = Ports("127.0.0.1").take(["grpc"])["grpc"]
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        await phoenix.apply(experiment("taken", {"port": taken}, duration="10m"))
        await phoenix.apply(experiment("real", {"grpcPort": grpc_port}))
        await _is_judged(phoenix, grpc_port)
        failed = await phoenix.until("taken", {"Completed", "Failed"})
    assert failed.status.phase == "Failed", failed.status.verdict_reason
    why = f"cannot listen on 127.0.0.1:{taken}: address already in use by pid {os.getpid()} "
    assert failed.status.verdict_reason.startswith("SourceFailed: collector/taken-tee-")
    assert why in failed.status.verdict_reason
    complete = find_condition(failed.status.conditions, "Complete")
    assert complete is not None
    assert (complete.reason, why in complete.message) == ("SourceFailed", True)
    await phoenix.told("taken", "ExperimentFailed")
    row = next(line for line in (await phoenix.ctl("get", "exp", "-o", "wide"))[1].splitlines() if "taken" in line)
    assert row.split()[1] == "Failed"
    assert "SourceFailed: " in row
    await phoenix.quiet()


async def _is_judged(phoenix: Cluster, grpc_port: int) -> None:
    async def look() -> Experiment:
        return await phoenix.experiment("real")

    told = await eventually(
        look, lambda found: bool(found.status.source_endpoint), within_s=40, what="an address for senders"
    )
    where = f"send OTLP/HTTP to {told.status.source_endpoint}/v1/metrics, or OTLP/gRPC to 127.0.0.1:{grpc_port}"
    told = await eventually(
        look, lambda found: where in found.status.verdict_reason, within_s=40, what="a word on where to send to"
    )
    stop = asyncio.Event()
    sending = asyncio.create_task(send(told.status.source_endpoint, grpc_port, stop))
    try:
        ended = await eventually(
            look,
            lambda found: found.status.phase in ("Analyzing", "Completed", "Failed"),
            within_s=60,
            what="the end of the measured time",
        )
    finally:
        stop.set()
        (said,) = await asyncio.gather(sending, return_exceptions=True)
    # The run's end may close the source under a request; anything else that a sender was told is wrong.
    assert said is None or isinstance(said, aiohttp.ClientError | grpc.aio.AioRpcError), said
    assert ended.status.phase != "Failed", ended.status.conditions
    done = await phoenix.until("real", {"Completed", "Failed"})
    assert done.status.verdict == Verdict.PROMOTE, done.status.verdict_reason
    assert done.status.results is not None
    assert done.status.results.input.parity is True, done.status.results.problems
    assert len(set(done.status.results.input.digest.values())) == 1
    baseline, candidate = done.status.results.variants
    assert (baseline.active_series, candidate.active_series) == (USERS, 1)
