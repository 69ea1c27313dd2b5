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
from tests.differential.probes import defaults, exposition
from tests.differential.real import GOLDEN
from tests.differential.test_engines import LISTED
from tests.harness.otelcol import OTLP, free_ports

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
    "otlphttp": {"sending_queue": {"sizer": "requests"}},
}
NOT_VALUES = {"attributes", "resource", "hostmetrics"}


def merged(under: Any, over: Any) -> Any:
    if isinstance(under, dict) and isinstance(over, dict):
        return {key: merged(under.get(key), over.get(key, under.get(key))) for key in {**under, **over}}
    return over


@pytest.mark.parametrize(("section", "name"), ALL)
def test_what_is_not_written_is_what_it_is_in_the_collector(section: str, name: str) -> None:
    needed = defaults.NEEDED.get(name)
    ours, faults = parsed(section, name, needed)
    assert faults == []
    printed = merged(answers("defaults")[section][name], PRINTED_OTHERWISE.get(name, {}))
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
