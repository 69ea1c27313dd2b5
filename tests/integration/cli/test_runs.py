"""Verbs on experiments and deployments, with statuses as controllers write them."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from phoenix.api.experiment import Decision, Experiment
from phoenix.api.pipeline import PipelineDeployment, PipelineRevision, PipelineRevisionSpec, PipelineSource
from phoenix.apimachinery.meta import ObjectMeta
from tests.integration.cli.conftest import ROOT, Ctl

EXAMPLES = ROOT / "resources" / "examples"
RESULTS = {
    "input": {"points": {"baseline": 1000, "same": 1000}, "parity": True, "windows": 3, "expectedWindows": 3},
    "variants": [
        {"name": "baseline", "activeSeries": 1000, "samples": 5000, "bytes": 2048, "cpuSeconds": 1.5},
        {
            "name": "same",
            "activeSeries": 250,
            "samples": 5000,
            "vsBaseline": {"cardinalityReduction": 0.75, "notComparable": "engines differ"},
            "criteria": [{"metric": "cardinalityReduction", "passed": False, "value": 0.75, "max": 0.0}],
            "cost": [
                {
                    "priceBook": "p@1",
                    "baseline": 10,
                    "candidate": 4,
                    "saving": 6,
                    "inputs": {"hosts": 2},
                    "formula": "f",
                }
            ],
        },
    ],
}


async def patch_status(ctl: Ctl, **status: Any) -> None:
    await ctl.client.patch(Experiment, "aa", "default", {"status": status}, subresource="status")


async def test_metrics_shows_both_sides_and_no_figure_for_what_is_not_known(ctl: Ctl) -> None:
    await ctl("apply", "-f", str(EXAMPLES / "aa.yaml"))
    assert "nothing has been measured" in (await ctl("metrics", "exp/aa"))[1]
    await patch_status(ctl, phase="Completed", run=1, verdict="Reject", verdictReason="too good", results=RESULTS)
    code, out, err = await ctl("metrics", "experiment/aa")
    assert code == 0, err
    rows = {line.split("   ")[0].strip(): line.split() for line in out.splitlines()}
    assert rows["active series"][2:] == ["1,000", "250", "-75.0", "%"]
    assert rows["bytes (OTLP)"][2:] == ["2.0", "KiB", "-", "-"], "absent is unknown, not zero"
    assert "FAIL" in out
    assert "engines differ" in out
    assert "6.00 USD" in out
    assert "verdict: Reject: too good" in out
    assert max(map(len, out.splitlines())) <= 80
    document = json.loads((await ctl("metrics", "aa", "-o", "json"))[1])
    assert (document["verdict"], document["results"]["variants"][1]["activeSeries"]) == ("Reject", 250)


async def test_watch_prints_lines_to_a_pipe_and_ends_with_the_verdict(ctl: Ctl) -> None:
    await ctl("apply", "-f", str(EXAMPLES / "aa.yaml"))
    await patch_status(ctl, phase="Running", run=1, progress=0.5)
    watching = asyncio.create_task(ctl("watch", "experiment/aa"))
    await asyncio.sleep(0)
    conditions = [{"type": "Promoted", "status": "False", "reason": "NotPromoted"}]
    await patch_status(ctl, phase="Completed", verdict="Invalid", conditions=conditions, results=RESULTS)
    code, out, err = await watching
    assert code == 12, err
    assert "verdict: Invalid" in out
    assert "same saves 6.00 of 10.00 USD a month by p@1" in out


async def test_watch_says_when_the_experiment_is_deleted(ctl: Ctl) -> None:
    await ctl("apply", "-f", str(EXAMPLES / "aa.yaml"))
    await ctl.client.patch(Experiment, "aa", "default", {"metadata": {"finalizers": ["x.io/hold"]}})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "phoenix.cli", "--state", str(ctl.state), "watch", "aa",
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(40):
        assert b"Pending" in await process.stdout.readline(), "it watches"
        await ctl.client.delete(Experiment, "aa", "default")
        await ctl.client.patch(Experiment, "aa", "default", {"metadata": {"finalizers": None}})
        _, err = await process.communicate()
    assert process.returncode == 13
    assert b"was deleted while it was watched" in err


async def test_steering_patches_spec_and_nothing_else(ctl: Ctl) -> None:
    await ctl("apply", "-f", str(EXAMPLES / "http-microservices.yaml"))

    async def now() -> Experiment:
        return await ctl.client.get(Experiment, "http-lean", "default")

    before = await now()
    code, out, err = await ctl("stop", "experiment/http-lean")
    assert (code, out) == (0, "experiment.phoenix.io/http-lean suspended\n")
    assert "phoenixctl start experiment/http-lean" in err
    assert (await now()).spec == before.spec.model_copy(update={"suspend": True})
    assert (await ctl("start", "http-lean"))[1] == "experiment.phoenix.io/http-lean started\n"
    assert (await now()).spec == before.spec
    code, out, err = await ctl("promote", "experiment/http-lean")
    assert code == 0
    assert "when the run completes" in err
    assert (await now()).spec.decision == Decision.PROMOTE
    code, _, err = await ctl("start", "experiment/nothing")
    assert code == 1
    code, _, err = await ctl("promote", "experiment/http-lean", "--wait", "--timeout=300ms")
    assert code == 3


async def deployment_with_history(ctl: Ctl) -> None:
    """Revisions 1 (superseded, with another processor than the one after it) and 2 (deployed)."""
    await ctl("apply", "-f", str(EXAMPLES / "deployment.yaml"))
    live = await ctl.client.get(PipelineDeployment, "edge-metrics", "default")
    first = {"processors": {"other": {}}, "service": {"pipelines": {"metrics": {"processors": ["other"]}}}}
    meta = ObjectMeta(name="edge-metrics-1", namespace="default")
    spec = PipelineRevisionSpec(revision=1, pipeline=PipelineSource(config=first), resolved=first, pipeline_hash="h1")
    await ctl.client.create(PipelineRevision(metadata=meta, spec=spec))
    history = [
        {"revision": 1, "name": "edge-metrics-1", "pipelineHash": "h1", "outcome": "Superseded"},
        {"revision": 2, "name": "edge-metrics-2", "pipelineHash": "h2", "outcome": "Deployed"},
    ]
    conditions = [
        {
            "type": "Progressing",
            "status": "False",
            "reason": "Complete",
            "observedGeneration": live.metadata.generation,
        },
        {"type": "Available", "status": "True", "reason": "Ok"},
    ]
    status = {"revision": 2, "attempted": {"revision": 2}, "history": history, "conditions": conditions}
    await ctl.client.patch(PipelineDeployment, "edge-metrics", "default", {"status": status}, subresource="status")


async def test_rollout_status_history_and_undo(ctl: Ctl) -> None:
    await deployment_with_history(ctl)
    code, out, _ = await ctl("rollout", "status", "pipelinedeployment/edge-metrics", "--timeout", "5s")
    assert code == 0
    assert "revision 2 runs" in out
    out = (await ctl("rollout", "history", "pd", "edge-metrics"))[1]
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [["1", "Superseded"], ["2*", "Deployed"]]
    assert "other" in (await ctl("rollout", "history", "pd/edge-metrics", "--revision=1"))[1]
    assert "revisions there: 1, 2" in (await ctl("rollout", "history", "pd/edge-metrics", "--revision=7"))[2]
    assert (await ctl("rollout", "undo", "pd/edge-metrics", "--dry-run=server"))[0] == 0
    assert "batch" in (await live_config(ctl))["processors"]
    code, out, err = await ctl("rollout", "undo", "pd/edge-metrics")
    assert (code, out) == (0, "pipelinedeployment.phoenix.io/edge-metrics undone to revision 1\n"), err
    config = await live_config(ctl)
    assert config == {"processors": {"other": {}}, "service": {"pipelines": {"metrics": {"processors": ["other"]}}}}
    assert (await ctl("rollout", "undo", "pd/edge-metrics"))[1].endswith("unchanged\n")
    code, _, err = await ctl("rollout", "status", "pd/edge-metrics", "--timeout", "300ms")
    assert code == 3, "the controller has not seen the new spec"
    assert "has not seen the spec yet" in err


async def live_config(ctl: Ctl) -> dict[str, Any]:
    config = (await ctl.client.get(PipelineDeployment, "edge-metrics", "default")).spec.pipeline.config
    assert config is not None
    return config
