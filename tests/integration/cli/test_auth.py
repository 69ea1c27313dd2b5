"""`phoenixctl auth`: from a token made by the admin to somebody else's kubeconfig, and back out."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest

from phoenix.api.user import User
from phoenix.apimachinery.meta import ObjectMeta
from phoenix.cli.main import main
from tests.integration.cli.conftest import Ctl


class Other:
    """phoenixctl of somebody with a kubeconfig of his own and no state folder."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self.capsys = home, capsys
        self.kubeconfig = home / "config"

    async def __call__(self, *words: str) -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = await asyncio.to_thread(main, list(words))
        captured = self.capsys.readouterr()
        return code, captured.out, captured.err


@pytest.fixture
def other(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Other:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("KUBECONFIG", str(home / "config"))
    monkeypatch.delenv("PHOENIX_STATE", raising=False)
    monkeypatch.chdir(home)
    return Other(home, capsys)


async def test_a_person_signs_in_does_what_roles_allow_and_signs_out(ctl: Ctl, other: Other) -> None:
    code, token, said = await ctl("auth", "create-token", "ann", "--create", "--group=red", "--ttl=1h")
    assert (code, len(token.strip()), "shown only now" in said) == (0, 43, True)
    (other.home / "token").write_text(token)
    server, authority = ctl.client.server, str(ctl.state / "ca.crt")
    login = ["--server", server, "--certificate-authority", authority, "auth", "login"]
    code, out, _ = await other(*login, "--token-file", str(other.home / "token"))
    assert code == 0
    assert "as ann" in out
    assert stat.S_IMODE(other.kubeconfig.stat().st_mode) == 0o600
    code, out, _ = await other("auth", "status")
    assert (code, "ann" in out, "red, system:authenticated" in out) == (0, True, True)
    code, out, _ = await other("auth", "whoami", "-o", "json")
    assert json.loads(out)["username"] == "ann"
    assert (await other("auth", "can-i", "list", "experiments"))[:2] == (1, "no\n")
    code, _, said = await other("get", "experiments")
    assert (code, 'User "ann" cannot list resource "experiments"' in said) == (1, True)
    assert (await ctl("create", "-f", str(binding(other.home))))[0] == 0
    assert (await other("auth", "can-i", "list", "experiments"))[:2] == (0, "yes\n")
    assert (await other("auth", "can-i", "get", "/metrics", "-q"))[:2] == (1, "")
    code, out, _ = await other("auth", "can-i", "--list")
    assert (code, "experiments.phoenix.io" in out) == (0, True)
    assert (await other("get", "experiments"))[0] == 0
    code, out, _ = await ctl("auth", "tokens", "ann")
    token_id = out.splitlines()[1].split()[0]
    assert (await ctl("auth", "revoke-token", "ann", "--id", token_id))[0] == 0
    code, _, said = await other("auth", "status")
    assert (code, "not signed in" in said) == (1, True)
    assert (await other("auth", "logout"))[0] == 0
    assert token.strip() not in other.kubeconfig.read_text()
    assert (await other("auth", "status"))[0] == 1


def binding(folder: Path) -> Path:
    path = folder / "binding.yaml"
    path.write_text(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: red-views, namespace: default}\n"
        "roleRef: {kind: ClusterRole, name: view}\nsubjects: [{kind: Group, name: red}]\n"
    )
    return path


async def test_a_wrong_token_is_not_kept(ctl: Ctl, other: Other) -> None:
    authority = str(ctl.state / "ca.crt")
    login = ["--server", ctl.client.server, "--certificate-authority", authority, "--token", "wrong", "auth", "login"]
    code, _, said = await other(*login)
    assert (code, "this token is not known here" in said) == (1, True)
    assert not other.kubeconfig.exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["create-token", "nobody"], 1, 'users.phoenix.io "nobody" not found'),
        (["create-token"], 2, "whose token?"),
        (["create-token", "ann", "--agent", "a"], 2, "whose token?"),
        (["create-token", "--agent", "Not A Host"], 1, "host name 'Not A Host'"),
        (["create-token", "--agent", "a", "--group", "g"], 2, "are for Users"),
        (["create-token", "ann", "--ttl", "1s"], 1, "spec.expirationSeconds"),
        (["create-token", "ann", "--ttl", "soon"], 2, "soon"),
        (["revoke-token", "ann"], 2, "which token?"),
        (["revoke-token", "ann", "--id", "0"], 1, 'tokens "0" not found'),
        (["can-i"], 2, "may I what?"),
        (["can-i", "create", "exps"], 2, 'did you mean "exp"?'),
        (["can-i", "create", "exp", "a", "b"], 2, "may I what?"),
        (["login"], 2, "which server?"),
        (["login", "--certificate", "x"], 2, "a certificate needs its key"),
        (["logout", "nowhere"], 1, 'there is no context "nowhere"'),
        (["logni"], 2, 'did you mean "login"?'),
    ],
)
async def test_wrong_words_are_answered_with_what_to_do(
    ctl: Ctl, other: Other, words: list[str], code: int, said: str
) -> None:
    await ctl.client.create(User(metadata=ObjectMeta(name="ann")))
    other.kubeconfig.write_text("{}")
    got, _, err = await ctl("auth", *words)
    assert (got, said in err) == (code, True), err
