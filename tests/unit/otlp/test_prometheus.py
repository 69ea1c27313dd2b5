"""Names by hand from the Collector's documented translation, not from our code."""

import pytest

from phoenix.otlp.model import MetricType
from phoenix.otlp.prometheus import UntranslatableName, label_name, metric_name

GAUGE, SUM, HISTOGRAM = MetricType.GAUGE, MetricType.SUM, MetricType.HISTOGRAM


@pytest.mark.parametrize(
    ("name", "unit", "type", "monotonic", "expected"),
    [
        ("system.cpu.time", "s", SUM, True, "system_cpu_time_seconds_total"),
        ("system.memory.usage", "By", SUM, False, "system_memory_usage_bytes"),
        ("system.cpu.utilization", "1", GAUGE, False, "system_cpu_utilization_ratio"),
        ("system.cpu.utilization", "1", SUM, False, "system_cpu_utilization"),
        ("system.cpu.load_average.1m", "{thread}", GAUGE, False, "system_cpu_load_average_1m"),
        ("process.disk.io", "By", SUM, True, "process_disk_io_bytes_total"),
        ("http.server.request.duration", "s", HISTOGRAM, False, "http_server_request_duration_seconds"),
        ("disk.read", "By/s", GAUGE, False, "disk_read_bytes_per_second"),
        ("x.bytes.total", "By", SUM, False, "x_bytes_total"),
        ("x.total.things", "", SUM, True, "x_things_total"),
        ("a..b__c", "", GAUGE, False, "a_b_c"),
        ("1st.try", "", GAUGE, False, "_1st_try"),
        ("speed", "m/s", GAUGE, False, "speed_meters_per_second"),
        ("bandwidth", "{packet}/s", GAUGE, False, "bandwidth_per_second"),
        ("odd", "foo.bar/baz", GAUGE, False, "odd_foo_bar_per_baz"),
        ("job:rate", "", GAUGE, False, "job:rate"),
        ("a.ratio.b", "1", GAUGE, False, "a_b_ratio"),
        ("mem", "TiBy", GAUGE, False, "mem_tibibytes"),
        ("héllo", "", GAUGE, False, "h_llo"),
        ("per", "/", GAUGE, False, "per"),
    ],
)
def test_metric_names(name: str, unit: str, type: MetricType, monotonic: bool, expected: str) -> None:
    assert metric_name(name, unit, type, monotonic) == expected


def test_namespace_goes_first() -> None:
    assert metric_name("up", "", GAUGE, namespace="edge") == "edge_up"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("service.name", "service_name"),
        ("http.response.status_code", "http_response_status_code"),
        ("a..b", "a_b"),
        ("a._b", "a_b"),
        ("1st", "key_1st"),
        ("_hidden", "_hidden"),
        ("__name__", "__name__"),
        ("k8s.pod/uid", "k8s_pod_uid"),
        ("_", "_"),
    ],
)
def test_label_names(key: str, expected: str) -> None:
    assert label_name(key) == expected


@pytest.mark.parametrize("bad", ["", "...", "。"])
def test_nothing_left_is_an_error(bad: str) -> None:
    with pytest.raises(UntranslatableName, match="no letter"):
        metric_name(bad, "", GAUGE)
    with pytest.raises(UntranslatableName, match="no letter"):
        label_name(bad)
