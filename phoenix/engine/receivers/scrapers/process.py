"""The process scraper: CPU, memory and disk of each process, one resource a process.

Processes come and go while they are read and some keep their secrets: a vanished one is left out, what may not be
read of one is left out and counted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from phoenix.engine.config.section import Section
from phoenix.engine.receivers.scrapers.build import (
    MetricSpec,
    Reading,
    add_metric,
    attribute,
    parse_metrics,
    resource_metrics,
)
from phoenix.engine.receivers.scrapers.names import NameFilter, parse_names

_CPU = MetricSpec("process.cpu.time", "s", "Total CPU seconds broken down by different states.", True)
_RSS = MetricSpec("process.memory.usage", "By", "The amount of physical memory in use.", False)
_VIRTUAL = MetricSpec("process.memory.virtual", "By", "Virtual memory size.", False)
_DISK = MetricSpec("process.disk.io", "By", "Disk bytes transferred.", True)
_UTILIZATION = MetricSpec(
    "process.cpu.utilization", "1",
    "Percentage of total CPU time used by the process since last scrape, expressed as a value between 0 and 1.",
    None, default=False,
)  # fmt: skip
_MEMORY_UTILIZATION = MetricSpec(
    "process.memory.utilization", "1", "Percentage of total physical memory that is used by the process.", None,
    default=False,
)  # fmt: skip
_THREADS = MetricSpec("process.threads", "{thread}", "Process threads count.", False, default=False)
_FILES = MetricSpec(
    "process.open_file_descriptors",
    "{count}",
    "Number of file descriptors in use by the process.",
    False,
    default=False,
)
_SWITCHES = MetricSpec(
    "process.context_switches", "{count}", "Number of times the process has been context switched.", True, default=False
)
SPECS = (_CPU, _RSS, _VIRTUAL, _DISK, _UTILIZATION, _MEMORY_UTILIZATION, _THREADS, _FILES, _SWITCHES)
_REFUSED = (
    "process.paging.faults", "process.disk.operations", "process.signals_pending", "process.uptime", "process.handles",
)  # fmt: skip
_ATTRIBUTES = (
    "process.pid", "process.parent_pid", "process.executable.name", "process.executable.path", "process.command",
    "process.command_line", "process.owner",
)  # fmt: skip
_MUTES = (
    "mute_process_all_errors", "mute_process_name_error", "mute_process_exe_error", "mute_process_io_error",
    "mute_process_user_error", "mute_process_cgroup_error",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Config:
    """What to read of which processes.

    `min_age_s`: younger ones are left out. `emitter_pid`: not 0: only children of children of this process are read,
    which is how a load generator runs the processes of its load. Ours, as the whole tee is.
    """

    metrics: frozenset[str]
    attributes: frozenset[str]
    names: NameFilter
    min_age_s: float
    mute_all: bool
    mute_exe: bool
    mute_io: bool
    mute_user: bool
    emitter_pid: int = 0


def parse(section: Section) -> Config:
    """Read the scraper's keys."""
    resource = section.section("resource_attributes")
    kept = set()
    for name in (*_ATTRIBUTES, "process.cgroup"):
        entry = resource.section(name)
        if entry.boolean("enabled", name != "process.cgroup"):
            kept.add(name)
        entry.unsupported("metrics_include", "metrics_exclude")
        entry.close()
    if "process.cgroup" in kept:
        resource.fault("process.cgroup", "the Embedded engine does not read it", "set engine: Otelcol for it")
    resource.close()
    mutes = {key: section.boolean(key, False) for key in _MUTES}
    config = Config(
        parse_metrics(section, SPECS, _REFUSED), frozenset(kept), parse_names(section),
        section.duration_s("scrape_process_delay", 0.0), mutes["mute_process_all_errors"],
        mutes["mute_process_exe_error"], mutes["mute_process_io_error"], mutes["mute_process_user_error"],
        section.integer("phoenix_emitter_pid", 0, minimum=0),
    )  # fmt: skip
    section.close()
    return config


@dataclass(slots=True)
class _Known:
    """What does not change while a process runs the same program, and its last CPU times."""

    name: str
    parent_pid: int
    attributes: list[KeyValue]
    cpu_s: dict[str, float]
    tick_unix_nano: int


