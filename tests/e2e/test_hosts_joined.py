"""A server and hosts that join it, as separate programs: runs across them, cables pulled, drains."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from phoenix.api.collector import Collector
from phoenix.api.host import Host
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.meter import Meter
from phoenix.api.results import Verdict
from phoenix.apimachinery.conditions import is_true
from tests.harness import netns
from tests.harness.cluster import ROOT, Cluster, cluster
from tests.harness.eventually import eventually
from tests.harness.hosts import agent_host, host_token
from tests.harness.leftovers import processes_of

pytestmark = pytest.mark.e2e
# The example asks for rates over 5 s, which must not reach back to where series begin, late as that may be on a busy
# machine: there sums of rates and rates of sums differ.
TIMING = {"warmup": "9s", "duration": "8s", "interval": "500ms"}
LONG = {"warmup": "2s", "duration": "300s", "interval": "500ms"}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Cluster]:
    """A server without an agent, on loopback."""
    async with cluster(tmp_path, "--port", "0", program="phoenix.serve") as found:
        yield found


async def ready_hosts(server: Cluster) -> set[str]:
    hosts = (await server.client.list(Host)).items
    return {host.metadata.name for host in hosts if is_true(host.status.conditions, "Ready")}


async def processes(server: Cluster, host: str) -> list[Collector | LoadGenerator | Meter]:
    found: list[Collector | LoadGenerator | Meter] = []
    for kind in (Collector, LoadGenerator, Meter):
        found += (await server.client.list(kind, field_selector=f"spec.host={host}")).items
    return found


async def reachable(item: Collector | LoadGenerator | Meter) -> bool:
    """Whether its health port can be connected to from here, within a second."""
    try:
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection(item.status.address, item.status.ports["health"])
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def test_a_run_across_two_machines_outlives_a_pulled_cable(tmp_path: Path) -> None:
    """Each in a network namespace of its own. While one is cut off, what it measures waits there and comes later."""
    if why := netns.why_not():
        pytest.skip(why)
    with netns.network("a", "b") as net:
        arguments = ("--port", "0", "--listen", net.gateway)
        async with (
            cluster(tmp_path, *arguments, program="phoenix.serve") as server,
            agent_host(server, "a", through=net.inside("a", ())),
            agent_host(server, "b", through=net.inside("b", ())),
        ):
            assert await ready_hosts(server) == {"a", "b"}
            name = await server.apply_example("http-microservices.yaml", TIMING)
            begun = await server.until(name, {"Running", "Failed"}, within_s=40)
            assert begun.status.hosts == ["a", "b"]
            for host, address in net.addresses.items():
                on_it = await processes(server, host)
                assert {item.kind for item in on_it} == {"Collector", "LoadGenerator", "Meter"}
                assert {item.status.address for item in on_it} == {address}, "found by itself, not 127.0.0.1"
            meter = next(item for item in await processes(server, "b") if item.kind == "Meter")
            assert await reachable(meter), "other machines reach it at the address it says"
            net.pull_the_cable("b")
            assert not await reachable(meter)
            await asyncio.sleep(3)  # the time it is cut off
            net.plug_it_in("b")
            done = await server.until(name, {"Completed", "Failed"}, within_s=60)
            assert done.status.verdict == Verdict.PROMOTE, done.status.verdict_reason
            assert done.status.results is not None
            assert done.status.results.input.windows == done.status.results.input.expected_windows == 8
            assert done.status.results.input.parity is True
            left = {item.metadata.name for host in "ab" for item in await processes(server, host)}
            assert left <= {"edge-a", "edge-b"}, "nothing but what was promoted"


async def test_a_host_is_drained_and_used_again(server: Cluster) -> None:
    async with agent_host(server, "a", "--label", "role=edge,zone=1"), agent_host(server, "b", "--label", "role=edge"):
        await server.apply_example("deployment.yaml")
        code, out, err = await server.ctl("rollout", "status", "pipelinedeployment/edge-metrics", "--timeout", "30s")
        assert code == 0, out + err
        assert await on_hosts(server) == {"a", "b"}
        code, out, err = await server.ctl("drain", "b", "--timeout", "20s")
        assert (code, out.splitlines()) == (
            0,
            [
                "host.phoenix.io/b cordoned",
                "collector.phoenix.io/edge-metrics-b evicted",
                "host.phoenix.io/b drained",
            ],
        ), err
        assert await on_hosts(server) == {"a"}
        code, out, _ = await server.ctl("uncordon", "b")
        assert (code, out) == (0, "host.phoenix.io/b uncordoned\n")
        await eventually(
            lambda: on_hosts(server), lambda found: found == {"a", "b"}, within_s=40, what="b is used again"
        )

        name = await server.apply_example("http-microservices.yaml", LONG)
        await server.until(name, {"WarmingUp", "Running"}, within_s=40)
        code, out, err = await server.ctl("drain", "b", "--timeout", "20s")
        assert code == 1
        assert out == "host.phoenix.io/b cordoned\n", "nothing was ended"
        assert f"experiment/{name} in namespace default measures on it until" in err
        assert "--force" in err
        assert await on_hosts(server) == {"a", "b"}
        code, out, err = await server.ctl("drain", "b", "--force", "--timeout", "30s")
        assert code == 0, err
        assert f"experiment.phoenix.io/{name} stopping" in out
        assert await processes(server, "b") == []
        stopped = await server.until(name, {"Stopped"}, within_s=40)
        assert stopped.status.verdict is None
        code, _, err = await server.ctl("start", f"experiment/{name}")
        assert code == 0, err
        again = await server.until(name, {"Deploying", "WarmingUp", "Running"}, within_s=40)
        assert (again.status.run, again.status.hosts) == (2, ["a"]), "its next run is on the other host"


async def on_hosts(server: Cluster) -> set[str]:
    """Hosts with a ready collector of a deployment."""
    found = (await server.client.list(Collector)).items
    return {
        item.spec.host for item in found if item.spec.role == "Deployment" and is_true(item.status.conditions, "Ready")
    }


async def test_a_token_of_another_host_is_refused_at_once(server: Cluster, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(await host_token(server, "a"))
    agent = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "phoenix.agent", "--state", str(tmp_path / "b"), "--host-name", "b",
        "--server", server.client.server, "--ca-file", str(server.state / "ca.crt"), "--token-file", str(token),
        "--stop-workloads", cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(40):
        _, err = await agent.communicate()
    assert agent.returncode == 1
    assert err.decode().splitlines()[-1].startswith("agent: host 'b' may not be registered with this token: ")
    assert processes_of(tmp_path / "b") == []
