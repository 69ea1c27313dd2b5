"""The real Collector, where `make otelcol` has built it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.harness.cluster import ROOT

WHY = "the real Collector is not built: `make otelcol` builds it where Go is"


def binary() -> str:
    """Path of the binary; empty where there is none."""
    command = [sys.executable, str(ROOT / "otelcol" / "build.py"), "--path"]
    path = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return path if os.access(path, os.X_OK) else ""


def required() -> str:
    """Path of the binary; the test that asks is skipped where there is none."""
    path = binary()
    if not path:
        pytest.skip(WHY)
    return path
