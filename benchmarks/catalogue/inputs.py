"""What the templates are measured on: the load model's series, and a small host with its processes made by hand.

Every input is a list of ticks, a second apart, each a list of OTLP payloads; all points of a tick have its time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from phoenix.loadmodel.load import Load
from phoenix.loadmodel.profile import read_model

START_NS = 1_700_000_000 * 10**9
TICKS = 8
CUMULATIVE = 2


@dataclass(frozen=True, eq=False)
class Input:
    """Ticks of payloads, and the questions (name → query) whose answers must survive. Each is equal to itself only."""

    name: str
    text: str
    ticks: Sequence[Sequence[bytes]]
    signals: dict[str, str]


def _model(model: str, size: str, text: str, signals: dict[str, str]) -> Input:
    load = Load(read_model({"model": model, "size": size}), seed=7, interval_s=1.0)
    load.start(START_NS - 3600 * 10**9)
    ticks = [[payload.data for payload in load.tick(START_NS + tick * 10**9)] for tick in range(TICKS)]
    return Input(f"{model}-{size}", text, ticks, signals)


def http(size: str = "S") -> Input:
    """Model M1."""
    return _model(
        "M1", size, "HTTP microservices",
        {
            "requests": "sum by (service_name) (rate(http_server_request_duration_seconds_count[4s]))",
            "latency": "sum by (service_name) (rate(http_server_request_duration_seconds_sum[4s]))",
            "users": "sum by (service_name) (rate(app_user_requests_total[4s]))",
            "active": "sum by (service_name) (http_server_active_requests)",
        },
    )  # fmt: skip


def fleet(size: str = "S") -> Input:
    """Model M2."""
    return _model(
        "M2", size, "a fleet of hosts with their processes",
        {
            "cpu": "sum by (host_name) (rate(process_cpu_time_seconds_total[4s]))",
            "memory": "sum by (host_name) (process_memory_usage_bytes)",
            "host-cpu": "sum by (host_name, state) (rate(system_cpu_time_seconds_total[4s]))",
        },
    )  # fmt: skip


def cluster(size: str = "S") -> Input:
    """Model M3."""
    return _model(
        "M3", size, "the pods of a Kubernetes cluster",
        {
            "cpu": "sum by (k8s_deployment_name) (rate(container_cpu_time_seconds_total[4s]))",
            "memory": "sum by (k8s_deployment_name) (container_memory_working_set_bytes)",
        },
    )  # fmt: skip


PROGRAMS = (
    # name, owner, processes, CPU seconds a tick, resident bytes: two critical, the others of every category
    ("nginx", "www-data", 4, 0.25, 40 << 20),
    ("postgres", "postgres", 12, 0.5, 200 << 20),
    ("chrome", "ann", 20, 0.125, 150 << 20),
    ("python3", "ann", 8, 0.25, 90 << 20),
    ("python3", "bob", 4, 0.125, 60 << 20),
    ("slack", "ann", 4, 0.0625, 120 << 20),
    ("kworker/0:1", "root", 30, 0.03125, 0),
    ("systemd", "root", 1, 0.0625, 12 << 20),
    ("sh", "ci", 25, 0.03125, 2 << 20),
    ("ffmpeg", "bob", 2, 1.0, 300 << 20),
)
"""Figures are sums of powers of two, so that sums are exact in whatever order they are taken."""
HOSTS = ("host-a", "host-b")


def processes() -> Input:
    """Two hosts with 110 processes each, as the process scraper gives them."""
    return Input(
        "processes", f"processes of {len(HOSTS)} hosts", [[_processes(tick)] for tick in range(TICKS)],
        {
            "cpu": "sum by (host_name) (rate(process_cpu_time_seconds_total[4s]))",
            "disk": "sum by (host_name, direction) (rate(process_disk_io_bytes_total[4s]))",
            "memory": "sum by (host_name) (process_memory_usage_bytes)",
            "threads": "sum by (host_name) (process_threads)",
        },
    )  # fmt: skip


def host() -> Input:
    """A host of 16 cores with disks, mounts and interfaces, real and virtual."""
    return Input(
        "host", "one host's own metrics", [[_host(tick)] for tick in range(TICKS)],
        {
            "cpu": "sum by (state) (rate(system_cpu_time_seconds_total[4s]))",
            "disk": 'sum by (device) (system_filesystem_usage_bytes{mountpoint="/"})',
            "network": 'sum by (direction) (rate(system_network_io_bytes_total{device="eth0"}[4s]))',
        },
    )  # fmt: skip


def all_inputs(size: str = "S") -> Iterator[Input]:
    """Every input."""
    yield http(size)
    yield fleet(size)
    yield cluster(size)
    yield processes()
    yield host()


def _pairs(values: dict[str, str | int]) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value))
        for key, value in values.items()
    ]


class _Builder:
    """Metrics of one resource at one tick."""

    def __init__(self, resource: ResourceMetrics, tick: int) -> None:
        self.scope = resource.scope_metrics.add()
        self.scope.scope.name = "catalogue"
        self.tick = tick

    def add(self, name: str, unit: str, value: float, *, monotonic: bool | None, **attributes: str) -> None:
        """A point; monotonic None: of a gauge."""
        metric = next((item for item in self.scope.metrics if item.name == name), None)
        if metric is None:
            metric = self.scope.metrics.add(name=name, unit=unit)
        data = metric.gauge if monotonic is None else metric.sum
        if monotonic is not None:
            metric.sum.aggregation_temporality, metric.sum.is_monotonic = CUMULATIVE, monotonic
        point = data.data_points.add(
            attributes=_pairs(dict(attributes)), time_unix_nano=START_NS + self.tick * 10**9,
            start_time_unix_nano=0 if monotonic is None else START_NS - 3600 * 10**9,
        )  # fmt: skip
        if isinstance(value, int):
            point.as_int = value
        else:
            point.as_double = value


def _processes(tick: int) -> bytes:
    request = ExportMetricsServiceRequest()
    for host_name in HOSTS:
        pid = 100
        for name, owner, count, cpu_s, resident in PROGRAMS:
            for _ in range(count):
                pid += 1
                resource = request.resource_metrics.add()
                resource.resource.attributes.extend(
                    _pairs(
                        {
                            "host.name": host_name, "os.type": "linux", "process.pid": pid, "process.parent_pid": 1,
                            "process.executable.name": name, "process.executable.path": f"/usr/bin/{name}",
                            "process.command": name, "process.command_line": f"{name} --id={pid}",
                            "process.owner": owner,
                        }
                    )
                )  # fmt: skip
                _process(_Builder(resource, tick), cpu_s, resident)
    return request.SerializeToString()


def _process(builder: _Builder, cpu_s: float, resident: int) -> None:
    tick = builder.tick
    for state, share in (("user", 0.5), ("system", 0.25), ("wait", 0.25)):
        builder.add("process.cpu.time", "s", 8 + cpu_s * share * tick, monotonic=True, state=state)
        builder.add("process.cpu.utilization", "1", cpu_s * share, monotonic=None, state=state)
    builder.add("process.memory.usage", "By", resident, monotonic=False)
    builder.add("process.memory.virtual", "By", resident * 4, monotonic=False)
    for direction, rate in (("read", 1024), ("write", 2048)):
        builder.add("process.disk.io", "By", rate * tick, monotonic=True, direction=direction)
    builder.add("process.threads", "{thread}", 2, monotonic=False)
    builder.add("process.open_file_descriptors", "{count}", 16, monotonic=False)


CORES, STATES = 16, ("user", "system", "idle", "wait", "nice", "interrupt", "softirq", "steal")
DISKS = ("sda", "sdb", "sda1", "sda2", "nvme0n1", "nvme0n1p1", "loop0", "loop1", "loop2")
MOUNTS = (
    ("/dev/sda1", "/", "ext4"), ("/dev/nvme0n1p1", "/data", "xfs"), ("tmpfs", "/run", "tmpfs"),
    ("tmpfs", "/dev/shm", "tmpfs"), ("overlay", "/var/lib/x", "overlay"), ("/dev/loop0", "/snap/a", "squashfs"),
)  # fmt: skip
INTERFACES = ("eth0", "eth1", "lo", "docker0", "veth1", "veth2", "veth3", "cali1")


def _host(tick: int) -> bytes:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.extend(_pairs({"host.name": "host-a", "os.type": "linux"}))
    builder = _Builder(resource, tick)
    for core in range(CORES):
        for state in STATES:
            builder.add("system.cpu.time", "s", 64 + 0.125 * tick, monotonic=True, cpu=f"cpu{core}", state=state)
    for device in DISKS:
        for direction in ("read", "write"):
            for name, unit in (("io", "By"), ("operations", "{operation}"), ("merged", "{operation}")):
                builder.add(f"system.disk.{name}", unit, 512 * tick, monotonic=True, device=device, direction=direction)
        builder.add("system.disk.io_time", "s", 0.25 * tick, monotonic=True, device=device)
    for device, mount, kind in MOUNTS:
        for state in ("used", "free", "reserved"):
            labels = {"device": device, "mountpoint": mount, "type": kind, "mode": "rw", "state": state}
            builder.add("system.filesystem.usage", "By", 1 << 30, monotonic=False, **labels)
            builder.add("system.filesystem.inodes.usage", "{inode}", 1 << 10, monotonic=False, **labels)
    for device in INTERFACES:
        for direction in ("receive", "transmit"):
            for name, unit in (("io", "By"), ("packets", "{packet}"), ("errors", "{error}"), ("dropped", "{packet}")):
                builder.add(
                    f"system.network.{name}", unit, 1024 * tick, monotonic=True, device=device, direction=direction
                )
    return request.SerializeToString()
