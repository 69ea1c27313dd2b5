"""The reporter against a real HTTP server that fails in the ways servers do."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from phoenix.samples.model import InputSample, SampleBatch
from phoenix.samples.reporter import ReportConfig, Reporter

PATH = "/apis/phoenix.io/v1alpha1/namespaces/default/experiments/http-lean/samples"


def sample(number: int) -> InputSample:
    return InputSample(
        run=1,
        host="host-a",
        variant="baseline",
        window_start=number,
        window_end=number + 1,
        instance="i",
        ticks=1,
        planned_points=1,
        sent_points=1,
        acked_points=1,
        requests=1,
        sent_first=1,
        bytes=1,
        digest="00",
    )


class Server:
    """Keeps what it took; answers with `status` while that is set."""

    def __init__(self) -> None:
        self.status = 202
        self.taken: list[int] = []
        self.tokens: list[str | None] = []
        self.requests = 0
        self._runner: web.AppRunner | None = None

    async def start(self, folder: Path, token: str = "secret", tls: ssl.SSLContext | None = None) -> None:
        app = web.Application()
        app.router.add_post(PATH, self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        port = self._runner.addresses[0][1]
        (folder / "token").write_text(token + "\n")
        new = folder / "endpoint.json.new"
        scheme = "https" if tls else "http"
        new.write_text(json.dumps({"server": f"{scheme}://127.0.0.1:{port}", "tokenFile": str(folder / "token")}))
        new.replace(folder / "endpoint.json")

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.requests += 1
        self.tokens.append(request.headers.get("Authorization"))
        if self.status != 202:
            return web.Response(status=self.status, text="no")
        self.taken += [sample.window_start for sample in SampleBatch.from_wire(await request.json()).samples]
        return web.Response(status=202)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server()
    await server.start(tmp_path)
    yield server
    await server.stop()


@pytest.fixture
def config(tmp_path: Path) -> ReportConfig:
    return ReportConfig(str(tmp_path / "endpoint.json"), "default", "http-lean", 1, 2.0, "host-a")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # polled: the condition spans objects without events
            await asyncio.sleep(0.005)


async def test_delivers_in_order_with_the_token(server: Server, config: ReportConfig) -> None:
    async with Reporter(config, batch=2) as reporter:
        reporter.put([sample(number) for number in range(5)])
    assert server.taken == [0, 1, 2, 3, 4]
    assert set(server.tokens) == {"Bearer secret"}
    assert reporter.statistics().delivered == 5


async def test_nothing_is_posted_when_nothing_was_put(server: Server, config: ReportConfig) -> None:
    async with Reporter(config):
        pass
    assert server.requests == 0


async def test_finds_a_server_that_comes_back_on_another_port(
    server: Server, config: ReportConfig, tmp_path: Path
) -> None:
    second = Server()
    async with Reporter(config, backoff_s=0.01) as reporter:
        reporter.put([sample(1)])
        await until(lambda: server.taken == [1])
        await server.stop()
        reporter.put([sample(2)])
        await until(lambda: reporter.statistics().failures > 0)
        await second.start(tmp_path, token="another")
        await until(lambda: second.taken == [2])
    await second.stop()
    assert second.tokens == ["Bearer another"]
    assert reporter.statistics().last_error == ""


async def test_a_file_may_take_the_address_from_another_and_its_own_token(
    config: ReportConfig, server: Server, tmp_path: Path
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "endpoint.json").write_text('{"endpointFile": "../endpoint.json", "tokenFile": "token"}')
    async with Reporter(replace(config, endpoint_file=str(folder / "endpoint.json")), backoff_s=0.01) as reporter:
        (folder / "token").write_text("old")
        server.status = 401
        reporter.put([sample(1)])
        await until(lambda: server.tokens == ["Bearer old"])
        (folder / "token").write_text("new")
        server.status = 202
        await until(lambda: server.taken == [1])
    assert server.tokens[-1] == "Bearer new"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"server": 5}', '{"server": "http://127.0.0.1:1", "caFile": 7}'])
async def test_outlives_an_endpoint_file_that_is_none(config: ReportConfig, tmp_path: Path, text: str) -> None:
    (tmp_path / "endpoint.json").write_text(text)
    server = Server()
    async with Reporter(config, backoff_s=0.01) as reporter:
        reporter.put([sample(1)])
        await until(lambda: reporter.statistics().failures >= 2)
        await server.start(tmp_path)
        await until(lambda: server.taken == [1])
    await server.stop()


async def test_trusts_the_ca_of_the_endpoint_file_and_no_other(config: ReportConfig, tmp_path: Path) -> None:
    server = Server()
    await server.start(tmp_path, tls=server_context(tmp_path, "ca.crt"))
    server_context(tmp_path, "other.crt")
    endpoint = json.loads((tmp_path / "endpoint.json").read_text())
    async with Reporter(config, backoff_s=0.01) as reporter:
        for ca in ("other.crt", "ca.crt"):
            (tmp_path / "endpoint.json").write_text(json.dumps(endpoint | {"caFile": str(tmp_path / ca)}))
            if ca == "other.crt":
                reporter.put([sample(1)])
                await until(lambda: "certificate verify failed" in reporter.statistics().last_error)
                assert server.requests == 0
        await until(lambda: server.taken == [1])
    await server.stop()


def server_context(folder: Path, name: str) -> ssl.SSLContext:
    """A self-signed certificate for 127.0.0.1, written as `name`, and a server that shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / name).write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / f"{name}.pem").write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / f"{name}.pem")
    return context


