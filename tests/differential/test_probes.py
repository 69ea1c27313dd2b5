"""The embedded engine against what the real Collector answered: options, pages for Prometheus, own telemetry."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import aiohttp
import pytest

from phoenix.engine import ConfigError
from phoenix.engine.config.expand import Expander
from phoenix.engine.config.section import Section
from phoenix.engine.config.values import load
from phoenix.engine.errors import Finding
from phoenix.engine.service import Collector, read_config
from tests.differential.probes import defaults, exposition, internal
from tests.differential.real import GOLDEN
from tests.differential.test_engines import LISTED
from tests.harness.otelcol import OTLP, free_ports
from tests.harness.otlp_sink import OtlpSink

ALL = [(section, name) for section, names in defaults.asked().items() for name in names]


@cache
def answers(probe: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / "probes" / f"{probe}.json").read_text("utf-8"))["answers"]
    return found


def parsed(section: str, name: str, config: Any) -> tuple[Any, list[str]]:
    """What a component reads, and what it finds wrong."""
    findings: list[Finding] = []
    values = Expander({}, findings).tree(load(json.dumps(config))) if config else {}
    found = defaults.TABLES[section][name].parse(Section(values, name, findings))
    return found, [str(finding) for finding in findings]


# What is printed otherwise than it is read, and of actions the functions made of them.
PRINTED_OTHERWISE = {
    "cumulativetodelta": {"initial_value": "auto"},
    "otlp_grpc": {"sending_queue": {"sizer": "requests"}},
}
NOT_VALUES = {"attributes", "resource", "hostmetrics"}


def written_out(value: Any) -> Any:
    """Without what is printed as an empty map: there is nothing in it, or it is no map where it is read."""
    if isinstance(value, dict):
        return {key: written_out(item) for key, item in value.items() if item != {}}
    return value


def merged(under: Any, over: Any) -> Any:
    if isinstance(under, dict) and isinstance(over, dict):
        return {key: merged(under.get(key), over.get(key, under.get(key))) for key in {**under, **over}}
    return over


@pytest.mark.parametrize(("section", "name"), ALL)
def test_what_is_not_written_is_what_it_is_in_the_collector(section: str, name: str) -> None:
    needed = defaults.NEEDED.get(name)
    ours, faults = parsed(section, name, needed)
    assert faults == []
    printed = merged(written_out(answers("defaults")[section][name]), PRINTED_OTHERWISE.get(name, {}))
    written, faults = parsed(section, name, merged(printed, needed))
    assert faults == LISTED["options"].get(name, [])
    if name not in NOT_VALUES:
        assert written == ours


@asynccontextmanager
async def embedded(config: dict[str, Any]) -> AsyncIterator[aiohttp.ClientSession]:
    collector = Collector(read_config(json.dumps(config), {}))
    await collector.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield session
    finally:
        await collector.shutdown()


@pytest.mark.parametrize("name", [name for name in exposition.CASES if name not in LISTED["exposition"]])
async def test_the_page_for_prometheus_is_that_of_the_collector(name: str) -> None:
    ports = free_ports(2)
    async with embedded(exposition.config([name], ports)) as session:

        async def send(port: int, data: bytes) -> int:
            async with session.post(f"http://127.0.0.1:{port}/v1/metrics", data=data, headers=OTLP) as answer:
                return answer.status

        async def get(port: int, path: str) -> tuple[int, str]:
            async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                return answer.status, await answer.text()

        ours = (await exposition.scraped([name], ports, send, get))[name]
    assert [values(line) for line in ours] == [values(line) for line in answers("exposition")[name]]


@pytest.mark.parametrize("name", LISTED["exposition"])
def test_what_is_exposed_otherwise_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="Otelcol"):
        read_config(json.dumps(exposition.config([name], [1, 2])), {})


def values(line: str) -> tuple[str, object]:
    """A line with its value as a number."""
    series, _, value = line.rpartition(" ")
    return series, value if line.startswith("#") else float(value)


_LATER = {
    "otelcol_exporter_send_failed_metric_points", "otelcol_exporter_enqueue_failed_metric_points",
    "otelcol_processor_batch_batch_size_trigger_send", "otelcol_processor_memory_limiter_refused_metric_points",
}  # fmt: skip
NOT_COUNTED: dict[str, str] = LISTED["telemetry"]


@pytest.mark.parametrize("level", internal.LEVELS)
async def test_what_it_tells_of_itself_has_the_collectors_names_types_and_counts(level: str) -> None:
    otlp, telemetry = free_ports(2)
    async with OtlpSink() as sink, embedded(internal.config(level, sink, otlp, telemetry)) as session:

        async def send(port: int, data: bytes) -> int:
            async with session.post(f"http://127.0.0.1:{port}/v1/metrics", data=data, headers=OTLP) as answer:
                return answer.status

        async def get(port: int, path: str) -> tuple[int, str]:
            async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                return answer.status, await answer.text()

        ours = await internal.seen(sink, otlp, telemetry, send, get)
    theirs = {name: told for name, told in answers("internal")[level].items() if name.startswith("otelcol_")}
    own = {name: told for name, told in ours.items() if name.startswith("otelcol_")}
    assert set(theirs) - set(own) == {name for name in NOT_COUNTED if name in theirs}
    for name, told in own.items():
        if name in theirs:
            assert (told["type"], told.get("points")) == (theirs[name]["type"], theirs[name].get("points")), name
            assert set(told["labels"]) <= set(theirs[name]["labels"]), name
        else:  # the Collector has it at another level, or once there is something to count
            assert name in _LATER or any(name in at for at in answers("internal").values())
