"""Client certificates, given server certificates, and certificates that change or end."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from phoenix.apiserver.server import ApiServer, ServerConfig
from phoenix.apiserver.servingtls import Given, ServingTls, UnusableCertificate
from phoenix.apiserver.tls import ensure_certificates
from tests.harness.eventually import eventually
from tests.integration.access.authorities import Authority

WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def trusting(ca: Path, cert: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    if cert is not None:
        context.load_cert_chain(cert, key)
    return context


@asynccontextmanager
async def session_to(tls: ssl.SSLContext) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session:
        yield session


async def who(server: ApiServer, tls: ssl.SSLContext, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    async with session_to(tls) as session, session.post(server.url + WHO, json={}, headers=headers) as got:
        body = await got.json()
        return got.status, body["status"]["userInfo"] if got.status == 201 else body["message"]


async def issuer_seen(server: ApiServer, ca: Path, name: str | None) -> str:
    """Who signed the certificate that is served to who asks for a name."""
    tls = trusting(ca)
    tls.check_hostname = False
    parts = urlsplit(server.url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=tls, server_hostname=name or "127.0.0.1")
    certificate = writer.get_extra_info("peercert")
    writer.close()
    await writer.wait_closed()
    return str(dict(part[0] for part in certificate["issuer"])["commonName"])


async def test_a_certificate_of_our_ca_says_who_one_is(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with ApiServer(ServerConfig(state=state, port=0)) as server:
        assert server.ca_file is not None
        ours = Authority(state, "ca")
        cert, key = tmp_path / "ann.crt", tmp_path / "ann.key"
        ours.sign(cert, key, common_name="ann", organizations=("red", "system:hosts"))
        code, found = await who(server, trusting(server.ca_file, cert, key))
        assert (code, found["username"], found["groups"]) == (201, "ann", ["red", "system:authenticated"])
        token = {"Authorization": f"Bearer {server.token}"}
        assert (await who(server, trusting(server.ca_file, cert, key), token))[1]["username"] == "system:admin"
        ours.sign(cert, key, organizations=("system:masters",))
        assert (await who(server, trusting(server.ca_file, cert, key)))[0] == 401, "it names nobody"
        ours.sign(cert, key, common_name="system:host:a", organizations=("system:hosts",))
        assert (await who(server, trusting(server.ca_file, cert, key)))[1]["groups"][0] == "system:hosts"
        code, message = await who(server, trusting(server.ca_file))
        assert (code, "client certificate" in message) == (401, True)
        stranger = Authority(tmp_path, "stranger")
        stranger.sign(cert, key, common_name="root", organizations=("system:masters",))
        with pytest.raises(aiohttp.ClientError):
            await who(server, trusting(server.ca_file, cert, key))


async def test_given_certificates_are_served_for_their_names_and_read_again(tmp_path: Path) -> None:
    first, second = Authority(tmp_path, "first"), Authority(tmp_path, "second")
    cert, key, bundle = tmp_path / "tls.crt", tmp_path / "tls.key", tmp_path / "all.crt"
    first.sign(cert, key, common_name="x", names=("phoenix.test", "*.lab.test"))
    config = ServerConfig(
        state=tmp_path / "state", port=0, tls_cert_file=cert, tls_private_key_file=key,
        client_ca_file=first.cert_file,
    )  # fmt: skip
    async with ApiServer(config) as server:
        assert server.ca_file is not None
        parts = (server.ca_file, first.cert_file, second.cert_file)
        bundle.write_bytes(b"".join(path.read_bytes() for path in parts))
        seen = {name: await issuer_seen(server, bundle, name) for name in ("phoenix.test", "a.lab.test", "localhost")}
        assert seen == {"phoenix.test": "first", "a.lab.test": "first", "localhost": "phoenix-ca"}
        assert await issuer_seen(server, bundle, None) == "phoenix-ca", "an address"
        person, person_key = tmp_path / "p.crt", tmp_path / "p.key"
        first.sign(person, person_key, common_name="ann")
        assert (await who(server, trusting(bundle, person, person_key)))[1]["username"] == "ann"
        second.sign(cert, key, common_name="x", names=("phoenix.test",))

        async def served() -> str:
            return await issuer_seen(server, bundle, "phoenix.test")

        await eventually(served, lambda name: name == "second", within_s=40, what="the changed certificate is served")
        async with session_to(trusting(server.ca_file)) as session:
            headers = {"Authorization": f"Bearer {server.token}"}
            async with session.get(server.url + "/metrics", headers=headers) as got:
                text = await got.text()
    for name in ("ca", "server", "given", "client-ca"):
        assert f'phoenix_apiserver_certificate_ends_timestamp_seconds{{certificate="{name}"}}' in text


def test_what_cannot_be_used_is_refused_at_the_start_and_passed_over_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = ensure_certificates(tmp_path, (), now=datetime.now(UTC))
    given = Authority(tmp_path, "given")
    cert, key = tmp_path / "t.crt", tmp_path / "t.key"

    def serve() -> ServingTls:
        return ServingTls(own, Given(cert, key), now=lambda: datetime.now(UTC))

    with pytest.raises(UnusableCertificate, match=r"t\.crt"):
        serve()
    given.sign(cert, key, common_name="x")
    with pytest.raises(UnusableCertificate, match="names no DNS name"):
        serve()
    given.sign(cert, key, common_name="x", names=("a.test",), life=timedelta(days=10))
    with caplog.at_level(logging.WARNING):
        tls = serve()
        assert [record.getMessage() for record in caplog.records if "ends soon" in record.getMessage()]
        caplog.clear()
        tls.refresh()
        assert not caplog.records, "once a day is enough"
        cert.write_text("rubbish")
        tls.refresh()
        assert "the one before goes on" in caplog.text
    assert tls.covers("a.test")
    given.sign(cert, key, common_name="x", names=("b.test",))
    tls.refresh()
    assert (tls.covers("a.test"), tls.covers("b.test")) == (False, True)


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs its key"):
        ServerConfig(state=tmp_path, tls_cert_file=tmp_path / "x")
    with pytest.raises(ValueError, match="of no use without TLS"):
        ServerConfig(state=tmp_path, tls=False, client_ca_file=tmp_path / "x")
