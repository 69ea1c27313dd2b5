"""Stop, delete, roll back, and bad input: results are kept, processes are not, and every error says what to mend."""

from __future__ import annotations

import pytest

from phoenix.api.experiment import Experiment
from phoenix.api.pipeline import PipelineDeployment
from phoenix.apimachinery.conditions import find_condition, is_true
from tests.harness.cluster import Cluster
from tests.harness.eventually import eventually

pytestmark = pytest.mark.e2e
LONG = {"warmup": "1s", "duration": "120s", "interval": "500ms"}


async def test_stop_midway_keeps_results_and_ends_every_process(phoenix: Cluster) -> None:
    name = await phoenix.apply_example("http-microservices.yaml", LONG)
    await phoenix.until(name, {"Running"})

    async def look() -> Experiment:
        return await phoenix.experiment(name)

    await eventually(
        look,
        lambda found: found.status.results is not None and bool(found.status.results.input.windows),
        within_s=40,
        what="live results",
    )
    code, out, err = await phoenix.ctl("stop", f"experiment/{name}")
    assert code == 0, out + err
    stopped = await phoenix.until(name, {"Stopped"}, within_s=30)
    assert stopped.status.results is not None
    assert stopped.status.verdict is None
    await phoenix.quiet()
    await phoenix.told(name, "ExperimentStopped")
    code, out, err = await phoenix.ctl("start", f"experiment/{name}")
    assert code == 0, out + err
    again = await phoenix.until(name, {"WarmingUp", "Running"}, within_s=30)
    assert again.status.run == 2
    assert [previous.run for previous in again.status.previous_runs] == [1]


async def test_delete_midway_ends_every_process(phoenix: Cluster) -> None:
    name = await phoenix.apply_example("http-microservices.yaml", LONG)
    await phoenix.until(name, {"Running"})
    code, out, err = await phoenix.ctl("delete", "experiment", name, "--timeout", "30s")
    assert code == 0, out + err
    await phoenix.gone(Experiment, name)
    await phoenix.quiet()
    left = await phoenix.client.list(PipelineDeployment, "default")
    assert not left.items


async def test_a_revision_that_cannot_start_is_rolled_back(phoenix: Cluster) -> None:
    name = await phoenix.apply_example("deployment.yaml")

    async def look() -> PipelineDeployment:
        return await phoenix.client.get(PipelineDeployment, name, "default")

    good = await eventually(look, lambda found: found.status.revision == 1, within_s=30, what="revision 1 is effective")
    changed = good.model_copy(deep=True)
    config = changed.spec.pipeline.config
    assert config is not None
    # A port that the API server has: the config is sound, and yet cannot start on this host.
    taken = phoenix.client.server.rsplit(":", 1)[1]
    config["exporters"]["prometheus"] = {"endpoint": f"127.0.0.1:{taken}"}
    config["service"]["pipelines"]["metrics"]["exporters"] = ["prometheus"]
    changed.spec.progress_deadline = type(changed.spec.progress_deadline)("6s")
    await phoenix.client.update(changed)
    back = await eventually(
        look,
        lambda found: found.status.attempted is not None and found.status.attempted.reason == "RolledBack",
        within_s=40,
        what="revision 2 is rolled back",
    )
    assert back.status.attempted is not None
    assert back.status.attempted.revision == 2
    back = await eventually(
        look, lambda found: is_true(found.status.conditions, "Available"), within_s=30, what="revision 1 runs again"
    )
    assert back.status.revision == 1
    assert back.status.config_hash == good.status.config_hash
    assert back.status.attempted is not None
    assert taken in back.status.attempted.message or "in use" in back.status.attempted.message
    await phoenix.told(name, "DeploymentRolledBack")


