"""The tests here need a real Prometheus (Debian: package prometheus)."""

from __future__ import annotations

import shutil
import socket

import pytest

from phoenix.prometheus.process import Place


@pytest.fixture
def place() -> Place:
    """A Prometheus to be started, on a port that was free just now."""
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("no Prometheus on this machine: Debian has it as the package prometheus")
    with socket.create_server(("127.0.0.1", 0)) as free:
        return Place(binary=binary, port=free.getsockname()[1])
