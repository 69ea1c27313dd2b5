# ruff: noqa: E501 (tables of one case a line read best)
"""OTLP/gRPC of the embedded engine against a real gRPC peer in this process: status codes, retry, TLS, refusals."""

import asyncio
import datetime
import ipaddress
import socket
import subprocess
import sys

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from phoenix.engine import check, grpcextra
from phoenix.engine.data import Metrics
from phoenix.engine.errors import BadData, ConsumeError, StartError
from phoenix.engine.receivers import otlpgrpc
from phoenix.engine.registry import EXPORTERS, RECEIVERS
from phoenix.engine.telemetry import Telemetry
from tests.harness.eventually import eventually
from tests.unit.engine.harness import Sink, parse, settings
from tests.unit.engine.otlp import number_metric, numbers, request

ONE = request(number_metric("gauge", "g", [({}, 1)]))


async def receiver(yaml, sink, telemetry=None):
    factory = RECEIVERS["otlp"]
    config, findings = parse(factory, yaml)
    assert not findings, findings
    made = factory.create(settings("otlp", telemetry), config, sink)
    await made.start()
    return made


async def exporter(yaml, telemetry=None):
    factory = EXPORTERS["otlp"]
    config, findings = parse(factory, yaml)
    assert not findings, findings
    made = factory.create(settings("otlp", telemetry), config)
    await made.start()
    return made


class Peer:
    """A gRPC server that answers with the given statuses, then OK."""

    def __init__(self, *answers, response=b""):
        self.answers, self.response = list(answers), response
        self.taken, self.metadata = [], None

    async def __aenter__(self):
        self.server = grpc.aio.server()
        handlers = {"Export": grpc.unary_unary_rpc_method_handler(self._export)}
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(grpcextra.SERVICE, handlers),))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        await self.server.start()
        return self

    async def __aexit__(self, *_):
        await self.server.stop(1)

    async def _export(self, body, context):
        self.metadata = dict(context.invocation_metadata())
        if self.answers:
            code, delay_s = self.answers.pop(0)
            if isinstance(delay_s, bytes):
                context.set_trailing_metadata((("grpc-status-details-bin", delay_s),))
            elif delay_s is not None:
                detail = Any()
                detail.Pack(RetryInfo(retry_delay=Duration(nanos=round(delay_s * 1e9))))
                status = Status(code=code.value[0], details=[detail]).SerializeToString()
                context.set_trailing_metadata((("grpc-status-details-bin", status),))
            await context.abort(code, "told to")
        self.taken.append(body)
        return self.response


CODE = grpc.StatusCode
TO = "endpoint: 127.0.0.1:{}\ntls: {{insecure: true}}\nsending_queue: {{enabled: false}}\nretry_on_failure: {{initial_interval: 1ms, max_interval: 1ms}}\nheaders: {{X-Tenant: a}}"


@pytest.mark.parametrize(
    ("answers", "arrives"),
    [
        ([], True),
        ([(CODE.UNAVAILABLE, None), (CODE.DEADLINE_EXCEEDED, None), (CODE.ABORTED, None)], True),
        ([(CODE.CANCELLED, None), (CODE.OUT_OF_RANGE, None), (CODE.DATA_LOSS, None)], True),
        ([(CODE.RESOURCE_EXHAUSTED, 0.01)], True),
        ([(CODE.RESOURCE_EXHAUSTED, None)], False),
        ([(CODE.INVALID_ARGUMENT, None)], False),
        ([(CODE.INTERNAL, None)], False),
        ([(CODE.UNIMPLEMENTED, None)], False),
    ],
)
async def test_what_is_sent_again(answers, arrives):
    telemetry = Telemetry()
    async with Peer(*answers) as peer:
        made = await exporter(TO.format(peer.port), telemetry)
        if arrives:
            await made.consume(Metrics.of(ONE))
            assert peer.taken == [ONE.SerializeToString()]
            assert peer.metadata["x-tenant"] == "a"
        else:
            with pytest.raises(ConsumeError, match=f"{answers[0][0].name}: told to"):
                await made.consume(Metrics.of(ONE))
            assert not peer.taken
        await made.shutdown()
    outcome = "sent" if arrives else "send_failed"
    assert f'otelcol_exporter_{outcome}_metric_points{{exporter="otlp"}} 1' in telemetry.render().decode()


async def test_a_receiver_is_left_alone_as_long_as_it_asks():
    loop = asyncio.get_running_loop()
    async with Peer((CODE.UNAVAILABLE, 0.5)) as peer:
        made = await exporter(TO.format(peer.port))
        began = loop.time()
        await made.consume(Metrics.of(ONE))
        assert loop.time() - began >= 0.5
        await made.shutdown()


