"""Endpoint files and kubeconfigs, and TLS against a real server with a generated authority."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import ssl
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from phoenix.api.host import Host
from phoenix.client.config import ClientConfig
from phoenix.client.errors import ConfigError, Unavailable
from phoenix.client.http import HttpClient

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: one
contexts:
- name: one
  context: {cluster: c1, user: u1, namespace: team}
- name: two
  context: {cluster: c2, user: u2}
- name: lost
  context: {cluster: nowhere, user: u1}
clusters:
- name: c1
  cluster: {server: "https://127.0.0.1:1/", certificate-authority: ca.crt}
- name: c2
  cluster: {server: "https://127.0.0.1:2", certificate-authority-data: "%s"}
users:
- name: u1
  user: {token: t1}
- name: u2
  user: {client-certificate: x}
"""


def test_kubeconfig_current_context(tmp_path):
    path = tmp_path / "config"
    path.write_text(KUBECONFIG % "")
    config = ClientConfig.from_kubeconfig(path)
    assert (config.server, config.token, config.namespace) == ("https://127.0.0.1:1", "t1", "team")
    assert config.ca_file == tmp_path / "ca.crt"


@pytest.mark.parametrize(
    ("context", "text", "says"),
    [
        ("two", KUBECONFIG % "!", "base64"),
        ("two", KUBECONFIG % base64.b64encode(b"pem").decode(), "needs both"),
        ("lost", KUBECONFIG % "", "no cluster 'nowhere': clusters there: c1, c2"),
        ("three", KUBECONFIG % "", "no context 'three': contexts there: one, two, lost"),
        (None, "apiVersion: v1\nkind: Config\n", "no current-context"),
        (None, "- 1", "no mapping"),
        (None, "a: b: c", "not YAML"),
    ],
)
def test_kubeconfig_faults_say_what_is_wrong(tmp_path, context, text, says):
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        ClientConfig.from_kubeconfig(path, context)


def test_missing_files_say_the_next_step(tmp_path):
    with pytest.raises(ConfigError, match="phoenixctl up"):
        ClientConfig.from_kubeconfig(tmp_path / "config")
    with pytest.raises(ConfigError, match="phoenixctl up"):
        ClientConfig.from_endpoint_file(tmp_path / "endpoint.json")
    (tmp_path / "endpoint.json").write_text("{}")
    with pytest.raises(ConfigError, match="not an endpoint file"):
        ClientConfig.from_endpoint_file(tmp_path / "endpoint.json")
    (tmp_path / "endpoint.json").write_text(json.dumps({"server": "s", "caFile": "c", "tokenFile": "t"}))
    with pytest.raises(ConfigError, match="token file"):
        ClientConfig.from_endpoint_file(tmp_path / "endpoint.json")


def test_a_ca_that_is_none(tmp_path):
    (tmp_path / "ca.crt").write_text("nonsense")
    for ca_file in (tmp_path / "ca.crt", tmp_path / "absent"):
        with pytest.raises(ConfigError, match="certificate authority"):
            ClientConfig("https://127.0.0.1:1", ca_file).ssl_context()
    assert ClientConfig("http://127.0.0.1:1").ssl_context() is None


def _authority(folder: Path) -> Path:
    """A self-signed certificate for 127.0.0.1 that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    (folder / "ca.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "ca.key").write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return folder / "ca.crt"


async def test_tls_with_the_servers_authority_and_not_with_another(tmp_path):
    ca_file, other = _authority(tmp_path / "a"), _authority(tmp_path / "b")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(ca_file, ca_file.with_suffix(".key"))
    app = web.Application()

    async def empty(request: web.Request) -> web.Response:
        return web.json_response({"items": [], "metadata": {"resourceVersion": "1"}})

    app.router.add_get("/{path:.*}", empty)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    server = f"https://127.0.0.1:{runner.addresses[0][1]}"
    try:
        for config in (ClientConfig(server, ca_file), ClientConfig(server, ca_data=ca_file.read_text())):
            async with HttpClient(config) as client:
                assert (await client.list(Host)).resource_version == "1"
        async with HttpClient(ClientConfig(server, other)) as client:
            with pytest.raises(Unavailable, match=r"not trusted.*CA file"):
                await client.list(Host)
    finally:
        await runner.cleanup()
