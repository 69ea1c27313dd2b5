"""Programs that people name, by name or from where they stand, are found again by workloads, which run elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from phoenix.agent import engines, queryengines

pytestmark = pytest.mark.process
SAYS = {"otelcol": "otelcol version 0.90.0", "prometheus": "prometheus, version 2.42.0"}


async def found(which: str, named: str) -> str:
    if which == "prometheus":
        return (await queryengines.detect(named)).place
    return next((engine.path for engine in (await engines.detect(named))[1:]), "")


@pytest.mark.parametrize("which", sorted(SAYS))
async def test_the_whole_path_is_known(which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "bin" / "mine"
    there.parent.mkdir()
    there.write_text(f"#!/bin/sh\necho {SAYS[which]}\n")
    there.chmod(0o700)
    monkeypatch.chdir(tmp_path)
    assert await found(which, "bin/mine") == str(there)
    assert await found(which, "./bin/../bin/mine") == str(there)
    monkeypatch.setenv("PATH", f"{there.parent}:/usr/bin:/bin")
    assert await found(which, "mine") == str(there)
    assert await found(which, "nowhere") == ""
