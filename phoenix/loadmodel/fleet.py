"""Model M2, a fleet of hosts with their processes, as a hostmetrics receiver sees them. Pure.

A host has a seat for its system metrics (50 points) and one for each process (7 points): 40 kernel threads, 30 daemons,
10 applications that have 80 % of the CPU by a lognormal law, and short-lived commands for the rest. Churn replaces
short-lived ones; a reset is a host's reboot as its system counters show it; phases multiply the short-lived ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from phoenix.loadmodel.dynamics import STATIC, Dynamics, EventKind
from phoenix.loadmodel.errors import LoadModelError
from phoenix.loadmodel.gauges import NumberLaws, NumberValues
from phoenix.loadmodel.httpcounts import MAX_POINTS
from phoenix.loadmodel.numbershape import NumberMetric, NumberResource, PointLaw, number_unit
from phoenix.loadmodel.reading import Fields
from phoenix.loadmodel.seats import Ints, Seating, Visit
from phoenix.loadmodel.units import Unit, UnitOf
from phoenix.otlp.encode import Attributes

KERNEL, DAEMONS, APPLICATIONS = 40, 30, 10
_SETTLED = KERNEL + DAEMONS + APPLICATIONS
PROCESS_POINTS, HOST_POINTS = 7, 50
_APPLICATIONS = (
    "java", "postgres", "node", "nginx", "redis-server", "python3", "envoy", "dockerd", "mysqld", "elasticsearch",
)  # fmt: skip
_DAEMONS = (
    "systemd", "sshd", "cron", "rsyslogd", "dbus-daemon", "systemd-journald", "systemd-udevd", "systemd-logind",
    "systemd-resolved", "chronyd", "containerd", "kubelet", "agetty", "polkitd", "snapd", "irqbalance", "atd", "auditd",
    "lvmetad", "multipathd", "smartd", "acpid", "haveged", "node_exporter", "otelcol", "filebeat", "vault-agent",
    "consul", "fluent-bit", "unattended-upgr",
)  # fmt: skip
_COMMANDS = ("sh", "python3", "bash", "git", "make", "cc1plus", "node", "curl", "sleep", "jq", "ld", "tar", "runner")
_CPU_CORES, _APPLICATION_SHARE, _SIGMA = 2.0, 0.8, 1.8
_GIB, _MIB = float(1 << 30), float(1 << 20)


@dataclass(frozen=True, slots=True)
class Fleet:
    """Every number of M2 decided."""

    hosts: int
    processes: int
    """a host, at least the 80 settled ones"""

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read M2's own fields; faults go to those of `fields`."""
        sizes = {"S": 5, "M": 50, "L": 200}
        size = str(fields.raw("size") or "S")
        if size not in sizes:
            fields.fault("size", f"{size!r} is not known; use one of {', '.join(sizes)}")
        return cls(
            hosts=fields.whole("hosts", sizes.get(size, 5), 1),
            processes=fields.whole("processes", 150, _SETTLED),
        )

    def scaled(self, scale: float) -> Self:
        """With `scale` times the hosts, at least one."""
        return replace(self, hosts=max(1, round(self.hosts * scale)))


@dataclass(frozen=True, slots=True)
class FleetModel:
    """M2, scaled."""

    fleet: Fleet
    dynamics: Dynamics = STATIC

    @property
    def short_lived(self) -> int:
        """Seats a host for short-lived commands, at most."""
        return max(0, math.ceil((self.fleet.processes - _SETTLED) * self.dynamics.most_instances))

    @property
    def per_host(self) -> int:
        """Seats a host."""
        return 1 + _SETTLED + self.short_lived

    def seating(self) -> Seating:
        """Host by host: its system, its settled processes, its short-lived ones; then those of fork storms."""
        hosts = self.fleet.hosts
        if hosts * (HOST_POINTS + PROCESS_POINTS * (self.per_host - 1)) > MAX_POINTS:
            raise LoadModelError([f"otlp: {hosts} hosts have more than {MAX_POINTS} points a tick: use fewer"])
        seating = Seating(base=max(1, self.fleet.processes - _SETTLED))
        for _ in range(hosts):
            seating.resetting.append((seating.add(HOST_POINTS, HOST_POINTS),))
            for _ in range(_SETTLED):
                seating.add(PROCESS_POINTS, PROCESS_POINTS)
            for ordinal in range(self.short_lived):
                seating.add(PROCESS_POINTS, PROCESS_POINTS, ordinal)
        # Host by host in turn, so that a fleet does not lose the commands of one host at once.
        seating.churning = [
            (host * self.per_host + 1 + _SETTLED + ordinal,)
            for ordinal in range(self.fleet.processes - _SETTLED)
            for host in range(hosts)
        ]
        for event in self.dynamics.events:
            if event.kind is EventKind.FORK_STORM:
                seats = tuple(seating.add(PROCESS_POINTS, PROCESS_POINTS) for _ in range(event.count))
                seating.visits.append(Visit(seats, event.at_ns, event.at_ns + event.duration_ns))
        return seating

    def unit_of(self, seed: int) -> UnitOf[NumberLaws]:
        """Hosts and processes with names by the seed."""
        per_host, hosts = self.per_host, self.fleet.hosts
        names = [_host(seed, host) for host in range(hosts)]

        def unit(seat: int, generations: Ints) -> Unit[NumberLaws]:
            host, slot = divmod(seat, per_host)
            if host >= hosts:  # a fork storm is on the first host
                host, slot = 0, per_host + seat - hosts * per_host
            if slot == 0:
                return number_unit(_system(names[host]))
            return _process(seed, names[host], host, slot - 1, int(generations[seat]))

        return unit

    def values(self, rng: np.random.Generator, interval_s: float) -> NumberValues:
        """Counters and gauges."""
        return NumberValues(rng, interval_s)