class ProcessScraper:
    """Keeps per process what need not be read again."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._known: dict[tuple[int, float], _Known] = {}
        self._cpus = psutil.cpu_count() or 1
        self._memory_bytes = psutil.virtual_memory().total

    def scrape(self, tick_unix_nano: int) -> tuple[list[ResourceMetrics], int]:
        """One resource a process, all points at the tick."""
        resources: list[ResourceMetrics] = []
        errors = 0
        seen: dict[tuple[int, float], _Known] = {}
        for process in self._processes():
            try:
                with process.oneshot():
                    created_s = process.create_time()
                    if tick_unix_nano / 1e9 - created_s < self._config.min_age_s:
                        continue
                    name = process.name()
                    if not name or not self._config.names.wants(name):
                        continue
                    identity = (process.pid, created_s)
                    known = self._known.get(identity)
                    # New, or it became another program by exec, or lost its parent.
                    if known is None or known.name != name or known.parent_pid != process.ppid():
                        known, missing = self._describe(process, name)
                        errors += missing
                    seen[identity] = known
                    resource, failed = self._read(process, known, int(created_s * 1e9), tick_unix_nano)
                    resources.append(resource)
                    errors += failed
            except psutil.NoSuchProcess:  # also a zombie: it has ended
                continue
            except (psutil.AccessDenied, OSError):
                errors += 1
        self._known = seen
        return resources, 0 if self._config.mute_all else errors

    def _processes(self) -> Iterator[psutil.Process]:
        emitter = self._config.emitter_pid
        if not emitter:
            yield from psutil.process_iter()
            return
        parents: dict[int, int] = {}
        every = list(psutil.process_iter())
        for process in every:
            with contextlib.suppress(psutil.Error, OSError):
                parents[process.pid] = process.ppid()
        yield from (process for process in every if parents.get(parents.get(process.pid, 0)) == emitter)

    def _describe(self, process: psutil.Process, name: str) -> tuple[_Known, int]:
        """Read what identifies a process; returns how much of it was refused."""
        config, errors = self._config, 0

        def readable(read: Callable[[], str], muted: bool) -> str:
            nonlocal errors
            try:
                return read()
            except (psutil.AccessDenied, OSError):
                errors += not muted
                return ""

        line = _command_line(process)
        values: dict[str, str | int] = {
            "process.pid": process.pid,
            "process.parent_pid": process.ppid(),
            "process.executable.name": name,
            "process.executable.path": readable(process.exe, config.mute_exe),
            "process.command": line[0] if line else "",
            "process.command_line": " ".join(line),
            "process.owner": readable(process.username, config.mute_user),
        }
        attributes = [attribute(key, value) for key, value in values.items() if key in config.attributes]
        return _Known(name, process.ppid(), attributes, {}, 0), errors

    def _read(
        self, process: psutil.Process, known: _Known, start_unix_nano: int, tick_unix_nano: int
    ) -> tuple[ResourceMetrics, int]:
        resource, scope = resource_metrics("process", known.attributes)
        errors = 0
        for spec, read in self._reads(process, known, tick_unix_nano):
            if spec.name not in self._config.metrics:
                continue
            try:
                readings = read()
            except psutil.AccessDenied:
                errors += not (spec is _DISK and self._config.mute_io)
                continue
            if readings:
                add_metric(scope, spec, readings, start_unix_nano=start_unix_nano, tick_unix_nano=tick_unix_nano)
        return resource, errors

    def _reads(
        self, process: psutil.Process, known: _Known, tick: int
    ) -> Iterator[tuple[MetricSpec, Callable[[], list[Reading]]]]:
        times = process.cpu_times()
        memory = process.memory_info()
        cpu_s = {"user": times.user, "system": times.system, "wait": float(getattr(times, "iowait", 0.0))}
        before, elapsed_s = known.cpu_s, (tick - known.tick_unix_nano) / 1e9
        known.cpu_s, known.tick_unix_nano = cpu_s, tick
        yield _CPU, lambda: [({"state": state}, seconds) for state, seconds in cpu_s.items()]
        yield _RSS, lambda: [({}, memory.rss)]
        yield _VIRTUAL, lambda: [({}, memory.vms)]
        yield _DISK, lambda: _disk(process)
        yield (
            _UTILIZATION,
            lambda: [
                ({"state": state}, max(0.0, (cpu_s[state] - seconds) / elapsed_s / self._cpus))
                for state, seconds in before.items()
            ],
        )
        yield _MEMORY_UTILIZATION, lambda: [({}, memory.rss / self._memory_bytes)]
        yield _THREADS, lambda: [({}, process.num_threads())]
        yield _FILES, lambda: [({}, process.num_fds())]
        yield _SWITCHES, lambda: _switches(process)


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.AccessDenied, OSError):
        return []


def _disk(process: psutil.Process) -> list[Reading]:
    counters = process.io_counters()
    return [({"direction": "read"}, counters.read_bytes), ({"direction": "write"}, counters.write_bytes)]


def _switches(process: psutil.Process) -> list[Reading]:
    switches = process.num_ctx_switches()
    return [({"type": "involuntary"}, switches.involuntary), ({"type": "voluntary"}, switches.voluntary)]
