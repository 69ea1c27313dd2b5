"""Paths, tables, negotiation, framing, certificates: the parts by themselves."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from phoenix.api.core import Event, Namespace
from phoenix.api.experiment import Experiment
from phoenix.api.host import Host
from phoenix.api.scheme import KINDS
from phoenix.apimachinery.errors import BadRequest, NotFound
from phoenix.apimachinery.selectors import parse_field_selector
from phoenix.apiserver.events import Form
from phoenix.apiserver.framing import Framing, frame
from phoenix.apiserver.negotiate import NotAcceptable, aggregated_version, negotiate
from phoenix.apiserver.selection import parse_selection
from phoenix.apiserver.table import human_duration, render_table
from phoenix.apiserver.target import Target, parse_target, split_path
from phoenix.apiserver.tls import ensure_certificates

BASE = "/apis/phoenix.io/v1alpha1"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (f"{BASE}/experiments", Target(Experiment)),
        (f"{BASE}/namespaces/x/experiments/", Target(Experiment, "x")),
        (f"{BASE}/namespaces/x/experiments/a/status", Target(Experiment, "x", "a", "status")),
        (f"{BASE}/namespaces/x/experiments/a/samples", Target(Experiment, "x", "a", "samples")),
        (f"{BASE}/hosts/h", Target(Host, "", "h")),
        ("/api/v1/namespaces/x", Target(Namespace, "", "x")),
        ("/api/v1/namespaces/x/status", Target(Namespace, "", "x", "status")),
        ("/api/v1/namespaces/x/events", Target(Event, "x")),
        ("/api/v1/namespaces/status/events/e%2Ff", Target(Event, "status", "e/f")),
    ],
)
def test_paths(path: str, target: Target) -> None:
    assert parse_target(split_path(path)) == target


@pytest.mark.parametrize(
    "path",
    [f"{BASE}/experiments/a", f"{BASE}/namespaces/x/hosts", f"{BASE}/namespaces/x/experiments/a/scale",
     f"{BASE}/namespaces//experiments", f"{BASE}/namespaces/x/events", "/api/v1/experiments", "/api/v2/events",
     f"{BASE}/namespaces/x/experiments/a/status/y", "/apis/other.io/v1/experiments", f"{BASE}/hosts/h/samples",
     f"{BASE}/namespaces/x/pipelinerevisions/r/status"],
)  # fmt: skip
def test_paths_nothing_is_served_at(path: str) -> None:
    with pytest.raises(NotFound):
        parse_target(split_path(path))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (330, "5m30s"), (600, "10m"), (3 * 3600, "3h"),
     (5 * 3600 + 720, "5h12m"), (47 * 3600, "47h"), (3 * 86400 + 7200, "3d2h"), (20 * 86400, "20d"),
     (800 * 86400, "2y70d"), (3650 * 86400, "10y")],
)  # fmt: skip
def test_ages_as_kubectl_prints_them(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


def test_every_kind_renders_with_null_where_nothing_is_known() -> None:
    for kind in KINDS:
        table = render_table(kind, [{"metadata": {"name": "x"}}], now=NOW)
        cells = table["rows"][0]["cells"]
        assert len(cells) == len(table["columnDefinitions"])
        assert [cell for cell in cells if cell is not None] == ["x"]


def test_cells_by_condition_and_age() -> None:
    wire = {
        "metadata": {"name": "h", "creationTimestamp": "2026-05-01T11:00:00Z"},
        "status": {"conditions": [{"type": "Other", "status": "False"}, {"type": "Ready", "status": "True"}]},
    }
    table = render_table(Host, [wire], now=NOW)
    row = dict(zip((column["name"] for column in table["columnDefinitions"]), table["rows"][0]["cells"], strict=True))
    assert row["Status"] == "Ready"
    assert row["Age"] == "60m"


def test_events_say_what_they_are_about_and_when_wherever_they_keep_it() -> None:
    first, last = "2026-05-01T11:00:00Z", "2026-05-01T11:59:00Z"
    for times in ({"lastTimestamp": last}, {"eventTime": last}, {"series": {"lastObservedTime": last}}):
        wire = {
            "metadata": {"name": "e"},
            "involvedObject": {"kind": "Experiment", "name": "x"},
            "firstTimestamp": first,
            **times,
        }
        (row,) = render_table(Event, [wire], now=NOW)["rows"]
        assert row["cells"][0] == "60s", times
        assert row["cells"][3] == "experiment/x"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Form.OBJECT),
        ("*/*", Form.OBJECT),
        ("application/json, */*", Form.OBJECT),
        ("application/vnd.kubernetes.protobuf,application/json", Form.OBJECT),
        ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Form.TABLE),
        ("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", Form.OBJECT),
        ("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", Form.PARTIAL),
        ("application/json;q=0.8", Form.OBJECT),
    ],
)
def test_the_first_acceptable_form_wins(accept: str, form: Form) -> None:
    assert negotiate(accept) is form


def test_negotiation_that_fails_and_aggregated_discovery() -> None:
    with pytest.raises(NotAcceptable):
        negotiate("text/html")
    form = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
    assert aggregated_version(form.format("v2beta1") + ",application/json") == "v2beta1"
    assert aggregated_version("application/json," + form.format("v2")) == ""


@pytest.mark.parametrize("text", ["metadata.name=a=b", "metadata.name==a=b", "metadata.name!=a=b"])
def test_a_field_selector_has_one_value(text: str) -> None:
    with pytest.raises(BadRequest, match="unescaped character in value: ="):
        parse_field_selector(text)


def test_field_selectors_are_those_the_kind_has() -> None:
    selection = parse_selection(Event, "a in (x,y),!b", "involvedObject.name=n,source=agent,")
    event = {"metadata": {"labels": {"a": "x"}}, "involvedObject": {"name": "n"}, "source": {"component": "agent"}}
    assert selection.matches(event)
    assert not selection.matches({**event, "source": {}})
    with pytest.raises(BadRequest, match="field label not supported: reason"):
        parse_selection(Experiment, "", "reason=x")


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_websocket_frames_have_the_right_length(size: int) -> None:
    data = frame(Framing.WEBSOCKET, [b"x" * size, b"y"])
    head = {True: 2}.get(size < 126, 4 if size < 65_536 else 10)
    assert len(data) == head + size + 3
    length = data[1] if size < 126 else int.from_bytes(data[2:head], "big")
    assert length == size
    assert data[-3:] == b"\x81\x01y"


def test_chunks_join_lines() -> None:
    assert frame(Framing.CHUNKED, [b"ab\n", b"c\n"]) == b"5\r\nab\nc\n\r\n"


def test_certificates_are_kept_until_they_no_longer_fit(tmp_path: Path) -> None:
    first = ensure_certificates(tmp_path, [], now=NOW)
    contents = [path.read_bytes() for path in (first.ca, first.cert)]
    again = ensure_certificates(tmp_path, ["127.0.0.1"], now=NOW + timedelta(days=30))
    assert [path.read_bytes() for path in (again.ca, again.cert)] == contents
    more = ensure_certificates(tmp_path, ["phoenix.example", "192.0.2.7"], now=NOW)
    assert more.ca.read_bytes() == contents[0]
    names = x509.load_pem_x509_certificate(more.cert.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert {"localhost", "phoenix.example"} <= set(names.value.get_values_for_type(x509.DNSName))
    assert ipaddress.ip_address("192.0.2.7") in names.value.get_values_for_type(x509.IPAddress)
    renewed = ensure_certificates(tmp_path, [], now=NOW + timedelta(days=800))
    assert renewed.ca.read_bytes() == contents[0]
    assert x509.load_pem_x509_certificate(renewed.cert.read_bytes()).not_valid_after_utc > NOW + timedelta(days=1600)
    ensure_certificates(tmp_path, [], now=NOW + timedelta(days=3640))
    assert renewed.ca.read_bytes() != contents[0]
