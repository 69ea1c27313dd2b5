"""Several kubeconfigs as one, edits that go back where they belong, and every way a user proves who it is."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from phoenix.client.config import ClientConfig
from phoenix.client.errors import ConfigError
from phoenix.client.kubeconfig import KubeConfig, kubeconfig_files, load, put, set_current

ONE = """
apiVersion: v1
kind: Config
current-context: dev
contexts:
- {name: dev, context: {cluster: here, user: me, namespace: team}}
clusters:
- {name: here, cluster: {server: "https://here:1"}}
users:
- {name: me, user: {tokenFile: secret}}
"""
TWO = """
current-context: prod
contexts:
- {name: prod, context: {cluster: there, user: me}}
- {name: dev, context: {cluster: never, user: never}}
clusters:
- {name: there, cluster: {server: "https://there:1/", tls-server-name: phoenix, insecure-skip-tls-verify: true}}
"""


def two_files(tmp_path: Path) -> tuple[Path, Path]:
    one, two = tmp_path / "a" / "one", tmp_path / "b" / "two"
    for path, text in ((one, ONE), (two, TWO)):
        path.parent.mkdir()
        path.write_text(text)
    (tmp_path / "a" / "secret").write_text("t1\n")
    return one, two


def with_user(tmp_path: Path, user: Mapping[str, object]) -> Path:
    path = tmp_path / "config"
    document = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": "https://x:1"}}],
        "users": [{"name": "x", "user": user}],
    }
    path.write_text(json.dumps(document))
    return path


def test_the_first_file_that_names_a_thing_counts_and_paths_are_its_own(tmp_path: Path) -> None:
    files = two_files(tmp_path)
    config = load([*files, tmp_path / "none"])
    assert (config.current, config.contexts["dev"].value["cluster"]) == ("dev", "here")
    dev = ClientConfig.from_kubeconfig(files)
    assert (dev.server, dev.token, dev.namespace) == ("https://here:1", "t1", "team")
    prod = ClientConfig.from_kubeconfig(files, "prod")
    assert (prod.server, prod.token, prod.tls_server_name, prod.skip_verify) == (
        "https://there:1", "t1", "phoenix", True,
    )  # fmt: skip
    mixed = ClientConfig.from_kubeconfig(files, cluster="there", user="me")
    assert (mixed.server, mixed.namespace) == ("https://there:1", "team")


def test_where_kubectl_would_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kubeconfig_files({}) == (tmp_path / ".kube" / "config",)
    assert kubeconfig_files({"KUBECONFIG": ":a::~/b:a"}) == (Path("a"), tmp_path / "b")
    with pytest.raises(ConfigError, match="none of"):
        load([tmp_path / "x", tmp_path / "y"])
    assert load([tmp_path / "x"], required=False) == KubeConfig((tmp_path / "x",))


def test_edits_go_back_to_the_file_of_the_entry(tmp_path: Path) -> None:
    one, two = two_files(tmp_path)
    assert put(load([one, two]), "contexts", "prod", {"cluster": "there", "namespace": "n"}) == two
    assert put(load([one, two]), "users", "new", {"token": "t"}) == one
    assert set_current(load([one, two]), "prod") == one
    put(load([one, two]), "clusters", "here", None)
    again = load([one, two])
    assert again.current == "prod"
    assert again.contexts["prod"].value == {"cluster": "there", "namespace": "n"}
    assert set(again.clusters) == {"there"}
    assert again.users["new"].file == one
    assert one.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in one.parent.iterdir()} == {"one", "secret"}


def test_a_program_gives_the_token_and_is_told_what_is_wanted(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "print(json.dumps({'status': {'token': info['kind'] + os.environ['WHO'] + sys.argv[1]}}))\n"
    )
    plugin.chmod(0o700)
    wanted = {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "args": ["3"],
        "env": [{"name": "WHO", "value": "me"}],
    }  # fmt: skip
    path = with_user(tmp_path, {"exec": wanted, "as": "other", "as-groups": ["g"]})
    config = ClientConfig.from_kubeconfig(path)
    assert config.headers == (
        ("Authorization", "Bearer ExecCredentialme3"),
        ("Impersonate-User", "other"),
        ("Impersonate-Group", "g"),
    )


@pytest.mark.parametrize(
    ("user", "says"),
    [
        ({"username": "a", "password": "b"}, r"no token and no client certificate \(username, password\)"),
        ({"auth-provider": {"name": "oidc"}}, "auth-provider"),
        ({"client-certificate-data": base64.b64encode(b"pem").decode()}, "both client-certificate and client-key"),
        ({"tokenFile": "nowhere"}, "token file .*nowhere cannot be read"),
        ({"exec": {"command": "x", "apiVersion": "v9"}}, "exec needs a command"),
        ({"exec": {"command": "/bin/false", "apiVersion": "client.authentication.k8s.io/v1"}}, "program .* failed"),
        ({"exec": {"command": "/bin/true", "apiVersion": "client.authentication.k8s.io/v1"}}, "no ExecCredential"),
        (
            {"exec": {"command": "/no/such", "apiVersion": "client.authentication.k8s.io/v1", "installHint": "get it"}},
            "get it",
        ),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, user: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        ClientConfig.from_kubeconfig(with_user(tmp_path, user))


def test_a_client_certificate_is_loaded_from_data_and_a_broken_one_is_named(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from phoenix.apiserver.tls import ensure_certificates

    files = ensure_certificates(tmp_path, ["x"], now=datetime.now(UTC))
    data = {
        f"client-{name}-data": base64.b64encode(path.read_bytes()).decode()
        for name, path in (("certificate", files.cert), ("key", files.key))
    }
    tls = ClientConfig.from_kubeconfig(with_user(tmp_path, data)).ssl_context()
    assert tls is not None
    by_file = {"client-certificate": "server.crt", "client-key": "server.key"}
    assert ClientConfig.from_kubeconfig(with_user(tmp_path, by_file)).ssl_context() is not None
    by_file["client-key"] = "server.crt"
    with pytest.raises(ConfigError, match=r"client certificate .*server\.crt cannot be used"):
        ClientConfig.from_kubeconfig(with_user(tmp_path, by_file)).ssl_context()