def http_lean(**changes: object) -> dict[str, object]:
    spec: dict[str, object] = {
        "source": {"load": {"profileRef": {"name": "microservices-http"}}},
        "variants": [
            {"name": "baseline", "role": "Baseline", "pipeline": {"templateRef": {"name": "baseline"}}},
            {"name": "candidate", "role": "Candidate", "pipeline": {"templateRef": {"name": "http-lean"}}},
        ],
        "timing": {"warmup": "1s", "duration": "6s", "interval": "500ms"},
    }
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "bad"},
        "spec": {**spec, **changes},
    }


@pytest.mark.parametrize(
    ("changes", "reason", "said"),
    [
        ({"hostSelector": {"matchLabels": {"role": "edge"}}}, "NoMatchingHost", "role=edge"),
        (
            {"source": {"load": {"profileRef": {"name": "microservices-htp"}}}},
            "ProfileNotFound",
            'did you mean "microservices-http"?',
        ),
        ({"cost": {"priceBooks": ["nobody"]}}, "PriceBookNotFound", "spec.cost.priceBooks[0]"),
    ],
)
async def test_a_reference_that_leads_nowhere_is_said_and_mended(
    phoenix: Cluster, changes: dict[str, object], reason: str, said: str
) -> None:
    await phoenix.apply(http_lean(**changes))

    async def look() -> Experiment:
        return await phoenix.experiment("bad")

    refused = await eventually(
        look,
        lambda found: find_condition(found.status.conditions, "Accepted") is not None,
        within_s=40,
        what="a word on acceptance",
    )
    accepted = find_condition(refused.status.conditions, "Accepted")
    assert accepted is not None
    assert (accepted.status, accepted.reason) == ("False", reason)
    assert said in accepted.message
    assert refused.status.phase == "Pending"
    await phoenix.apply(http_lean())
    await phoenix.until("bad", {"WarmingUp", "Running", "Completed"}, within_s=30)


async def test_a_config_that_cannot_start_is_refused_before_anything_runs(phoenix: Cluster) -> None:
    config = {
        "processors": {"nosuch": {}},
        "service": {"pipelines": {"metrics": {"processors": ["nosuch"]}}},
    }
    bad = http_lean()
    spec = bad["spec"]
    assert isinstance(spec, dict)
    spec["variants"][1]["pipeline"] = {"config": config}
    await phoenix.apply(bad)

    async def look() -> Experiment:
        return await phoenix.experiment("bad")

    refused = await eventually(
        look,
        lambda found: find_condition(found.status.conditions, "Accepted") is not None,
        within_s=40,
        what="a word on acceptance",
    )
    accepted = find_condition(refused.status.conditions, "Accepted")
    assert accepted is not None
    assert (accepted.status, accepted.reason) == ("False", "ConfigInvalid")
    assert "spec.variants[1].pipeline" in accepted.message
    assert "nosuch" in accepted.message
    assert (refused.status.phase, refused.status.run) == ("Pending", 0)
    await phoenix.quiet()


async def test_wrong_files_are_refused_with_line_and_field_and_nothing_is_lost(phoenix: Cluster) -> None:
    await phoenix.apply(http_lean(suspend=True))
    before = await phoenix.experiment("bad")
    malformed = b"apiVersion: phoenix.io/v1alpha1\nkind: Experiment\nmetadata: {name: bad\nspec: x\n"
    code, _, err = await phoenix.ctl("apply", "-f", "-", stdin=malformed)
    assert code != 0
    assert "line" in err or ":4" in err or ":3" in err, err
    unknown = b"""apiVersion: phoenix.io/v1alpha1
kind: Experiment
metadata: {name: other}
spec:
  source: {load: {profileRef: {name: microservices-http}}}
  variants:
    - {name: baseline, role: Baseline, pipeline: {templateRef: {name: baseline}}}
    - {name: candidate, role: Candidate, pipeline: {templateRef: {name: http-lean}}}
  timming: {warmup: 5s}
"""
    code, _, err = await phoenix.ctl("apply", "-f", "-", stdin=unknown)
    assert code != 0
    assert "timming" in err
    after = await phoenix.experiment("bad")
    assert after.spec == before.spec
    assert after.metadata.generation == before.metadata.generation
