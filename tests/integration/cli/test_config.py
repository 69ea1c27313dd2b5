"""Contexts: several kubeconfigs, flags that overrule them, and `config`, which changes them."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from phoenix.cli.main import main
from phoenix.client.config import ClientConfig
from tests.integration.cli.conftest import Ctl


@pytest.fixture
def elsewhere(ctl: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without state, of a person with two kubeconfigs: `mine` has the context lab, the other phoenix."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("PHOENIX_STATE", raising=False)
    shutil.copy(ctl.state / "kubeconfig", folder / "theirs")
    mine = {
        "contexts": [{"name": "lab", "context": {"cluster": "phoenix", "user": "admin", "namespace": "team"}}],
        "current-context": "lab",
    }
    (folder / "mine").write_text(json.dumps(mine))
    monkeypatch.setenv("KUBECONFIG", f"{folder / 'mine'}:{folder / 'theirs'}:{folder / 'none'}")
    return folder


async def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    try:
        code = await asyncio.to_thread(main, list(words))
    except SystemExit as end:
        code = int(str(end.code))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


async def test_files_are_merged_and_flags_overrule_them(
    ctl: Ctl, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (await run(capsys, "get", "exp"))[2] == (
        "No resources found in team namespace: there is no such namespace; there is: default\n"
    )
    assert (await run(capsys, "get", "exp", "--context", "phoenix"))[2] == "No resources found in default namespace.\n"
    assert (await run(capsys, "get", "exp", "--context=lab", "-n", "default"))[2].endswith("default namespace.\n")
    code, _, err = await run(capsys, "get", "exp", "--context", "phenix")
    assert (code, 'did you mean "phoenix"?' in err) == (1, True)
    code, _, err = await run(capsys, "get", "exp", "--token", "wrong")
    assert code == 1
    assert "state" in err
    code, _, err = await run(capsys, "get", "ns", "--server", "https://127.0.0.1:1")
    assert (code, "https://127.0.0.1:1 gave no answer" in err) == (1, True)
    config = ClientConfig.from_endpoint_file(ctl.state / "endpoint.json")
    words = ("--kubeconfig", "none", "-s", config.server, "--token", config.token)
    code, _, err = await run(capsys, "get", "ns", *words)
    assert (code, "does not exist" in err) == (1, True)
    (elsewhere / "mine").unlink()
    (elsewhere / "theirs").unlink()
    words = ("-s", config.server, "--token", config.token, "-o", "name")
    ca = ("--certificate-authority", str(config.ca_file))
    assert (await run(capsys, "get", "ns", *words, *ca))[:2] == (0, "namespace/default\n")
    assert (await run(capsys, "get", "ns", *words, "--insecure-skip-tls-verify"))[0] == 0
    code, _, err = await run(capsys, "get", "ns", *words)
    assert (code, "its certificate is not trusted" in err) == (1, True)


async def test_the_state_folders_kubeconfig_comes_first_and_its_namespace_counts(
    ctl: Ctl, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / "state").symlink_to(ctl.state)
    assert (await run(capsys, "get", "exp"))[2] == "No resources found in default namespace.\n"
    code, out, _ = await run(capsys, "config", "set-context", "--current", "--namespace=kube")
    assert (code, out) == (0, 'context "phoenix" changed (state/kubeconfig)\n')
    assert (await run(capsys, "get", "exp"))[2].startswith("No resources found in kube namespace")
    assert (await run(capsys, "get", "exp", "--context", "lab"))[2].startswith("No resources found in team namespace")


async def test_config_shows_and_changes(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = (await run(capsys, "config", "get-contexts"))[1].splitlines()
    assert [line.split() for line in said] == [
        ["CURRENT", "NAME", "CLUSTER", "USER", "NAMESPACE"],
        ["*", "lab", "phoenix", "admin", "team"],
        ["phoenix", "phoenix", "admin", "default"],
    ]
    assert (await run(capsys, "config", "current-context"))[1] == "lab\n"
    assert (await run(capsys, "config", "use-context", "phoenix"))[1].startswith('switched to context "phoenix"')
    assert (await run(capsys, "config", "current-context"))[1] == "phoenix\n"
    out = (await run(capsys, "config", "view"))[1]
    assert "REDACTED" in out
    assert "DATA+OMITTED" in out
    shown = json.loads((await run(capsys, "config", "view", "--raw", "--minify", "-o", "json"))[1])
    assert [context["name"] for context in shown["contexts"]] == ["phoenix"]
    assert len(shown["users"][0]["user"]["token"]) > 20
    assert (await run(capsys, "config", "rename-context", "lab", "home"))[0] == 0
    assert (await run(capsys, "config", "set-context", "new", "--cluster=phoenix", "--user=admin"))[0] == 0
    assert (await run(capsys, "config", "get-contexts", "-o", "name"))[1] == "home\nnew\nphoenix\n"
    assert (await run(capsys, "config", "delete-context", "phoenix"))[2].startswith("Warning: it was the current one")
    assert (await run(capsys, "config", "get-users"))[1] == "admin\n"
    assert (await run(capsys, "config", "get-clusters"))[1] == "phoenix\n"
    code, _, err = await run(capsys, "config", "use-context", "hme")
    assert (code, 'did you mean "home"?' in err) == (1, True)
    assert (elsewhere / "mine").stat().st_mode & 0o777 == 0o600


async def test_a_plugin_of_kubectl_reads_kubectls_files_and_speaks_of_itself(
    ctl: Ctl, elsewhere: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "state").symlink_to(ctl.state)
    monkeypatch.setenv("PHOENIX_KUBECTL_PLUGIN", "1")
    assert (await run(capsys, "get", "exp"))[2].startswith("No resources found in team namespace")
    monkeypatch.setenv("KUBECONFIG", str(elsewhere / "none"))
    assert (await run(capsys, "get", "exp"))[2] == "No resources found in default namespace.\n"
    (elsewhere / "state").unlink()
    assert "start one with `kubectl phoenix up`" in (await run(capsys, "get", "exp"))[2]