async def test_points_the_receiver_rejected_are_told(caplog):
    response = ExportMetricsServiceResponse()
    response.partial_success.rejected_data_points, response.partial_success.error_message = 3, "too old"
    async with Peer(response=response.SerializeToString()) as peer:
        made = await exporter(TO.format(peer.port))
        await made.consume(Metrics.of(ONE))
        await made.shutdown()
    assert "partial success points_rejected=3 said='too old'" in caplog.text


async def test_an_answer_that_is_no_response_is_a_failure_and_the_exporter_goes_on():
    one_consumer = "enabled: true, num_consumers: 1, wait_for_result: true"
    async with Peer(response=b"\xff") as peer, asyncio.timeout(30):
        made = await exporter(TO.format(peer.port).replace("enabled: false", one_consumer))
        with pytest.raises(ConsumeError, match="INTERNAL: the answer is no ExportMetricsServiceResponse"):
            await made.consume(Metrics.of(ONE))
        peer.response = b""
        await made.consume(Metrics.of(ONE))
        await made.shutdown()


@pytest.mark.parametrize(
    "details", [b"\xff", Status(details=[Any(type_url="x/google.rpc.RetryInfo", value=b"\xff")]).SerializeToString()]
)
async def test_details_that_cannot_be_read_are_none(details):
    async with Peer((CODE.UNAVAILABLE, details)) as peer:
        made = await exporter(TO.format(peer.port))
        await made.consume(Metrics.of(ONE))
        assert peer.taken == [ONE.SerializeToString()]
        await made.shutdown()


async def test_nobody_there_is_unavailable_and_retried_until_the_time_is_over():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = await exporter(TO.format(port).replace("max_interval: 1ms", "max_interval: 1ms, max_elapsed_time: 300ms"))
    with pytest.raises(ConsumeError, match="UNAVAILABLE"):
        await made.consume(Metrics.of(ONE))
    await made.shutdown()


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (ConsumeError("later"), "UNAVAILABLE"),
        (ConsumeError("never", retryable=False), "INTERNAL"),
        (BadData("yours"), "INVALID_ARGUMENT"),
    ],
)
async def test_refusals_of_the_pipeline(refusal, code):
    sink, telemetry = Sink(), Telemetry()
    made = await receiver('protocols: {grpc: {endpoint: "127.0.0.1:0"}}', sink, telemetry)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{made.grpc_port}") as channel:
            call = channel.unary_unary(grpcextra.METHOD)
            assert await call(ONE.SerializeToString(), timeout=20, compression=grpc.Compression.Gzip) == b""
            sink.refuse = refusal
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await call(ONE.SerializeToString(), timeout=20)
    finally:
        await made.shutdown()
    assert (error.value.code().name, error.value.details()) == (code, str(refusal))
    assert [numbers(message) for message in sink.messages] == [numbers(ONE)]
    page = telemetry.render().decode()
    for outcome in ("accepted", "refused"):
        assert f'otelcol_receiver_{outcome}_metric_points{{receiver="otlp",transport="grpc"}} 1' in page


async def test_a_taken_port_is_said_plainly_and_not_shared():
    sink = Sink()
    made = await receiver('protocols: {grpc: {endpoint: "127.0.0.1:0"}}', sink)
    try:
        with pytest.raises(StartError, match=rf"cannot listen on 127.0.0.1:{made.grpc_port}: address already in use"):
            await receiver(f'protocols: {{grpc: {{endpoint: "127.0.0.1:{made.grpc_port}"}}}}', sink)
    finally:
        await made.shutdown()


async def test_both_protocols_of_one_receiver():
    sink = Sink()
    made = await receiver('protocols: {http: {endpoint: "127.0.0.1:0"}, grpc: {endpoint: "127.0.0.1:0"}}', sink)
    assert made.port != made.grpc_port
    await made.shutdown()
    await made.shutdown()


