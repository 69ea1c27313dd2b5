"""A client-go program with a shared informer, as controllers are written in Go. Built by `make test-clients`."""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from tests.harness.cluster import ROOT
from tests.harness.compatibility import row
from tests.harness.served import Served, experiment, served

pytestmark = pytest.mark.e2e
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
PROGRAM = CACHE / "phoenix" / "bin" / "informer"
MODULE = ROOT / "tests" / "go" / "informer"
NAME = "client-go"
AT = ("phoenix.io", "v1alpha1", "default", "experiments")


def version() -> str:
    """The version of client-go that go.mod pins."""
    words = (MODULE / "go.mod").read_text().split()
    return words[words.index("k8s.io/client-go") + 1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("go")) as found:
        yield found


class Informer:
    """The running program; what it says, in order."""

    def __init__(self, kubeconfig: str, log: Path) -> None:
        self._log = log
        with log.open("ab") as err:
            self._process = subprocess.Popen(
                [str(PROGRAM), "--kubeconfig", kubeconfig],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, text=True,
            )  # fmt: skip
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout:
            for line in self._process.stdout:
                self._said.put(json.loads(line))

    def until(self, within_s: float = 40.0, **wanted: Any) -> dict[str, Any]:
        """The next line that has all of this; those before it are passed over."""
        deadline, passed = time.monotonic() + within_s, []
        while True:
            try:
                found = self._said.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"not said: {wanted}; said: {passed}; {self._log.read_text()[-2000:]}") from None
            if wanted.items() <= found.items():
                return found
            passed.append(found)

    def close(self) -> None:
        """Close its stdin; it ends by itself."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(timeout=20) == 0, self._log.read_text()[-2000:]
        self._reading.join()


def test_a_shared_informer_follows_experiments(server: Served, tmp_path: Path) -> None:
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built: make test-clients (needs Go)")
    with config.new_client_from_config(server.kubeconfig) as api:
        objects = client.CustomObjectsApi(api)
        objects.create_namespaced_custom_object(*AT, experiment("applied"))
        informer = Informer(server.kubeconfig, tmp_path / "informer.log")
        try:
            with row(NAME, "discovery by RESTMapper; shared informer: first list, lister", version=version()):
                informer.until(what="added", name="applied")
                synced = informer.until(what="synced", count=1)
                assert synced["resource"] == "phoenix.io/v1alpha1, Resource=experiments"
            with row(NAME, "server-side apply by the dynamic client", version=version()):
                informer.until(what="applied", name="applied")
                assert objects.get_namespaced_custom_object(*AT, "applied")["metadata"]["labels"]["go"] == "yes"
            with row(NAME, "shared informer: added, updated with status, deleted", version=version()):
                objects.create_namespaced_custom_object(*AT, experiment("followed"))
                informer.until(what="added", name="followed")
                objects.patch_namespaced_custom_object_status(*AT, "followed", {"status": {"progress": 0.75}})
                informer.until(what="updated", name="followed", progress=0.75)
                objects.delete_namespaced_custom_object(*AT, "followed")
                informer.until(what="deleted", name="followed")
        finally:
            informer.close()
    assert not re.search(r"^[EF]\d{4} ", (tmp_path / "informer.log").read_text(), re.M), "client-go logged no error"
