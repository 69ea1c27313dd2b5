"""The meter's config.json, checked whole before anything starts. Shape: docs/contracts.md, *Child programs*."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from phoenix.aio.program import ConfigError, read_object
from phoenix.meter.observation import Observation, read_observation
from phoenix.meter.queries import AskedQuery
from phoenix.otlp.errors import QueryError
from phoenix.otlp.signalquery import Signal, parse_signal
from phoenix.prometheus.process import Place
from phoenix.promql.errors import PromqlError
from phoenix.promql.evaluate import check
from phoenix.promql.syntax import parse
from phoenix.samples.reporter import ReportConfig


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 takes any free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class CriticalMatch:
    """Series that must stay live: those whose labels all have these values."""

    name: str
    match: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Config:
    """A complete meter."""

    otlp: Address
    health: Address
    variants: tuple[str, ...]
    window_ns: int
    grace_ns: int
    signals: tuple[tuple[str, Signal], ...]
    critical: tuple[CriticalMatch, ...]
    report: ReportConfig | None
    queries: tuple[AskedQuery, ...] = ()
    prometheus: Place | None = None
    """who answers the queries; None: the built-in evaluator"""
    observation: Observation | None = None
    """variants that run elsewhere; None: they send here"""


def read_config(data: bytes) -> Config:
    """Check config.json.

    Raises:
        ConfigError: with every fault found.
    """
    return _Reader(read_object(data)).config()


class _Reader:
    """Reads fields and gathers faults."""

    def __init__(self, wire: Mapping[str, object]) -> None:
        self._wire = wire
        self._faults: list[str] = []

    def config(self) -> Config:
        elsewhere = self._wire.get("observed") is not None
        config = Config(
            otlp=self._address("otlpAddress") if not elsewhere else Address("", 0),
            health=self._address("healthAddress"),
            variants=self._variants(),
            window_ns=self._nanoseconds("windowSeconds", 2.0, 0.01),
            grace_ns=self._nanoseconds("graceSeconds", 1.0, 0.0),
            signals=tuple(self._signals()),
            critical=tuple(self._critical()),
            report=self._report(),
            queries=tuple(self._queries()),
            prometheus=self._prometheus(),
        )
        if elsewhere:
            config = self._observing(config)
        if config.report and config.report.window_ns != config.window_ns:
            self._faults.append("report.windowSeconds: must be windowSeconds, or input and output cannot be joined")
        if self._faults:
            raise ConfigError(self._faults)
        return config

    def _address(self, key: str) -> Address:
        value = self._wire.get(key)
        host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
        if colon and host and port.isdigit() and int(port) < 65536:
            return Address(host.strip("[]"), int(port))
        self._faults.append(f"{key}: want HOST:PORT, have {value!r}")
        return Address("", 0)

    def _nanoseconds(self, key: str, default: float, least: float) -> int:
        value = self._wire.get(key, default)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value < math.inf:
            return round(value * 1e9)
        self._faults.append(f"{key}: want seconds from {least:g}, have {value!r}")
        return round(default * 1e9)

    def _variants(self) -> tuple[str, ...]:
        value = self._wire.get("variants")
        if not isinstance(value, list) or not value or not all(isinstance(name, str) and name for name in value):
            self._faults.append(f"variants: want a list of one name or more, have {value!r}")
            return ()
        if len(set(value)) != len(value) or any(quote(name, safe="") != name for name in value):
            self._faults.append(f"variants: want different names that need no quoting in a URL, have {value!r}")
        return tuple(value)

    def _named(self, key: str) -> list[tuple[str, str, Mapping[str, object]]]:
        """(path, name, object) of a list of objects with a name each of its own."""
        value = self._wire.get(key, [])
        if not isinstance(value, list):
            self._faults.append(f"{key}: want a list, have {type(value).__name__}")
            return []
        found: dict[str, tuple[str, str, Mapping[str, object]]] = {}
        for place, one in enumerate(value):
            path, name = f"{key}[{place}]", one.get("name") if isinstance(one, dict) else None
            if isinstance(name, str) and name and name not in found:
                found[name] = (path, name, one)
            else:
                self._faults.append(f"{path}.name: want a name of its own, have {name!r}")
        return list(found.values())

    def _signals(self) -> list[tuple[str, Signal]]:
        signals: list[tuple[str, Signal]] = []
        for path, name, one in self._named("signals"):
            query = one.get("query")
            try:
                signals.append((name, parse_signal(query if isinstance(query, str) else "")))
            except QueryError as error:
                self._faults.append(f"{path}.query: {error}")
        return signals

    def _queries(self) -> list[AskedQuery]:
        found: list[AskedQuery] = []
        for path, name, one in self._named("queries"):
            query, record, labels = one.get("query"), one.get("record") or "", one.get("labels") or {}
            try:
                expr = parse(query if isinstance(query, str) else "")
                if not self._wire.get("prometheus") and not self._wire.get("observed"):
                    check(expr)
            except PromqlError as error:
                self._faults.append(f"{path}.query: {error}")
                continue
            if isinstance(record, str) and isinstance(labels, dict):
                found.append(AskedQuery(name, expr, record, {str(key): str(value) for key, value in labels.items()}))
            else:
                self._faults.append(f"{path}: want record as a text and labels as an object")
        return found

    def _observing(self, config: Config) -> Config:
        critical = {one.name: one.match for one in config.critical}
        try:
            found = read_observation(
                self._wire["observed"], window_ns=config.window_ns, queries=config.queries, critical=critical
            )
        except ValueError as error:
            self._faults.append(str(error))
            return config
        return replace(config, observation=found)

    def _prometheus(self) -> Place | None:
        wire = self._wire.get("prometheus")
        if wire is None:
            return None
        try:
            return Place.from_json(wire)
        except ValueError as error:
            self._faults.append(f"prometheus: {error}")
            return None

    def _critical(self) -> list[CriticalMatch]:
        critical: list[CriticalMatch] = []
        for path, name, one in self._named("critical"):
            match = one.get("match")
            if isinstance(match, dict) and match and all(isinstance(value, str) for value in match.values()):
                critical.append(CriticalMatch(name, match))
            else:
                self._faults.append(f"{path}.match: want labels with a text each, have {match!r}")
        return critical

    def _report(self) -> ReportConfig | None:
        value = self._wire.get("report")
        if value is None:
            return None
        try:
            return ReportConfig.from_json(value)
        except ValueError as error:
            self._faults += str(error).split("; ")
            return None