@pytest.fixture
def pem(tmp_path):
    """Paths of a certificate for 127.0.0.1, which is its own authority, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    (tmp_path / "crt.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    return tmp_path / "crt.pem", tmp_path / "key.pem"


async def test_tls_both_ways(pem):
    sink, (crt, key) = Sink(), pem
    made = await receiver(
        f'protocols: {{grpc: {{endpoint: "127.0.0.1:0", tls: {{cert_file: {crt}, key_file: {key}, client_ca_file: {crt}}}}}}}',
        sink,
    )
    base = f"endpoint: 127.0.0.1:{made.grpc_port}\nsending_queue: {{enabled: false}}\nretry_on_failure: {{enabled: false}}\n"
    try:
        sender = await exporter(base + f"tls: {{ca_file: {crt}, cert_file: {crt}, key_file: {key}}}")
        await sender.consume(Metrics.of(ONE))
        await sender.shutdown()
        assert len(sink.taken) == 1
        for tls in ("tls: {insecure: true}", f"tls: {{ca_file: {crt}}}", "timeout: 5s"):
            sender = await exporter(base + tls)
            with pytest.raises(ConsumeError, match="UNAVAILABLE"):
                await sender.consume(Metrics.of(ONE))
            await sender.shutdown()
    finally:
        await made.shutdown()
    with pytest.raises(StartError, match=r"tls: /nowhere: No such file"):
        await exporter("endpoint: h:1\ntls: {ca_file: /nowhere}")


GRPC = "protocols: {{grpc: {{{}}}}}"


@pytest.mark.parametrize(
    ("table", "yaml", "fault"),
    [
        (EXPORTERS, "", 'endpoint: requires a non-empty "endpoint"'),
        (EXPORTERS, "endpoint: host", 'invalid port "host"'),
        (EXPORTERS, "endpoint: host:x", 'invalid port "x"'),
        (EXPORTERS, "endpoint: h:1\ncompression: zstd", "'zstd' is not implemented"),
        (EXPORTERS, "endpoint: h:1\ntls: {insecure_skip_verify: true}", "always verifies a server"),
        (EXPORTERS, "endpoint: h:1\ntls: {cert_file: a}", "needs its key"),
        (EXPORTERS, "endpoint: h:1\nauth: {authenticator: x}", "'auth' is not implemented"),
        (EXPORTERS, "endpoint: h:1\nheaders: {'a b': x}", "no name of gRPC metadata"),
        (EXPORTERS, "endpoint: h:1\nsendingqueue: {}", "invalid keys: sendingqueue"),
        (RECEIVERS, GRPC.format("tls: {}"), "needs its certificate and key"),
        (RECEIVERS, GRPC.format("transport: unix"), "on tcp only"),
        (RECEIVERS, GRPC.format("max_recv_msg_size_mib: -1"), "must be 0 or more"),
        (RECEIVERS, GRPC.format("keepalive: {time: 1s}"), "invalid keys: time"),
        (RECEIVERS, "protocols: {grpc: {enabled: false}}", "at least one protocol"),
    ],
)
def test_faults(table, yaml, fault):
    _, findings = parse(table["otlp"], yaml)
    assert any(fault in str(found) for found in findings), findings


@pytest.mark.parametrize(
    ("yaml", "target", "clear"),
    [
        ("endpoint: h:1", "h:1", False),
        ("endpoint: http://h:1", "h:1", True),
        ("endpoint: https://h:1/\ntls: {insecure: true}", "h:1", False),
        ("endpoint: dns:///h:1\ntls: {insecure: true}", "dns:///h:1", True),
    ],
)
def test_endpoints(yaml, target, clear):
    config, findings = parse(EXPORTERS["otlp"], yaml)
    assert not findings
    assert (config.target, config.tls is None) == (target, clear)


def test_without_the_extra_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(grpcextra, "available", lambda: False)
    config = {
        "receivers": {"otlp": {"protocols": {"grpc": {}}}},
        "exporters": {"otlp": {"endpoint": "h:1"}},
        "service": {"pipelines": {"metrics": {"receivers": ["otlp"], "exporters": ["otlp"]}}},
    }
    found = [str(finding) for finding in check(config)]
    assert len(found) == 2
    for path, text in zip(("receivers.otlp.protocols.grpc", "exporters.otlp"), found, strict=True):
        assert text.startswith(f"{path}: the Embedded engine speaks gRPC by grpcio, which is not installed")
        assert "pip install 'phoenix-reconciler[grpc]'" in text
        assert "Otelcol" in text
    config["receivers"] = {"otlp": {"protocols": {"http": {}}}}
    config["exporters"] = {"debug": {}}
    config["service"]["pipelines"]["metrics"]["exporters"] = ["debug"]
    assert check(config) == []


def test_who_forks_never_loads_grpc():
    code = (
        "import sys, phoenix.shim, phoenix.collector.__main__, phoenix.engine.registry as r\n"
        "assert r.EXPORTERS['otlp'] and 'grpc' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


async def test_requests_under_way_are_answered_at_shutdown(monkeypatch):
    monkeypatch.setattr(otlpgrpc, "_GRACE_S", 60.0)  # or a busy machine lets it pass before the looks below
    began, go = asyncio.Event(), asyncio.Event()

    class Slow(Sink):
        async def consume(self, metrics):
            began.set()
            await go.wait()
            await super().consume(metrics)

    sink = Slow()
    made = await receiver('protocols: {grpc: {endpoint: "127.0.0.1:0"}}', sink)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{made.grpc_port}") as channel:
        call = asyncio.ensure_future(channel.unary_unary(grpcextra.METHOD)(ONE.SerializeToString(), timeout=60))
        await began.wait()
        stopping = asyncio.ensure_future(made.shutdown())

        async def refused():
            try:
                with socket.create_connection(("127.0.0.1", made.grpc_port), timeout=1):
                    return False
            except OSError:
                return True

        await eventually(refused, bool, within_s=30, what="no new connection")
        go.set()
        assert await call == b""
        await stopping
    assert len(sink.taken) == 1