def _host(seed: int, host: int) -> Attributes:
    ident = int(np.random.default_rng([seed, 1, host]).integers(0, 1 << 62))
    return (("host.name", f"node-{host + 1:04d}"), ("host.id", f"{ident:032x}"), ("os.type", "linux"))


def _process(seed: int, host: Attributes, at: int, slot: int, generation: int) -> Unit[NumberLaws]:
    rng = np.random.default_rng([seed, 2, at, slot, generation])
    pid = 2 + slot + generation * 8192
    name, owner, cores, rank = _who(rng, slot)
    path = "" if slot < KERNEL else f"/usr/bin/{name}"
    attributes: Attributes = (
        *host,
        ("process.pid", pid),
        ("process.parent_pid", 2 if slot < KERNEL else 1),
        ("process.executable.name", name),
        ("process.executable.path", path),
        ("process.command", path or name),
        ("process.command_line", f"{path} --id={pid}" if path else ""),
        ("process.owner", owner),
    )
    memory = 0.0 if slot < KERNEL else float(rng.lognormal(17.5, 1.0))
    cpu = [("user", 0.7), ("system", 0.25), ("wait", 0.05)]
    disk = [("read", 0.6), ("write", 0.4)]
    resource = NumberResource(
        "process",
        attributes,
        "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/hostmetricsreceiver/internal/scraper/processscraper",
        [
            NumberMetric(
                "process.cpu.time",
                "s",
                [PointLaw((("state", state),), rate=max(cores * share, 1e-9)) for state, share in cpu],
                monotonic=True,
                integer=False,
            ),
            NumberMetric("process.memory.usage", "By", [PointLaw((), level=memory)], monotonic=False),
            NumberMetric(
                "process.memory.virtual", "By", [PointLaw((), level=4 * memory, steady=True)], monotonic=False
            ),
            NumberMetric(
                "process.disk.io",
                "By",
                [PointLaw((("direction", way),), rate=max(cores * share * _MIB, 1e-9)) for way, share in disk],
                monotonic=True,
            ),
        ],
    )
    return number_unit(resource, rank)


def _who(rng: np.random.Generator, slot: int) -> tuple[str, str, float, int]:
    """(name, owner, CPU cores used, rank among applications and what comes next, or -1)."""
    if slot < KERNEL:
        return f"kworker/{slot // 4}:{slot % 4}", "root", _CPU_CORES * 0.01 / KERNEL, -1
    if slot < KERNEL + DAEMONS:
        place = slot - KERNEL
        return _DAEMONS[place], "root", _CPU_CORES * 0.10 / DAEMONS, APPLICATIONS + place if place < 10 else -1
    if slot < _SETTLED:
        place = slot - KERNEL - DAEMONS
        # Quantiles of the lognormal law, so that the ten together have their share whatever the seed.
        weights = [math.exp(_SIGMA * z) for z in (1.55, 1.0, 0.66, 0.38, 0.12, -0.12, -0.38, -0.66, -1.0, -1.55)]
        return _APPLICATIONS[place], "app", _CPU_CORES * _APPLICATION_SHARE * weights[place] / sum(weights), place
    return _COMMANDS[int(rng.integers(0, len(_COMMANDS)))], "ci", _CPU_CORES * 0.09 / 70, -1


def _system(host: Attributes) -> NumberResource:
    cpu = (("user", 0.3), ("system", 0.1), ("idle", 0.55), ("wait", 0.02), ("softirq", 0.01), ("interrupt", 0.01))
    memory = (("used", 6.0), ("free", 2.0), ("cached", 5.0), ("buffered", 0.5), ("slab_reclaimable", 0.3))
    two_ways = ("read", "write"), ("receive", "transmit")
    return NumberResource(
        "system",
        host,
        "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/hostmetricsreceiver",
        [
            NumberMetric(
                "system.cpu.time",
                "s",
                [
                    PointLaw((("cpu", f"cpu{core}"), ("state", state)), rate=share)
                    for core in range(4)
                    for state, share in cpu
                ],
                monotonic=True,
                integer=False,
            ),
            NumberMetric(
                "system.memory.usage",
                "By",
                [PointLaw((("state", state),), level=gib * _GIB) for state, gib in memory],
                monotonic=False,
            ),
            *(
                NumberMetric(f"system.cpu.load_average.{span}", "{thread}", [PointLaw((), level=1.5)], integer=False)
                for span in ("1m", "5m", "15m")
            ),
            NumberMetric(
                "system.disk.io",
                "By",
                [PointLaw((("device", d), ("direction", w)), rate=_MIB) for d in ("sda", "sdb") for w in two_ways[0]],
                monotonic=True,
            ),
            NumberMetric(
                "system.network.io",
                "By",
                [PointLaw((("device", d), ("direction", w)), rate=_MIB) for d in ("eth0", "lo") for w in two_ways[1]],
                monotonic=True,
            ),
            NumberMetric(
                "system.filesystem.usage",
                "By",
                [
                    PointLaw((("device", d), ("mountpoint", m), ("state", s), ("type", "ext4")), level=20 * _GIB)
                    for d, m in (("/dev/sda1", "/"), ("/dev/sda2", "/var"), ("/dev/sdb1", "/data"))
                    for s in ("used", "free", "reserved")
                ],
                monotonic=False,
            ),
            NumberMetric("system.processes.created", "{processes}", [PointLaw((), rate=3.0)], monotonic=True),
        ],
    )
