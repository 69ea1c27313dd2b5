"""Verbs on objects: apply, create, get, describe, delete, wait, events, logs."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from phoenix.api.core import Event
from phoenix.api.experiment import Experiment
from phoenix.api.meter import Meter, MeterSpec
from phoenix.api.pipeline import PipelineDeployment
from phoenix.apimachinery.meta import ObjectMeta, ObjectReference
from tests.integration.cli.conftest import ROOT, Ctl

EXAMPLES = ROOT / "resources" / "examples"


async def test_apply_says_what_it_did_and_one_bad_document_stops_no_other(ctl: Ctl, tmp_path: Path) -> None:
    example = str(EXAMPLES / "deployment.yaml")
    code, out, _ = await ctl("apply", "-f", example)
    assert (code, out) == (0, "pipelinedeployment.phoenix.io/edge-metrics created\n")
    assert (await ctl("apply", "-f", example))[1] == "pipelinedeployment.phoenix.io/edge-metrics unchanged\n"
    path = tmp_path / "many.yaml"
    text = Path(example).read_text()
    unknown = text.replace("edge-metrics", "second").replace("minReady", "minRedy")
    invalid = text.replace("edge-metrics", "third").replace("minReady: 1s", "minReady: 1x")
    path.write_text("\n---\n".join([unknown, invalid, text.replace("200ms", "300ms"), "kind: Nothing\n"]))
    code, out, err = await ctl("apply", "-f", str(path))
    assert (code, out) == (1, "pipelinedeployment.phoenix.io/edge-metrics configured\n")
    lines = text.count("\n") + 2
    at = text.splitlines().index("  minReady: 1s") + 1
    assert (
        f'{path}:{at}: pipelinedeployment/second: spec.minRedy: there is no such field; did you mean "minReady"?' in err
    )
    assert f"{path}:{lines + at}: pipelinedeployment/third: spec.minReady:" in err
    assert "'1x' is not a duration" in err
    assert f"{path}:{3 * lines + 1}" in err
    assert [item.metadata.name for item in (await ctl.client.list(PipelineDeployment)).items] == ["edge-metrics"]


async def test_dry_runs_store_nothing(ctl: Ctl) -> None:
    example = str(EXAMPLES / "aa.yaml")
    assert (await ctl("apply", "-f", example, "--dry-run=server"))[
        1
    ] == "experiment.phoenix.io/aa created (server dry run)\n"
    assert (await ctl("create", "-f", example, "--dry-run=server"))[0] == 0
    assert (await ctl("apply", "-f", example, "--dry-run=client"))[0] == 0
    assert not (await ctl.client.list(Experiment)).items


async def test_create_refuses_what_is_there(ctl: Ctl) -> None:
    example = str(EXAMPLES / "aa.yaml")
    assert (await ctl("create", "-f", example))[0] == 0
    code, _, err = await ctl("create", "-f", example)
    assert code == 1
    assert "aa.yaml:2: experiment/aa:" in err
    assert "phoenixctl apply" in err


async def test_get_in_every_form(ctl: Ctl) -> None:
    await ctl("apply", "-f", str(EXAMPLES))
    code, out, err = await ctl("get", "all", "-A")
    assert code == 0, err
    assert out.splitlines()[0].split() == ["NAMESPACE", "NAME", "PHASE", "VERDICT", "PROGRESS", "AGE"]
    assert "experiment/aa" in out
    assert "pipelinedeployment/edge-metrics" in out
    assert max(map(len, out.splitlines())) <= 80
    assert json.loads((await ctl("get", "exp", "aa", "-o", "json"))[1])["metadata"]["name"] == "aa"
    assert (await ctl("get", "exp/aa", "-o", "name"))[1] == "experiment.phoenix.io/aa\n"
    names = (await ctl("get", "exp", "-o", "jsonpath={.items[*].metadata.name}", "--sort-by", ".metadata.name"))[1]
    assert names.split()[:4] == ["aa", "host-processes", "http-lean", "negative-control"]
    assert names.split() == sorted(item.metadata.name for item in (await ctl.client.list(Experiment)).items)
    assert "aa" in (await ctl("get", "exp", "--field-selector", "metadata.name=aa"))[1]
    code, out, err = await ctl("get", "exp", "-l", "a=b")
    assert (code, out, err) == (0, "", "No resources found in default namespace.\n")
    code, _, err = await ctl("get", "exp", "htp-lean")
    assert code == 1
    assert 'there is no experiment "htp-lean" in namespace "default"\n  did you mean "http-lean"?' in err
    code, _, err = await ctl("get", "exp", "aa", "-n", "other")
    assert 'it is in namespace "default": add -n default' in err


async def test_get_watch_shows_changes_until_it_is_ended(ctl: Ctl) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "phoenix.cli", "--state", str(ctl.state), "get", "exp", "-w",
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(40):
            await ctl("apply", "-f", str(EXAMPLES / "aa.yaml"))
            assert (await process.stdout.readline()).split()[0] == b"NAME"
            assert (await process.stdout.readline()).split()[:2] == [b"aa", b"-"]
            await ctl.client.patch(Experiment, "aa", "default", {"status": {"phase": "Running"}}, subresource="status")
            assert (await process.stdout.readline()).split()[:2] == [b"aa", b"Running"]
    finally:
        process.terminate()
        await process.wait()


async def test_delete_waits_for_finalizers_and_names_them(ctl: Ctl) -> None:
    await ctl("apply", "-f", str(EXAMPLES / "aa.yaml"))
    await ctl.client.patch(Experiment, "aa", "default", {"metadata": {"finalizers": ["phoenix.io/experiment"]}})
    code, out, err = await ctl("delete", "exp", "aa", "--timeout", "300ms")
    assert (code, out) == (3, "experiment.phoenix.io/aa deleted\n")
    assert "experiment/aa is still there after 0.3 s, held by phoenix.io/experiment" in err
    waiting = asyncio.create_task(ctl("wait", "exp/aa", "--for=delete", "--timeout", "15s"))
    await asyncio.sleep(0)
    await ctl.client.patch(Experiment, "aa", "default", {"metadata": {"finalizers": None}})
    assert (await waiting)[0] == 0
    code, _, err = await ctl("delete", "exp", "aa")
    assert code == 1
    assert 'there is no experiment "aa"' in err
    assert (await ctl("delete", "exp", "aa", "--ignore-not-found"))[0] == 0


async def test_delete_by_file_and_by_selector(ctl: Ctl) -> None:
    await ctl("apply", "-f", str(EXAMPLES))
    before = {item.metadata.name for item in (await ctl.client.list(Experiment)).items}
    assert (await ctl("delete", "-f", str(EXAMPLES / "aa.yaml")))[1] == "experiment.phoenix.io/aa deleted\n"
    await ctl.client.patch(Experiment, "http-lean", "default", {"metadata": {"labels": {"team": "x"}}})
    assert (await ctl("delete", "experiments", "-l", "team=x"))[1] == "experiment.phoenix.io/http-lean deleted\n"
    left = {item.metadata.name for item in (await ctl.client.list(Experiment)).items}
    assert before - left == {"aa", "http-lean"}


async def test_wait_for_conditions_phases_and_verdicts(ctl: Ctl) -> None:
    await ctl("apply", "-f", str(EXAMPLES / "aa.yaml"))
    code, _, err = await ctl("wait", "exp/aa", "--for=condition=Accepted", "--timeout=200ms")
    assert code == 3
    assert "experiment/aa: condition=Accepted not met within 0.2 s: it has no condition Accepted yet" in err
    assert (await ctl("wait", "exp/none", "--for=phase=Running"))[0] == 1
    waiting = asyncio.create_task(ctl("wait", "exp/aa", "--for=verdict", "--timeout=15s"))
    status = {"phase": "Completed", "verdict": "Reject", "run": 1}
    await ctl.client.patch(Experiment, "aa", "default", {"status": status}, subresource="status")
    code, out, _ = await waiting
    assert (code, out) == (10, "experiment.phoenix.io/aa Completed, verdict Reject\n")
    code, _, err = await ctl("wait", "exp/aa", "--for=phase=Running", "--timeout=10s")
    assert code == 3
    assert "cannot happen: the run has ended as Completed" in err


async def test_describe_and_events_show_data_in_order(ctl: Ctl) -> None:
    await ctl("apply", "-f", str(EXAMPLES / "aa.yaml"))
    about = ObjectReference(kind="Experiment", name="aa", namespace="default")
    for name, reason in (("z", "First"), ("a", "Second")):
        annotations = {"phoenix.io/data.series": "21322"}
        meta = ObjectMeta(name=name, namespace="default", annotations=annotations)
        await ctl.client.create(Event(metadata=meta, involved_object=about, reason=reason, message="said"))
    code, out, err = await ctl("describe", "exp", "aa")
    assert code == 0, err
    assert out.index("First") < out.index("Second")
    assert "Second: series=21322" in out
    assert "profileRef:" in out
    assert "last-applied" not in out
    out = (await ctl("events", "--for", "exp/aa", "-o", "wide"))[1]
    assert [line.split()[2] for line in out.splitlines()[1:]] == ["First", "Second"]
    assert "21322" in out
    assert (await ctl("events", "--types", "Warning"))[2] == "no events\n"


async def test_logs_of_one_process_and_of_all_of_an_experiment(ctl: Ctl) -> None:
    await ctl("apply", "-f", str(EXAMPLES / "aa.yaml"))
    for name in ("one", "two"):
        meta = ObjectMeta(name=name, namespace="default", labels={"phoenix.io/experiment": "aa"})
        made = await ctl.client.create(Meter(metadata=meta, spec=MeterSpec(host="vm", variants=["baseline"])))
        if name == "one":
            ctl.logs.by_uid[made.metadata.uid] = ["started", "ended"]
    assert (await ctl("logs", "meter/one", "--tail", "1"))[1] == "ended\n"
    assert (await ctl("logs", "exp/aa"))[1] == "[meter/one] started\n[meter/one] ended\n"
    code, _, err = await ctl("logs", "meter/two")
    assert code == 1
    assert "meter/two has no log here: it has not started, or host vm is another machine: processes/" in err


async def test_version_and_a_server_that_is_gone(ctl: Ctl, tmp_path: Path) -> None:
    out = (await ctl("version"))[1]
    assert "client: phoenixctl" in out
    assert f"at {ctl.client.server}" in out
    endpoint = json.loads((ctl.state / "endpoint.json").read_text())
    (tmp_path / "gone").mkdir()
    files = {key: str(ctl.state / endpoint[key]) for key in ("caFile", "tokenFile")}
    (tmp_path / "gone" / "endpoint.json").write_text(json.dumps({"server": "https://127.0.0.1:1", **files}))
    code, _, err = await ctl("get", "exp", "--state", str(tmp_path / "gone"))
    assert code == 1
    assert "https://127.0.0.1:1 gave no answer" in err
    assert "phoenixctl up" in err


async def test_a_kubeconfig_serves_as_well(ctl: Ctl, capsys: pytest.CaptureFixture[str]) -> None:
    from phoenix.cli.main import main

    code = await asyncio.to_thread(main, ["--kubeconfig", str(ctl.state / "kubeconfig"), "get", "ns", "-o", "name"])
    assert (code, capsys.readouterr().out) == (0, "namespace/default\n")
