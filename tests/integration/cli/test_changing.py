"""Verbs that change one thing: create, patch, label, annotate, replace, delete: what each says, what is so after."""

from __future__ import annotations

import json
from pathlib import Path

from phoenix.api.core import Namespace
from phoenix.api.experiment import Experiment
from tests.integration.cli.conftest import ROOT, Ctl

AA = str(ROOT / "resources" / "examples" / "aa.yaml")


async def live(ctl: Ctl, name: str = "aa") -> Experiment:
    return await ctl.client.get(Experiment, name, "default")


async def test_create_prints_objects_edits_none_and_makes_namespaces(ctl: Ctl) -> None:
    code, out, _ = await ctl("create", "-f", AA, "--dry-run=server", "-o", "jsonpath={.metadata.uid}")
    assert (code, len(out.strip())) == (0, 36)
    assert "name: aa" in (await ctl("create", "-f", AA, "--dry-run=client", "-o", "yaml"))[1]
    assert not (await ctl.client.list(Experiment)).items
    assert (await ctl("create", "-f", AA, "-o", "name"))[1] == "experiment.phoenix.io/aa\n"
    assert (await ctl("create", "namespace", "team"))[1] == "namespace/team created\n"
    assert (await ctl.client.get(Namespace, "team")).metadata.name == "team"
    code, _, err = await ctl("create", "ns", "team")
    assert code == 1
    assert 'create namespace:1: namespace/team: namespaces "team" already exists' in err


async def test_patch_by_every_type_and_what_it_refuses(ctl: Ctl, tmp_path: Path) -> None:
    await ctl("apply", "-f", AA)
    assert (await ctl("patch", "exp", "aa", "-p", "metadata: {labels: {team: x}}"))[:2] == (
        0, "experiment.phoenix.io/aa patched\n",
    )  # fmt: skip
    assert (await ctl("patch", "exp/aa", "-p", '{"metadata":{"labels":{"team":"x"}}}'))[
        1
    ] == "experiment.phoenix.io/aa patched (no change)\n"
    remove = '[{"op":"remove","path":"/metadata/labels/team"}]'
    assert (await ctl("patch", "exp", "aa", "--type=json", "-p", remove))[0] == 0
    assert "team" not in (await live(ctl)).metadata.labels
    (tmp_path / "status.yaml").write_text("status: {phase: Running}")
    words = ("patch", "exp", "aa", "--subresource=status", "--patch-file", str(tmp_path / "status.yaml"))
    out = (await ctl(*words, "--dry-run=server", "-o", "jsonpath={.status.phase}"))[1]
    assert (out, (await live(ctl)).status.phase) == ("Running\n", "Pending")
    assert (await ctl(*words))[0] == 0
    assert (await live(ctl)).status.phase == "Running"
    code, out, err = await ctl("patch", "exp", "aa", "aaa", "-p", '{"spec":{"tming":{}}}')
    assert (code, out) == (1, "")
    assert 'experiment/aa: spec.tming: there is no such field; did you mean "timing"?' in err
    assert 'there is no experiment "aaa" in namespace "default"\n  did you mean "aa"?' in err
    code, _, err = await ctl("patch", "exp", "aa", "-p", '{"spec":{"timing":{"duration":"1x"}}}')
    assert code == 1
    assert "error: experiment/aa: spec.timing.duration: " in err
    assert (await ctl("patch", "ns", "default", "--type=strategic", "-p", '{"metadata":{"labels":{"a":"b"}}}'))[0] == 0


async def test_label_and_annotate_set_replace_list_and_remove(ctl: Ctl) -> None:
    await ctl("apply", "-f", str(ROOT / "resources" / "examples"))
    assert (await ctl("label", "exp", "aa", "team=x"))[1] == "experiment.phoenix.io/aa labeled\n"
    assert (await ctl("label", "exp", "aa", "team=x"))[1] == "experiment.phoenix.io/aa not labeled\n"
    code, _, err = await ctl("label", "exp/aa", "team=y")
    assert (code, err) == (1, "error: experiment/aa: label team is 'x' already\n  add --overwrite to replace it\n")
    version = (await live(ctl)).metadata.resource_version
    code, _, err = await ctl("label", "exp", "aa", "team=y", "--overwrite", "--resource-version", "1")
    assert code == 1
    assert "read it again" in err
    assert (await ctl("label", "exp", "aa", "team=y", "--overwrite", "--resource-version", version))[0] == 0
    assert (await ctl("label", "exp", "aa", "--list"))[1] == "team=y\n"
    assert (await ctl("label", "exp", "aa", "team-"))[1] == "experiment.phoenix.io/aa unlabeled\n"
    code, out, _ = await ctl("annotate", "exp", "--all", "owner=sre", "note=a b", "-o", "name")
    assert (code, len(out.splitlines())) == (0, len((await ctl.client.list(Experiment)).items))
    assert (await live(ctl)).metadata.annotations["note"] == "a b"
    assert (await ctl("annotate", "exp", "-l", "team=none", "x=y"))[2] == "no experiments match\n"
    code, _, err = await ctl("label", "exp", "aa", "team=not valid")
    assert code == 1
    assert "metadata.labels" in err


