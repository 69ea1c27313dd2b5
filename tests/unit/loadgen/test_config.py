"""The generator's configuration: what it means, and every fault by name."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from phoenix.aio.program import ConfigError
from phoenix.loadgen.config import Config, read_config
from phoenix.loadmodel.http import HttpModel
from phoenix.otlp.fanout import Target

REPORT = {
    "endpointFile": "/state/endpoint.json",
    "namespace": "default",
    "experiment": "x",
    "run": 1,
    "windowSeconds": 2.0,
    "host": "host-a",
}


def read(**fields: Any) -> Config:
    return read_config(json.dumps(fields).encode())


def faults(**fields: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(**fields)
    return caught.value.faults


def test_the_contract_is_read() -> None:
    config = read(
        otlp={"model": "M1", "size": "S", "rawPaths": 3},
        rate=None,
        maxDurationSeconds=3600,
        seed=7,
        scale=2.0,
        intervalSeconds=0.5,
        targets=[{"name": "baseline", "endpoint": "http://127.0.0.1:4318"}],
        startAtUnixNano=1_700_000_000_000_000_000,
        endAtUnixNano=None,
        healthAddress="127.0.0.1:13133",
        report=REPORT,
    )
    assert isinstance(config.model, HttpModel)
    assert (config.model.emitter.services, config.model.emitter.raw_paths, config.seed) == (12, 3, 7)
    assert (config.interval_ns, config.max_duration_ns) == (500_000_000, 3_600_000_000_000)
    assert config.targets == (Target("baseline", "http://127.0.0.1:4318"),)
    assert (config.start_at, config.end_at) == (1_700_000_000_000_000_000, None)
    assert (config.health_host, config.health_port) == ("127.0.0.1", 13133)
    assert config.window_ns == 2_000_000_000


def test_nothing_is_a_dry_run_of_the_realistic_load() -> None:
    config = read()
    assert config.expected.streams == 2502
    assert (config.targets, config.report, config.health_port, config.start_at) == ((), None, None, None)
    assert config.window_ns == 2 * config.interval_ns


def test_every_fault_is_found_at_once() -> None:
    found = faults(
        otlp={"size": "XL", "users": -1},
        seed=-1,
        scale=0,
        intervalSeconds="1s",
        maxDurationSeconds=True,
        targets=[{"name": "a", "endpoint": "http://h:1"}, {"name": "a", "endpoint": "http://h:1"}, {"name": "b"}],
        startAtUnixNano=2,
        endAtUnixNano=1,
        healthAddress="13133",
        report={"run": 0},
    )
    for where in (
        "otlp.size",
        "otlp.users",
        "seed",
        "scale",
        "intervalSeconds",
        "maxDurationSeconds",
        "targets[1].name",
        "targets[2].endpoint",
        "endAtUnixNano",
        "healthAddress",
        "report.endpointFile",
        "report.run",
    ):
        assert any(fault.startswith(where + ":") for fault in found), where


@pytest.mark.parametrize("data", [b"{", b"[]"])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(ConfigError):
        read_config(data)


def test_a_rate_that_is_reached_changes_nothing() -> None:
    assert read(rate=2502) == read()


@pytest.mark.parametrize(("scale", "rate"), [(1.0, 2503), (1.0, 30_000), (0.5, 11_111), (3.0, 100_000)])
def test_a_rate_out_of_reach_names_a_scale_and_an_interval_that_reach_it(scale: float, rate: float) -> None:
    (fault,) = faults(rate=rate, scale=scale)
    found = re.search(r"set scale to ([\d.]+) or set the interval to (\d+) ms", fault)
    assert found, fault
    read(rate=rate, scale=float(found[1]))
    read(rate=rate, scale=scale, intervalSeconds=float(found[2]) / 1000)


def test_a_rate_no_scale_reaches_names_only_the_interval() -> None:
    (fault,) = faults(rate=1e7, otlp={"size": "L"}, intervalSeconds=2)
    assert "scale" not in fault
    assert "set the interval to 19 ms" in fault
    (fault,) = faults(rate=1e12)
    assert fault.endswith("leave rate out")


def test_a_load_too_large_is_a_fault() -> None:
    assert "at most" in faults(otlp={"size": "L"}, scale=100)[0]
