"""The network scraper: bytes, packets, errors and drops of each interface, and TCP connections by state."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from phoenix.engine.config.section import Section
from phoenix.engine.receivers.scrapers.build import MetricSpec, Reading, add_metrics, parse_metrics, resource_metrics
from phoenix.engine.receivers.scrapers.names import NameFilter, parse_names

_IO = MetricSpec("system.network.io", "By", "The number of bytes transmitted and received.", True)
_PACKETS = MetricSpec("system.network.packets", "{packets}", "The number of packets transferred.", True)
_ERRORS = MetricSpec("system.network.errors", "{errors}", "The number of errors encountered.", True)
_DROPPED = MetricSpec("system.network.dropped", "{packets}", "The number of packets dropped.", True)
_CONNECTIONS = MetricSpec("system.network.connections", "{connections}", "The number of connections.", False)
_SPECS = (_IO, _PACKETS, _ERRORS, _DROPPED, _CONNECTIONS)
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_STATES = {
    "01": "ESTABLISHED", "02": "SYN_SENT", "03": "SYN_RECV", "04": "FIN_WAIT_1", "05": "FIN_WAIT_2",
    "06": "TIME_WAIT", "07": "CLOSE", "08": "CLOSE_WAIT", "09": "LAST_ACK", "0A": "LISTEN", "0B": "CLOSING",
}  # fmt: skip
_REPORTED = (
    "CLOSE_WAIT", "CLOSE", "CLOSING", "DELETE", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "LAST_ACK", "LISTEN",
    "SYN_SENT", "SYN_RECV", "TIME_WAIT",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Config:
    """Names of the metrics to read, and of which interfaces."""

    metrics: frozenset[str]
    interfaces: NameFilter


def parse(section: Section) -> Config:
    """Read the scraper's keys."""
    config = Config(
        parse_metrics(section, _SPECS, ("system.network.conntrack.count", "system.network.conntrack.max")),
        parse_names(section, "interfaces"),
    )
    section.close()
    return config


class NetworkScraper:
    """Reads the kernel's counters and its TCP tables: counting lines needs no rights and no processes' files."""

    def __init__(self, config: Config, tables: tuple[Path, ...] = _TABLES) -> None:
        self._config = config
        self._tables = tables

    def scrape(self, tick_unix_nano: int) -> tuple[list[ResourceMetrics], int]:
        """One resource without attributes."""
        resource, scope = resource_metrics("network")
        readings: dict[MetricSpec, list[Reading]] = {spec: [] for spec in _SPECS}
        for device, counted in psutil.net_io_counters(pernic=True, nowrap=False).items():
            if not self._config.interfaces.wants(device):
                continue
            sent, received = {"device": device, "direction": "transmit"}, {"device": device, "direction": "receive"}
            readings[_IO] += [(sent, counted.bytes_sent), (received, counted.bytes_recv)]
            readings[_PACKETS] += [(sent, counted.packets_sent), (received, counted.packets_recv)]
            readings[_ERRORS] += [(sent, counted.errout), (received, counted.errin)]
            readings[_DROPPED] += [(sent, counted.dropout), (received, counted.dropin)]
        states, errors = self._connections() if _CONNECTIONS.name in self._config.metrics else (None, 0)
        if states is not None:
            readings[_CONNECTIONS] = [({"protocol": "tcp", "state": state}, states[state]) for state in _REPORTED]
        start = int(psutil.boot_time() * 1e9)
        add_metrics(scope, self._config.metrics, readings, start_unix_nano=start, tick_unix_nano=tick_unix_nano)
        return [resource], errors

    def _connections(self) -> tuple[Counter[str] | None, int]:
        """TCP connections by state; None where there is no table to read."""
        found: Counter[str] = Counter()
        read = 0
        for table in self._tables:
            try:
                lines = table.read_text().splitlines()[1:]
            except OSError:
                continue
            read += 1
            found.update(_STATES.get(line.split(None, 4)[3], "CLOSE") for line in lines)
        return (found, 0) if read else (None, 1)
