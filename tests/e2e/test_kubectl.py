"""Every verb of kubectl that concerns resources, as it is installed here, against `phoenixctl up`."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.docs.running import Reader, have_kubectl, reader
from tests.harness import compatibility
from tests.harness.kubectl import TOO_LONG_S, Kubectl, experiment, watching

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not have_kubectl(), reason="there is no kubectl on PATH")]


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with reader(tmp_path_factory.mktemp("kubectl") / "phoenix") as found:
        (found.folder / "home").mkdir()
        yield found


@pytest.fixture
def kubectl(at: Reader, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    namespace = request.node.name.removeprefix("test_").replace("_", "-")[:50].rstrip("-")
    found = Kubectl(at, tmp_path, namespace)
    found("create", "namespace", namespace)
    yield found
    found("delete", "namespace", namespace, "--wait=false")


Row = Callable[[str], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def row(at: Reader) -> Row:
    """A row of the table for this kubectl."""
    said = json.loads(Kubectl(at, at.folder, "default")("version", "-o", "json"))
    version = said["clientVersion"]["gitVersion"].removeprefix("v")
    return lambda operation: compatibility.row("kubectl", operation, version=version)


def test_what_there_is(kubectl: Kubectl, row: Row) -> None:
    with row("version"):
        assert "Server Version: v1.32.0+phoenix" in kubectl("version")
    with row("api-resources"):
        said = kubectl("api-resources")
        assert all(word in said for word in ("experiments", "exp", "phoenix.io/v1alpha1", "PipelineDeployment"))
        assert "experiments.phoenix.io" in kubectl("api-resources", "--api-group=phoenix.io", "-o", "name")
    with row("api-versions"):
        assert {"phoenix.io/v1alpha1", "v1"} <= set(kubectl("api-versions").split())
    with row("explain KIND, KIND.field"):
        assert "the comparison" in kubectl("explain", "experiment.spec")
        assert "name" in kubectl("explain", "namespace.metadata")
    with row("explain --recursive"):
        assert "templateRef" in kubectl("explain", "exp", "--recursive")
    with row("explain --output=plaintext-openapiv2"):
        assert "how long to measure" in kubectl("explain", "exp.spec.timing", "--output=plaintext-openapiv2")
    with row("get --raw"):
        assert json.loads(kubectl("get", "--raw", "/apis/phoenix.io/v1alpha1"))["kind"] == "APIResourceList"
        assert "ok" in kubectl("get", "--raw", "/readyz")
    with row("create --raw, delete --raw"):
        path = f"/apis/phoenix.io/v1alpha1/namespaces/{kubectl.namespace}/experiments"
        assert '"raw"' in kubectl("create", "--raw", path, "-f", kubectl.write("raw.json", experiment("raw")))
        kubectl("delete", "--raw", f"{path}/raw")


def test_other_versions(kubectl: Kubectl, tmp_path: Path) -> None:
    """Each kubectl installed beside the one on PATH; they differ in what they read first and how they send it."""
    found = sorted(Path(shutil.which("kubectl") or "").resolve().parent.glob("kubectl.1.*"))

    def use(program: Path) -> None:
        name = program.name.rpartition(".")[2]
        wire = experiment(f"v{name}")
        with compatibility.row(
            "kubectl, other versions",
            f"1.{name}: create ns, apply a List, explain, get, wait, delete",
            version=f"1.{name}",
        ):
            mine = kubectl.by(program)
            mine("create", "namespace", f"{kubectl.namespace}-{name}")
            file = mine.write(f"v{name}.json", wire, experiment(f"w{name}"))
            assert "created" in mine("apply", "-f", file)
            assert "timing" in mine("explain", "exp.spec")
            assert f"v{name}" in mine("get", "exp")
            mine("wait", "--for=jsonpath={.spec.suspend}=true", f"exp/v{name}", f"--timeout={TOO_LONG_S}s")
            mine("delete", "-f", file, f"--timeout={TOO_LONG_S}s")
            mine("delete", "namespace", f"{kubectl.namespace}-{name}", "--wait=false")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(use, found))


def test_apply(kubectl: Kubectl, row: Row) -> None:
    file = kubectl.write("a.json", experiment("a"))
    with row("apply -f: create, unchanged, change"):
        assert "a created" in kubectl("apply", "-f", file)
        assert "a unchanged" in kubectl("apply", "-f", file)
        kubectl.write("a.json", experiment("a", seed=8))
        assert "a configured" in kubectl("apply", "-f", file)
        assert kubectl.object("exp", "a")["spec"]["source"]["load"]["seed"] == 8
    with row("apply -f a List"):
        several = kubectl.write("list.json", experiment("l1"), experiment("l2"))
        assert "l2 created" in kubectl("apply", "-f", several)
        again = kubectl("get", "exp", "l1", "l2", "-o", "json")
        assert "l1" in kubectl("apply", "-f", "-", stdin=again)
    with row("apply --prune -l"):
        kept, gone = (experiment(name, labels={"set": "p"}) for name in ("kept", "gone"))
        arguments = ("apply", "--prune", "-l", "set=p", "--prune-allowlist=phoenix.io/v1alpha1/Experiment", "-f")
        kubectl(*arguments, kubectl.write("set.json", kept, gone))
        assert "gone pruned" in kubectl(*arguments, kubectl.write("set.json", kept))
    with row("apply of a namespace (strategic merge)"):
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": kubectl.namespace}}
        kubectl("apply", "-f", kubectl.write("ns.json", namespace))
        namespace["metadata"]["labels"] = {"team": "x"}  # type: ignore[index]
        assert "configured" in kubectl("apply", "-f", kubectl.write("ns.json", namespace))
        assert kubectl.object("ns", kubectl.namespace)["metadata"]["labels"]["team"] == "x"
    with row("diff -f"):
        kubectl.write("a.json", experiment("a", seed=9))
        assert "+" in kubectl("diff", "-f", file, code=1)
        assert kubectl.object("exp", "a")["spec"]["source"]["load"]["seed"] == 8


def test_server_side_apply(kubectl: Kubectl, row: Row) -> None:
    mine, yours = kubectl.write("mine.json", experiment("s")), kubectl.write("yours.json", experiment("s", seed=8))
    with row("apply --server-side"):
        assert "serverside-applied" in kubectl("apply", "--server-side", "--field-manager=mine", "-f", mine)
    with row("apply --server-side: conflict"):
        said = kubectl("apply", "--server-side", "--field-manager=yours", "-f", yours, code=1)
        assert 'conflict with "mine"' in said
        assert ".spec.source.load.seed" in said
    with row("apply --server-side --force-conflicts"):
        kubectl("apply", "--server-side", "--field-manager=yours", "--force-conflicts", "-f", yours)
        assert kubectl.object("exp", "s")["spec"]["source"]["load"]["seed"] == 8
    with row("apply --server-side on what was applied client-side"):
        kubectl("apply", "-f", kubectl.write("c.json", experiment("c")))
        kubectl.write("c.json", experiment("c", seed=9))
        kubectl("apply", "--server-side", "-f", "c.json")
        assert kubectl.object("exp", "c")["spec"]["source"]["load"]["seed"] == 9
    with row("diff --server-side"):
        assert "seed: 9" in kubectl("diff", "--server-side", "--field-manager=mine", "--force-conflicts",
                                    "-f", kubectl.write("d.json", experiment("c", seed=10)), code=1)  # fmt: skip
    with row("get --show-managed-fields"):
        assert '"manager": "yours"' in kubectl("get", "exp", "s", "-o", "json", "--show-managed-fields")


def test_create_and_validate(kubectl: Kubectl, row: Row) -> None:
    with row("create -f"):
        assert "a created" in kubectl("create", "-f", kubectl.write("a.json", experiment("a")))
        assert "AlreadyExists" in kubectl("create", "-f", "a.json", code=1)
        assert "l2 created" in kubectl("create", "-f", kubectl.write("l.json", experiment("l1"), experiment("l2")))
    with row("create -f with generateName"):
        wire = experiment("", generateName="run-")
        del wire["metadata"]["name"]
        assert "run-" in kubectl("create", "-f", kubectl.write("g.json", wire))
    with row("create namespace, delete namespace with content"):
        kubectl("create", "namespace", "filled")
        kubectl("create", "--namespace=filled", "-f", "l.json")
        kubectl("delete", "namespace", "filled", f"--timeout={TOO_LONG_S}s")
        assert "NotFound" in kubectl("get", "namespace", "filled", code=1)
    wrong = experiment("w")
    wrong["spec"]["bogus"] = 1
    file = kubectl.write("w.json", wrong)
    with row("--validate=strict|warn|ignore"):
        assert 'unknown field "spec.bogus"' in kubectl("create", "-f", file, code=1)
        assert 'Warning: unknown field "spec.bogus"' in kubectl("create", "--validate=warn", "-f", file)
        kubectl("delete", "-f", file)
        assert "bogus" not in kubectl("create", "--validate=ignore", "-f", file)
    with row("--dry-run=server: create, apply, patch, delete"):
        new = kubectl.write("n.json", experiment("n"))
        assert "created (server dry run)" in kubectl("create", "--dry-run=server", "-f", new)
        assert "(server dry run)" in kubectl("apply", "--dry-run=server", "-f", new)
        assert "NotFound" in kubectl("get", "exp", "n", code=1)
        kubectl("patch", "exp", "a", "--type=merge", "-p", '{"spec":{"suspend":false}}', "--dry-run=server")
        assert "(server dry run)" in kubectl("delete", "exp", "a", "--dry-run=server")
        assert kubectl.object("exp", "a")["spec"]["suspend"] is True
    with row("invalid object: every cause"):
        bad = experiment("bad")
        bad["spec"]["variants"][1]["name"] = "No Label"
        bad["spec"]["timing"]["duration"] = "soon"
        said = kubectl("create", "-f", kubectl.write("bad.json", bad), code=1)
        assert "spec.variants[1].name" in said
        assert "spec.timing.duration" in said


def test_get(kubectl: Kubectl, row: Row) -> None:
    team = {"a": "x", "b": "y", "c": "x"}
    kubectl("create", "-f", kubectl.write("l.json", *(experiment(name, labels={"team": team[name]}) for name in team)))
    with row("get: printer columns, -o wide, --show-labels"):
        head, *lines = kubectl("get", "exp").splitlines()
        assert head.split()[:2] == ["NAME", "PHASE"]
        assert [line.split()[0] for line in lines] == ["a", "b", "c"]
        assert len(kubectl("get", "exp", "-o", "wide").splitlines()[0]) >= len(head)
        assert "team=y" in kubectl("get", "exp", "b", "--show-labels")
    with row("get -o json|yaml|name|jsonpath|custom-columns|go-template"):
        assert kubectl("get", "exp", "-o", "name").split()[0] == "experiment.phoenix.io/a"
        assert kubectl("get", "exp", "-o", "jsonpath={.items[*].metadata.name}") == "a b c"
        assert kubectl("get", "exp", "-o", "custom-columns=N:.metadata.name", "--no-headers").split() == ["a", "b", "c"]
        assert kubectl("get", "exp", "a", "-o", "go-template={{.spec.timing.duration}}") == "12s"
        assert "kind: Experiment" in kubectl("get", "exp", "a", "-o", "yaml")
    with row("get -l, equality and sets"):
        for selector, found in (
            ("team=x", "a c"),
            ("team in (x,y),team!=x", "b"),
            ("!team", ""),
            ("team notin (y)", "a c"),
        ):
            assert kubectl("get", "exp", "-l", selector, "-o", "jsonpath={.items[*].metadata.name}") == found, selector
    with row("get --field-selector"):
        assert "b" in kubectl("get", "exp", "--field-selector", "metadata.name=b")
        assert "field label not supported" in kubectl("get", "exp", "--field-selector", "spec.nope=b", code=1)
    with row("get -A, get A,B, get --chunk-size"):
        assert kubectl.namespace in kubectl("get", "exp", "-A")
        assert "experiment.phoenix.io/a" in kubectl("get", "exp,pd", "-o", "name")
        assert len(kubectl("get", "exp", "--chunk-size=2", "--no-headers").splitlines()) == 3
    with row("get --sort-by"):
        assert kubectl("get", "exp", "--sort-by={.metadata.labels.team}", "--no-headers").split()[0] in "ac"
    with row("get --subresource=status"):
        assert "a" in kubectl("get", "exp", "a", "--subresource=status")
    with row("describe, with events"):
        said = kubectl("describe", "exp", "a")
        assert "Kind:         Experiment" in said
        assert "Events:" in said
        assert "Status:" in kubectl("describe", "ns", kubectl.namespace)
    with row("get of what is not there"):
        assert '"nope" not found' in kubectl("get", "exp", "nope", code=1)
        assert "No resources found" in kubectl("get", "pd")
        assert "doesn't have a resource type" in kubectl("get", "pods", code=1)


def test_watch(kubectl: Kubectl, row: Row) -> None:
    kubectl("create", "-f", kubectl.write("a.json", experiment("a")))
    for operation, arguments in (("get -w", ()), ("get NAME -w", ("a",)), ("get -w -l", ("-l", "!none"))):
        with row(operation), watching(kubectl, "get", "exp", *arguments, "-w", "--no-headers") as lines:
            assert next(lines).split()[0] == "a"
            kubectl("label", "exp", "a", f"n{time.monotonic_ns()}=x")
            assert next(lines).split()[0] == "a"
    with (
        row("get -w -o json"),
        watching(kubectl, "get", "exp", "-w", "-o", "jsonpath={.metadata.name}{'\\n'}") as lines,
    ):
        kubectl("create", "-f", kubectl.write("b.json", experiment("b")))
        assert {next(lines).strip(), next(lines).strip()} == {"a", "b"}


def test_change(kubectl: Kubectl, row: Row) -> None:
    file = kubectl.write("a.json", experiment("a"))
    kubectl("create", "-f", file)
    with row("label, annotate, --overwrite, remove"):
        kubectl("label", "exp", "a", "team=x")
        assert "already has a value" in kubectl("label", "exp", "a", "team=y", code=1)
        kubectl("label", "exp", "a", "team=y", "--overwrite")
        kubectl("annotate", "exp", "a", "note=hello")
        kubectl("label", "exp", "a", "team-")
        metadata = kubectl.object("exp", "a")["metadata"]
        assert "team" not in metadata.get("labels", {})
        assert metadata["annotations"]["note"] == "hello"
        kubectl("label", "ns", kubectl.namespace, "team=x")
    with row("patch --type=merge"):
        kubectl("patch", "exp", "a", "--type=merge", "-p", '{"spec":{"timing":{"warmup":"3s"}}}')
        assert kubectl.object("exp", "a")["spec"]["timing"]["warmup"] == "3s"
    with row("patch --type=json"):
        operations = [{"op": "test", "path": "/spec/timing/warmup", "value": "3s"},
                      {"op": "replace", "path": "/spec/timing/warmup", "value": "4s"}]  # fmt: skip
        kubectl("patch", "exp", "a", "--type=json", "-p", json.dumps(operations))
        assert "the value is" in kubectl("patch", "exp", "a", "--type=json", "-p", json.dumps(operations), code=1)
    with row("patch (strategic): refused for custom resources, as upstream"):
        said = kubectl("patch", "exp", "a", "-p", '{"spec":{"suspend":true}}', code=1)
        assert "application/strategic-merge-patch+json is not supported" in said or "UnsupportedMediaType" in said
    with row("patch --subresource=status"):
        patch = '{"status":{"progress":0.5}}'
        kubectl("patch", "exp", "a", "--subresource=status", "--type=merge", "-p", patch)
    with row("replace -f"):
        kubectl.write("a.json", experiment("a", seed=11))
        assert "replaced" in kubectl("replace", "-f", file)
        assert "NotFound" in kubectl("replace", "-f", kubectl.write("n.json", experiment("none")), code=1)
    with row("replace --force"):
        before = kubectl.object("exp", "a")["metadata"]["uid"]
        assert "replaced" in kubectl("replace", "--force", "-f", file)
        assert kubectl.object("exp", "a")["metadata"]["uid"] != before
    with row("edit"):
        assert "edited" in kubectl("edit", "exp", "a", KUBE_EDITOR="sed -i s/12s/13s/")
        assert kubectl.object("exp", "a")["spec"]["timing"]["duration"] == "13s"
        assert "edited" in kubectl("edit", "ns", kubectl.namespace, KUBE_EDITOR="sed -i s/team:.x/team:\\ z/")
    with row("a stale resourceVersion conflicts"):
        stale = kubectl.object("exp", "a")
        kubectl("label", "exp", "a", "moved=on")
        assert "Conflict" in kubectl("replace", "-f", kubectl.write("stale.json", stale), code=1)


def test_delete(kubectl: Kubectl, row: Row) -> None:
    def make(*names: str, **metadata: Any) -> None:
        for name in names:
            kubectl("create", "-f", kubectl.write(f"{name}.json", experiment(name, **metadata)))

    with row("delete, and waiting for it"):
        make("a")
        assert "deleted" in kubectl("delete", "exp", "a", f"--timeout={TOO_LONG_S}s")
        assert "NotFound" in kubectl("get", "exp", "a", code=1)
        assert kubectl("delete", "exp", "a", "--ignore-not-found") == ""
    with row("delete -l, --all, -f"):
        make("a", "b", labels={"team": "x"})
        make("c")
        kubectl("delete", "exp", "-l", "team=x")
        kubectl("delete", "-f", "c.json")
        make("d")
        kubectl("delete", "exp", "--all")
        assert "No resources" in kubectl("get", "exp")
    with row("delete held by a finalizer"):
        make("held", finalizers=["example.com/hold"])
        assert "timed out" in kubectl("delete", "exp", "held", "--timeout=1s", code=1)
        assert kubectl.object("exp", "held")["metadata"]["deletionTimestamp"]
        kubectl("patch", "exp", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
        kubectl("wait", "--for=delete", "exp/held", f"--timeout={TOO_LONG_S}s")
    for policy in ("background", "foreground", "orphan"):
        with row(f"delete --cascade={policy}"):
            make("owner")
            uid = kubectl.object("exp", "owner")["metadata"]["uid"]
            owner = {"apiVersion": "phoenix.io/v1alpha1", "kind": "Experiment", "name": "owner", "uid": uid}
            make("child", ownerReferences=[{**owner, "blockOwnerDeletion": True}])
            kubectl("delete", "exp", "owner", f"--cascade={policy}", f"--timeout={TOO_LONG_S}s")
            if policy == "orphan":
                assert "ownerReferences" not in kubectl.object("exp", "child")["metadata"]
                kubectl("delete", "exp", "child")
            else:
                kubectl("wait", "--for=delete", "exp/child", f"--timeout={TOO_LONG_S}s")
    with row("delete --now, --force --grace-period=0"):
        make("a", "b")
        kubectl("delete", "exp", "a", "--now")
        kubectl("delete", "exp", "b", "--force", "--grace-period=0")


def test_wait_and_events(kubectl: Kubectl, row: Row) -> None:
    kubectl("create", "-f", kubectl.write("a.json", experiment("a")))
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Made",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    timeout = f"--timeout={TOO_LONG_S}s"

    def ready() -> None:
        patch = json.dumps({"status": {"conditions": [condition]}})
        kubectl("patch", "exp", "a", "--subresource=status", "--type=merge", "-p", patch)

    for operation, environment in (
        ("wait --for=condition", {}),
        ("wait --for=condition, by watch-list", {"KUBE_FEATURE_WatchListClient": "true"}),
    ):
        with row(operation):
            ready()
            assert "condition met" in kubectl("wait", "--for=condition=Ready", "exp/a", timeout, **environment)
    with row("wait --for=jsonpath"):
        assert "condition met" in kubectl("wait", "--for=jsonpath={.spec.suspend}=true", "exp/a", timeout)
    with row("wait --for=create"):
        assert "condition met" in kubectl("wait", "--for=create", "exp/a", timeout)
    with row("wait that does not come true"):
        assert "timed out" in kubectl("wait", "--for=condition=Never", "exp/a", "--timeout=1s", code=1)
    uid = kubectl.object("exp", "a")["metadata"]["uid"]
    event = {
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "e1"}, "reason": "Tried", "message": "by hand",
        "type": "Normal", "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:00Z",
        "involvedObject": {"apiVersion": "phoenix.io/v1alpha1", "kind": "Experiment", "name": "a",
                           "namespace": kubectl.namespace, "uid": uid},
    }  # fmt: skip
    # One that is younger than what the events controller lets go of.
    event["firstTimestamp"] = event["lastTimestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    kubectl("create", "-f", kubectl.write("event.json", event))
    with row("events, events --for, --types"):
        assert "by hand" in kubectl("events")
        assert "by hand" in kubectl("events", "--for", "experiments.phoenix.io/a")
        assert "by hand" not in kubectl("events", "--types=Warning")
    with row("get events, describe shows them"):
        assert "Tried" in kubectl("get", "events")
        assert "by hand" in kubectl("describe", "exp", "a")


def test_auth(kubectl: Kubectl, row: Row) -> None:
    with row("auth can-i"):
        assert kubectl("auth", "can-i", "create", "experiments").split()[-1] == "yes"
    with row("auth can-i --list"):
        assert "Resources" in kubectl("auth", "can-i", "--list")
    with row("auth whoami"):
        assert "Username" in kubectl("auth", "whoami")
    with row("create role, create rolebinding"):
        kubectl("create", "role", "reader", "--verb=get,list", "--resource=experiments.phoenix.io")
        kubectl("create", "rolebinding", "readers", "--role=reader", "--user=ann")
        assert "reader" in kubectl("get", "role,rolebinding")
        said = kubectl("auth", "can-i", "get", "experiments", "--as=ann")
        assert "yes" in said
