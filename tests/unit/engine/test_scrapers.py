# ruff: noqa: E501 (tables of one case a line read best)
"""Scrapers of the host: names, units, types and labels as the real Collector's, values where they can be told."""

import json
import time
from pathlib import Path

import pytest

from phoenix.engine.receivers.scrapers import cpu, disk, network, paging, processes
from phoenix.engine.registry import RECEIVERS
from tests.unit.engine.harness import parse
from tests.unit.engine.otlp import attributes

GOLDEN = json.loads(Path(__file__).with_name("hostmetrics.json").read_text())
NAMES = ["cpu", "disk", "filesystem", "load", "memory", "network", "paging", "processes", "process"]
OPTIONAL = {
    "filesystem": "{metrics: {system.filesystem.utilization: {enabled: true}}}",
    "paging": "{metrics: {system.paging.utilization: {enabled: true}}}",
}
MAYBE_ABSENT = ("system.disk.", "system.paging.u", "system.filesystem.")
"""Metrics without points, so not sent, on hosts without swap or disks."""


def scraped(name, yaml="{}"):
    config, findings = parse(RECEIVERS["host_metrics"], f"scrapers: {{{name}: {yaml}}}")
    assert not findings, findings
    ((_, make),) = config.scrapers
    found, errors = make().scrape(time.time_ns())
    return found, errors


def described(resources):
    """Metric name to what it is."""
    rows = {}
    for resource in resources:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind)
                row = rows.setdefault(metric.name, {"labels": set(), "vt": set()})
                row |= {"scope": scope.scope.name, "unit": metric.unit, "type": kind}
                row["temporality"] = getattr(data, "aggregation_temporality", 0)
                row["monotonic"] = getattr(data, "is_monotonic", False)
                for point in data.data_points:
                    row["labels"].add(",".join(sorted(pair.key for pair in point.attributes)))
                    row["vt"].add(point.WhichOneof("value"))
                    assert point.start_time_unix_nano
                    assert point.time_unix_nano
    return {name: {**row, "labels": sorted(row["labels"]), "vt": sorted(row["vt"])} for name, row in rows.items()}


@pytest.mark.parametrize("name", NAMES)
def test_metrics_are_those_of_the_collector(name):
    found, _ = scraped(name, OPTIONAL.get(name, "{}"))
    ours = described(found)
    scope = "/" + name + "scraper"
    theirs = {key: row for key, row in GOLDEN["metrics"].items() if row["scope"].endswith(scope)}
    assert theirs
    for key, row in ours.items():
        assert row == theirs[key]
    assert all(key.startswith(MAYBE_ABSENT) for key in set(theirs) - set(ours))


def readings(resources, metric):
    return {
        tuple(sorted(attributes(point.attributes).items())): getattr(point, point.WhichOneof("value"))
        for resource in resources
        for scope in resource.scope_metrics
        for one in scope.metrics
        if one.name == metric
        for point in getattr(one, one.WhichOneof("data")).data_points
    }


def test_connections_are_counted_from_the_kernels_table(tmp_path):
    table = tmp_path / "tcp"
    row = "   {}: 0100007F:1F90 00000000:0000 {} 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100\n"
    table.write_text("  sl  local_address rem_address   st\n" + row.format(0, "0A") + row.format(1, "01") * 2)
    config = network.Config(frozenset({"system.network.connections"}), network.NameFilter(None, None))
    found, errors = network.NetworkScraper(config, (table,)).scrape(1)
    states = {dict(key)["state"]: value for key, value in readings(found, "system.network.connections").items()}
    assert errors == 0
    assert len(states) == 12
    assert {state: count for state, count in states.items() if count} == {"LISTEN": 1, "ESTABLISHED": 2}
    assert network.NetworkScraper(config, (tmp_path / "none",)).scrape(1)[1] == 1


