"""A host finds a collector by flag, environment and PATH, in that order; what is no collector is no engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from phoenix.agent.engines import detect
from phoenix.api.collector import Engine
from tests.harness.otelcol import required

pytestmark = pytest.mark.process


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the folders `flag`, `environment` and `path`; PATH is the last."""
    for name in ("flag", "environment", "path"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.delenv("PHOENIX_OTELCOL", raising=False)
    return tmp_path


async def found() -> str:
    """Path of the binary; empty where there is none."""
    engines = await detect("")
    assert engines[0].engine is Engine.EMBEDDED
    return engines[1].path if len(engines) > 1 else ""


def binary(path: Path) -> str:
    path.symlink_to(required())
    return str(path)


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


async def test_the_nearest_counts(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await found() == ""
    for name in ("otelcol-phoenix", "otelcol", "otelcol-contrib"):  # each goes before the last
        path = binary(folders / "path" / name)
        assert await found() == path
    environment, flag = binary(folders / "environment" / "any"), binary(folders / "flag" / "other")
    monkeypatch.setenv("PHOENIX_OTELCOL", environment)
    assert await found() == environment
    (_, otelcol) = await detect(flag)
    assert otelcol.path == flag
    assert {"receivers/otlp", "receivers/host_metrics", "processors/filter"} <= set(otelcol.components)


@pytest.mark.parametrize(
    "text", ["exit 1", "echo not a collector; exit 2", "kill -9 $$"], ids=["fails", "is another program", "dies"]
)
async def test_what_does_not_say_its_version_is_no_engine(
    folders: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    path = script(folders / "environment" / "otelcol", text)
    monkeypatch.setenv("PHOENIX_OTELCOL", path)
    assert await found() == ""
    assert f"the configured collector does not run, so only Embedded does path={path}" in caplog.text


async def test_a_binary_that_is_not_there_is_said(folders: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert len(await detect(str(folders / "nowhere"))) == 1
    assert "does not run" in caplog.text


async def test_one_that_does_not_list_its_components_is_never_chosen_by_auto(folders: Path) -> None:
    path = script(folders / "path" / "otelcol", 'test "$1" = --version && echo otelcol version 0.90.0')
    (_, otelcol) = await detect("")
    assert (otelcol.path, otelcol.version, otelcol.components) == (path, "0.90.0", [])
