"""A kopf operator, run by `kopf run` as its users run it, against Phoenix."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kopf
import pytest
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from tests.harness.cluster import ROOT
from tests.harness.compatibility import row
from tests.harness.lifeline import LIFELINE
from tests.harness.served import Served, experiment, served

pytestmark = pytest.mark.e2e
NAME, VERSION = "kopf", kopf.__version__
AT = ("phoenix.io", "v1alpha1", "default", "experiments")
OPERATOR = ROOT / "tests" / "harness" / "operators" / "kopf_operator.py"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("kopf")) as found:
        yield found


@pytest.fixture
def operator(server: Served, tmp_path: Path) -> Iterator[Path]:
    """The log of a running operator, without --standalone: it looks for peers, and finds that there is no such kind."""
    log = tmp_path / "kopf.log"
    program = str(Path(sys.executable).with_name("kopf"))
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*LIFELINE, program, "run", "--all-namespaces", "--verbose", str(OPERATOR)],
            env={**os.environ, "KUBECONFIG": server.kubeconfig}, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        yield log
    finally:
        process.terminate()
        code = process.wait(timeout=20)
    text = log.read_text()
    assert code == 0, text[-3000:]
    assert "Traceback" not in text, text[-3000:]


def until(look: Callable[[], Any], *, within_s: float = 40.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def test_an_operator_handles_experiments(server: Served, operator: Path) -> None:
    with config.new_client_from_config(server.kubeconfig) as api:
        objects, core = client.CustomObjectsApi(api), client.CoreV1Api(api)

        def now() -> Any:
            try:
                return objects.get_namespaced_custom_object(*AT, "handled")
            except ApiException as error:
                if error.status != 404:
                    raise
                return None

        def annotation(name: str) -> str:
            return str(now()["metadata"].get("annotations", {}).get(f"example.com/{name}", ""))

        with row(NAME, "start without --standalone, where there is no peering kind", version=VERSION):
            until(lambda: "Starting the watch-stream for experiments" in operator.read_text())
        with row(NAME, "creation: finalizer, annotations, status", version=VERSION):
            objects.create_namespaced_custom_object(*AT, experiment("handled", **{"handled-by": "kopf"}))
            assert until(lambda: annotation("variants")) == "2"
            assert "example.com/kopf" in now()["metadata"]["finalizers"]
            until(lambda: now()["status"].get("progress") == 0.125)
        with row(NAME, "events posted", version=VERSION):
            until(lambda: [item for item in core.list_namespaced_event("default").items if item.reason == "Seen"])
        with row(NAME, "update of a field", version=VERSION):
            objects.patch_namespaced_custom_object(*AT, "handled", {"spec": {"decision": "Rollback"}})
            assert until(lambda: annotation("decision")) == "Auto to Rollback"
        with row(NAME, "deletion held by its finalizer, then let go", version=VERSION):
            objects.delete_namespaced_custom_object(*AT, "handled")
            until(lambda: now() is None)
            assert "handled the deletion of handled" in operator.read_text()