def test_paging_from_the_kernels_counters(tmp_path):
    (tmp_path / "vmstat").write_text("pgpgin 10\npgpgout 20\npswpin 3\npswpout 4\npgfault 100\npgmajfault 30\n")
    (tmp_path / "swaps").write_text("Filename Type Size Used Priority\n/dev/dm-1 partition 8 2 -2\n")
    config = paging.Config(frozenset(spec.name for spec in paging._SPECS))
    found, errors = paging.PagingScraper(config, tmp_path / "vmstat", tmp_path / "swaps").scrape(1)
    assert errors == 0
    device = ("device", "/dev/dm-1")
    assert readings(found, "system.paging.usage") == {
        (device, ("state", "used")): 2048, (device, ("state", "free")): 6144,
    }  # fmt: skip
    assert readings(found, "system.paging.utilization")[device, ("state", "used")] == 0.25
    assert readings(found, "system.paging.faults") == {(("type", "major"),): 30, (("type", "minor"),): 70}
    assert readings(found, "system.paging.operations")[("direction", "page_out"), ("type", "major")] == 4


def test_processes_are_counted_by_state(tmp_path):
    (tmp_path / "stat").write_text("cpu 1\nprocesses 77\n")
    for pid, state in ((1, "S"), (2, "R"), (3, "S"), (4, "Z")):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a) R b) {state} 0 0")
    config = processes.Config(frozenset({"system.processes.count", "system.processes.created"}))
    found, errors = processes.ProcessesScraper(config, tmp_path).scrape(1)
    assert errors == 0
    assert readings(found, "system.processes.count") == {
        (("status", "running"),): 1, (("status", "sleeping"),): 2, (("status", "zombies"),): 1,
    }  # fmt: skip
    assert readings(found, "system.processes.created") == {(): 77}


def test_devices_and_file_systems_can_be_chosen():
    found, _ = scraped("disk", "{exclude: {devices: ['.*'], match_type: regexp}}")
    assert not described(found)
    found, _ = scraped("filesystem", "{include_mount_points: {mount_points: [/nowhere], match_type: strict}}")
    assert not described(found)
    found, _ = scraped("network", "{include: {interfaces: [lo], match_type: strict}}")
    assert {dict(key)["device"] for key in readings(found, "system.network.io")} == {"lo"}


def test_cpu_time_of_all_or_of_each():
    found, _ = scraped("cpu", "{metrics: {system.cpu.time: {attributes: [cpu, state]}}}")
    each = readings(found, "system.cpu.time")
    assert all(dict(key).keys() == {"cpu", "state"} for key in each)
    found, _ = scraped("cpu")
    together = readings(found, "system.cpu.time")
    for state in ("user", "idle"):
        of_each = sum(value for key, value in each.items() if dict(key)["state"] == state)
        assert together[(("state", state),)] == pytest.approx(of_each, rel=0.01, abs=2)
    scraper = cpu.CpuScraper(cpu.Config(frozenset({"system.cpu.utilization"})))
    scraper.scrape(1)
    shares = readings(scraper.scrape(2)[0], "system.cpu.utilization")
    assert 0 <= sum(shares.values()) <= 1.001


@pytest.mark.parametrize(
    ("yaml", "fault"),
    [
        ("scrapers: {system: {}}", "set engine: Otelcol"),
        ("scrapers: {network: {metrics: {system.network.conntrack.max: {enabled: true}}}}", "does not read this metric"),
        ("scrapers: {disk: {include: {devices: [sda]}}}", "unrecognized match_type"),
        ("scrapers: {filesystem: {exclude_devices: {devices: ['('], match_type: regexp}}}", "exclude_devices.devices[0]"),
        ("scrapers: {load: {nope: 1}}", "invalid keys: nope"),
        ("scrapers: {cpu: {metrics: {system.cpu.time: {attributes: [cpu]}}}}", "[state] and [cpu, state]"),
    ],
)  # fmt: skip
def test_faults(yaml, fault):
    _, findings = parse(RECEIVERS["hostmetrics"], yaml)
    assert any(fault in str(found) for found in findings), findings


def test_queues_of_disks(tmp_path):
    (tmp_path / "d").write_text("   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\nshort\n")
    assert disk.queues_of(tmp_path / "d") == {"sda": (9, 11)}
    assert disk.queues_of(tmp_path / "none") == {}
