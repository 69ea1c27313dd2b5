"""TAB in a real bash, and as kubectl asks a plugin; kubectl itself where there is one."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from tests.integration.cli.conftest import ROOT, Ctl

BIN = ROOT / "bin"
TYPED = """\
source <(phoenixctl completion bash)
function_of() { complete -p phoenixctl | sed 's/.*-F \\([^ ]*\\).*/\\1/'; }
while IFS= read -r COMP_LINE; do
    COMP_POINT=${#COMP_LINE} COMP_TYPE=9 COMPREPLY=()
    read -ra COMP_WORDS <<< "$COMP_LINE"
    [[ $COMP_LINE == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    "$(function_of)" phoenixctl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    echo "$COMP_LINE|${COMPREPLY[*]}"
done
"""
EXPECTED = {
    "phoenixctl ann": "annotate",
    "phoenixctl describe experiment/": "experiment/aa",
    "phoenixctl get exp -n ": "default team",
    "phoenixctl get exp aa -o custom-": "custom-columns= custom-columns-file=",
    "phoenixctl config use-context ph": "phoenix",
}
"""A process each: what needs no shell to be seen is in tests/unit/cli/test_completing.py."""


def environment(ctl: Ctl) -> dict[str, str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PHOENIX_STATE": str(ctl.state), "HOME": str(ctl.state)}


async def ask(env: dict[str, str], *words: str, typed: str = "") -> str:
    process = await asyncio.create_subprocess_exec(
        *words, env=env, cwd=env["HOME"],
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, _ = await process.communicate(typed.encode())
    return out.decode()


async def test_a_real_bash_completes_kinds_names_namespaces_contexts_and_forms(ctl: Ctl) -> None:
    await ctl("apply", "-f", str(ROOT / "resources" / "examples" / "aa.yaml"))
    await ctl("create", "namespace", "team")
    out = await ask(environment(ctl), "bash", "-c", TYPED, typed="".join(f"{line}\n" for line in EXPECTED))
    assert {line.partition("|")[0]: line.partition("|")[2].strip() for line in out.splitlines()} == EXPECTED


async def test_a_server_that_is_away_does_not_hold_up_a_tab(ctl: Ctl, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    (gone / "endpoint.json").write_text(
        (ctl.state / "endpoint.json").read_text().replace(ctl.client.server, "https://127.0.0.1:1")
    )
    out = await ask(
        environment(ctl) | {"PHOENIX_STATE": str(gone)}, str(BIN / "kubectl_complete-phoenix"), "get", "exp", ""
    )
    assert out == ":0\n"


async def test_kubectl_is_answered_in_its_own_way(ctl: Ctl) -> None:
    await ctl("apply", "-f", str(ROOT / "resources" / "examples" / "aa.yaml"))
    env = environment(ctl) | {"KUBECONFIG": str(ctl.state / "kubeconfig")}
    plugin = str(BIN / "kubectl_complete-phoenix")
    assert await ask(env, plugin, "get", "exp", "-o", "custom-") == "custom-columns=\ncustom-columns-file=\n:6\n"
    assert await ask(env, str(BIN / "kubectl-phoenix"), "get", "exp", "-o", "name") == "experiment.phoenix.io/aa\n"


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl on PATH")
async def test_a_real_kubectl_runs_and_completes_the_plugin(ctl: Ctl) -> None:
    await ctl("apply", "-f", str(ROOT / "resources" / "examples" / "aa.yaml"))
    env = environment(ctl) | {"KUBECONFIG": str(ctl.state / "kubeconfig")}
    assert await ask(env, "kubectl", "phoenix", "get", "exp", "-o", "name") == "experiment.phoenix.io/aa\n"
    assert (await ask(env, "kubectl", "__complete", "phoenix", "get", "exp/")).startswith("exp/aa\n:4")