async def test_waits_for_an_endpoint_that_is_not_there_yet(config: ReportConfig, tmp_path: Path) -> None:
    server = Server()
    async with Reporter(config, backoff_s=0.01) as reporter:
        reporter.put([sample(1)])
        await until(lambda: "endpoint.json" in reporter.statistics().last_error)
        await server.start(tmp_path)
        await until(lambda: server.taken == [1])
    await server.stop()


@pytest.mark.parametrize("status", [500, 503, 429, 401])
async def test_tries_again(server: Server, config: ReportConfig, status: int) -> None:
    server.status = status
    async with Reporter(config, backoff_s=0.01) as reporter:
        reporter.put([sample(1)])
        await until(lambda: reporter.statistics().failures >= 2)
        server.status = 202
        await until(lambda: server.taken == [1])
    assert reporter.statistics().refused == 0


async def test_drops_what_is_refused_and_goes_on(
    server: Server, config: ReportConfig, caplog: pytest.LogCaptureFixture
) -> None:
    server.status = 404
    async with Reporter(config) as reporter:
        reporter.put([sample(1)])
        await until(lambda: reporter.statistics().refused == 1)
        server.status = 202
        reporter.put([sample(2)])
        await until(lambda: server.taken == [2])
    assert "samples refused" in caplog.text


async def test_a_full_queue_drops_the_oldest(server: Server, config: ReportConfig) -> None:
    server.status = 503
    async with Reporter(config, capacity=3, batch=2, backoff_s=0.01) as reporter:
        reporter.put([sample(number) for number in range(2)])
        await until(lambda: reporter.statistics().failures >= 1)
        reporter.put([sample(number) for number in range(2, 5)])
        await until(lambda: reporter.statistics().overflowed == 2)
        assert reporter.statistics().queued == 3
        server.status = 202
        await until(lambda: len(server.taken) == 3)
    assert server.taken == [2, 3, 4]


async def test_close_gives_up_at_its_deadline(server: Server, config: ReportConfig) -> None:
    server.status = 503
    reporter = Reporter(config, backoff_s=30, backoff_max_s=30)
    await reporter.start()
    reporter.put([sample(1), sample(2)])
    async with asyncio.timeout(20):  # below the backoff of 30 s
        await reporter.aclose(deadline_s=0.3)
        await reporter.aclose(deadline_s=0.3)
    assert reporter.statistics().abandoned == 2
    assert server.requests >= 2, "closing must not wait out a long backoff"


def test_config_reads_both_spellings() -> None:
    camel = {
        "endpointFile": "/e",
        "namespace": "default",
        "experiment": "x",
        "run": 3,
        "windowSeconds": 2.0,
        "host": "h",
    }
    snake = {"endpoint_file": "/e", "namespace": "default", "experiment": "x", "run": 3, "window": "2s", "host": "h"}
    assert ReportConfig.from_json(camel) == ReportConfig.from_json(snake)
    assert ReportConfig.from_json(camel).window_ns == 2_000_000_000


def test_config_names_every_fault() -> None:
    with pytest.raises(ValueError, match="endpointFile") as caught:
        ReportConfig.from_json({"namespace": "default", "experiment": "x", "run": 0, "window": "2 s"})
    assert all(word in str(caught.value) for word in ("report.run", "report.window"))
