"""The tests here need a real Prometheus (Debian: package prometheus)."""

from __future__ import annotations

import shutil

import pytest

from phoenix.agent.ports import Ports
from phoenix.prometheus.process import Place


@pytest.fixture
def place() -> Place:
    """A Prometheus to be started, on a port that the kernel gives to nobody else."""
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("no Prometheus on this machine: Debian has it as the package prometheus")
    return Place(binary=binary, port=Ports("127.0.0.1").take(["prometheus"])["prometheus"])