async def test_replace_is_refused_when_it_changed_and_force_makes_a_new_object(ctl: Ctl, tmp_path: Path) -> None:
    await ctl("apply", "-f", AA)
    path = tmp_path / "aa.yaml"
    path.write_text((await ctl("get", "exp", "aa", "-o", "yaml"))[1])
    before = await live(ctl)
    await ctl("label", "exp", "aa", "team=x")
    code, _, err = await ctl("replace", "-f", str(path))
    assert code == 1
    assert "it changed meanwhile: read it again and repeat" in err
    code, out, _ = await ctl("replace", "--force", "-f", str(path))
    assert (code, out) == (0, "experiment.phoenix.io/aa replaced\n")
    after = await live(ctl)
    assert after.metadata.uid != before.metadata.uid
    assert "team" not in after.metadata.labels
    assert (await ctl("replace", "-f", AA))[1] == "experiment.phoenix.io/aa replaced\n"  # no version: of what there is
    await ctl("delete", "exp", "aa")
    code, _, err = await ctl("replace", "-f", AA)
    assert code == 1
    assert "`phoenixctl create` makes it" in err


async def test_delete_says_how_and_what_stays(ctl: Ctl) -> None:
    await ctl("apply", "-f", str(ROOT / "resources" / "examples"))
    assert (await ctl("delete", "exp", "aa", "--dry-run=client"))[
        1
    ] == "experiment.phoenix.io/aa deleted (client dry run)\n"
    assert (await ctl("delete", "exp", "aa", "--dry-run=server"))[
        1
    ] == "experiment.phoenix.io/aa deleted (server dry run)\n"
    await live(ctl)
    code, _, err = await ctl("delete", "exp", "aa", "-i")
    assert code == 1
    assert "nobody at a terminal" in err
    out = (await ctl("delete", "exp/aa", "--now", "--cascade=orphan", "-o", "name", "--wait=false"))[1]
    assert out == "experiment.phoenix.io/aa\n"
    there = (await ctl("get", "exp,pd", "-o", "name"))[1].split()
    code, out, _ = await ctl("delete", "exp,pd", "--all", "--wait=false")
    assert (code, out.splitlines()) == (0, [f"{name} deleted" for name in there])
    assert (await ctl("delete", "exp", "--all"))[2] == "no experiments match\n"


async def test_what_the_server_answers_at_a_path(ctl: Ctl) -> None:
    assert json.loads((await ctl("get", "--raw", "/version"))[1])["major"] == "1"
    code, out, err = await ctl("get", "--raw", "/nope")
    assert (code, out) == (1, "")
    assert err.startswith("error: ")


async def test_wait_looks_once_for_all_of_a_selection(ctl: Ctl) -> None:
    await ctl("apply", "-f", str(ROOT / "resources" / "examples"))
    code, out, err = await ctl("wait", "exp", "--all", "--for=jsonpath={.spec.suspend}=false", "--timeout=0")
    assert (code, len(out.splitlines())) == (0, len((await ctl.client.list(Experiment)).items)), err
    code, _, err = await ctl("wait", "exp", "-l", "none=such", "--for=phase=Running")
    assert (code, "there is nothing to wait for" in err) == (1, True)
    assert (await ctl("wait", "exp", "-l", "none=such", "--for=delete"))[0] == 0
    code, _, err = await ctl("wait", "-f", AA, "--for=phase=Running", "--timeout=0")
    assert (code, "not met within 0 s: it is there" in err) == (3, True), err


async def test_explain_api_versions_and_cluster_info_ask_the_server(ctl: Ctl) -> None:
    assert "FIELD: timing <Object>" in (await ctl("explain", "exp.spec.timing"))[1]
    assert "phoenix.io/v1alpha1\n" in (await ctl("api-versions"))[1]
    assert ctl.client.server in (await ctl("cluster-info"))[1]
