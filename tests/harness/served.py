"""A server without an agent, for tests whose client is somebody else's: started once a module, blocking."""

from __future__ import annotations

import contextlib
import selectors
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.cluster import ROOT
from tests.harness.lifeline import LIFELINE

READY_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers, its controllers running."""

    state: Path

    @property
    def kubeconfig(self) -> str:
        """What is handed to clients."""
        return str(self.state / "kubeconfig")


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Served]:
    """A `phoenixctl serve` on a free port; ended at the end."""
    state = folder / "state"
    with (folder / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            [*LIFELINE, sys.executable, "-m", "phoenix.serve", "--state", str(state), "--port", "0"],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            line = process.stdout.readline() if selector.select(READY_WITHIN_S) else b""
        assert b"ready" in line, (folder / "serve.log").read_text()[-3000:]
        yield Served(state)
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()
    text = (folder / "serve.log").read_text()
    assert "Traceback" not in text, text[-3000:]


def experiment(name: str, **labels: str) -> dict[str, Any]:
    """An experiment that never starts: enough of an object to be handled."""
    pipeline = {"config": {"service": {"pipelines": {"metrics": {}}}}}
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": name, "namespace": "default", "labels": {"by": "client", **labels}},
        "spec": {
            "suspend": True,
            "source": {"load": {"profileRef": {"name": "realistic"}}},
            "variants": [
                {"name": "baseline", "role": "Baseline", "pipeline": pipeline},
                {"name": "lean", "role": "Candidate", "pipeline": pipeline},
            ],
        },
    }
