"""Measured reductions against counts taken apart from engine and meter, and the page against the measurements.

Expected series are a set of plain tuples: each point of the input as opentelemetry-proto decodes it, relabelled by a
few lines of Python that know nothing of OTTL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from benchmarks.catalogue.inputs import Input, host, http, processes
from benchmarks.catalogue.measuring import measure, templates
from benchmarks.catalogue.page import Row, page
from phoenix.api.results import Verdict
from tests.unit.loadmodel.naive import Labels, Point, points, series

PAGE = Path(__file__).parents[3] / "docs" / "catalogue.md"
TEMPLATES = templates()
INPUTS: dict[str, Callable[[], Input]] = {"M1-S": cache(http), "processes": cache(processes), "host": cache(host)}

Relabelled = tuple[Labels, str, Labels] | None
"""Resource, metric, labels; None: it is gone."""
PER_PROCESS = ("pid", "parent_pid", "executable.path", "command", "command_line")


def without(labels: Labels, *keys: str) -> Labels:
    return tuple(pair for pair in labels if pair[0] not in keys)


def changed(labels: Labels, key: str, change: Callable[[str], str]) -> Labels:
    return tuple((name, change(value) if name == key else value) for name, value in labels)


def templated(route: str) -> str:
    return "/".join("{id}" if re.fullmatch(r"\d+|[0-9a-fA-F-]{36}|[0-9a-fA-F]{12,}", part) else part
                    for part in route.split("/"))  # fmt: skip


def lean(point: Point) -> Relabelled:
    labels = changed(without(point.labels, "user.id"), "http.route", templated)
    return point.resource, point.metric, changed(labels, "http.response.status_code", lambda code: code[0] + "xx")


def rolled_up(point: Point) -> Relabelled:
    return without(point.resource, *(f"process.{key}" for key in PER_PROCESS)), point.metric, point.labels


def trimmed(point: Point) -> Relabelled:
    if point.metric in ("process.memory.virtual", "process.cpu.utilization"):
        return None
    return point.resource, point.metric, () if point.metric == "process.cpu.time" else point.labels


def rolled_up_and_trimmed(point: Point) -> Relabelled:
    kept = trimmed(point)
    rolled = rolled_up(point)
    return (rolled[0], kept[1], kept[2]) if kept and rolled else None


def by_priority(point: Point) -> Relabelled:
    name = dict(point.resource)["process.executable.name"]
    if name in ("nginx", "postgres"):
        return point.resource, point.metric, point.labels
    category = {
        "chrome": "browser", "python3": "development", "slack": "communication", "kworker/0:1": "system",
        "systemd": "system", "sh": "other", "ffmpeg": "other",
    }[name]  # fmt: skip
    resource = tuple(pair for pair in point.resource if not pair[0].startswith("process."))
    return (*resource, ("category", category)), point.metric, point.labels


def significant(point: Point) -> Relabelled:
    if dict(point.resource)["process.executable.name"] in ("ffmpeg", "postgres", "chrome"):
        return point.resource, point.metric, point.labels
    resource = tuple(pair for pair in point.resource if not pair[0].startswith("process."))
    return (*resource, ("name", "other")), point.metric, point.labels


def lean_host(point: Point) -> Relabelled:
    labels = dict(point.labels)
    device, kept = labels.get("device", ""), point.labels
    if point.metric == "system.cpu.time":
        kept = (("state", labels["state"]),)
    gone = (
        point.metric in ("system.disk.io_time", "system.disk.merged", "system.filesystem.inodes.usage")
        or (point.metric.startswith("system.disk.") and device not in ("sda", "sdb", "nvme0n1"))
        or (point.metric.startswith("system.network.") and not device.startswith("eth"))
        or (point.metric.startswith("system.filesystem.") and labels["type"] not in ("ext4", "xfs"))
    )
    return None if gone else (point.resource, point.metric, kept)


def rolled_up_service(point: Point) -> Relabelled:
    return (
        without(point.resource, "service.instance.id", "service.version", "k8s.pod.name"),
        point.metric,
        point.labels,
    )


RULES: dict[tuple[str, str], Callable[[Point], Relabelled]] = {
    ("baseline", "M1-S"): lambda point: point.identity,
    ("http-lean", "M1-S"): lean,
    ("http-route-template", "M1-S"): lambda point: (
        point.resource, point.metric, changed(without(point.labels, "user.id"), "http.route", templated)
    ),
    ("http-status-class", "M1-S"): lambda point: (
        point.resource, point.metric, changed(point.labels, "http.response.status_code", lambda code: code[0] + "xx")
    ),
    ("http-instance-rollup", "M1-S"): rolled_up_service,
    ("process-trim", "processes"): trimmed,
    ("process-rollup", "processes"): rolled_up,
    ("process-rollup-trim", "processes"): rolled_up_and_trimmed,
    ("process-priority", "processes"): by_priority,
    ("process-significant", "processes"): significant,
    ("host-lean", "host"): lean_host,
}  # fmt: skip


def expected(given: Input, rule: Callable[[Point], Relabelled]) -> int:
    def relabelled() -> Iterator[Point]:
        for point in points(given.ticks[-1]):
            if found := rule(point):
                yield Point(*found, point.value)

    return len(series(relabelled()))


def on_page(template: str, input_name: str) -> list[str]:
    (line,) = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| {template} | {input_name} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize(("template", "input_name"), RULES)
async def test_series_are_cut_exactly_as_reckoned_and_no_answer_is_lost(template: str, input_name: str) -> None:
    given = INPUTS[input_name]()
    measured = await measure(TEMPLATES[template], given)
    # The number of processes in each of five categories on two hosts is new.
    added = 10 if template == "process-priority" else 0
    assert measured.baseline.active_series == len(series(points(given.ticks[-1])))
    assert measured.result.active_series == expected(given, RULES[template, input_name]) + added
    assert measured.result.samples == measured.result.active_series * 4  # a sample a series and tick
    assert (measured.result.duplicates, measured.result.vs_baseline and measured.result.vs_baseline.signal_loss) == (
        0,
        0.0,
    )
    assert measured.verdict is Verdict.PROMOTE
    _assert_on_page(Row.of(measured).text, on_page(template, input_name))


def _assert_on_page(row: str, shown: list[str]) -> None:
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    bytes_at = 6
    assert cells[:bytes_at] + cells[bytes_at + 1 :] == shown[:bytes_at] + shown[bytes_at + 1 :], "run `make catalogue`"
    # Bytes depend on values drawn, whose generator may change.
    assert abs(float(cells[bytes_at].split()[0]) - float(shown[bytes_at].split()[0])) < 2, "run `make catalogue`"


@pytest.mark.parametrize(
    ("template", "left"),
    # Of the 14 bounds of a histogram in seconds 5 stay; of every histogram nothing but count and sum.
    [("histogram-slim", (5 + 3, 15 + 3)), ("histogram-count-sum", (2, 2))],
)
async def test_histograms_have_the_series_reckoned(template: str, left: tuple[int, int]) -> None:
    given = INPUTS["M1-S"]()
    measured = await measure(TEMPLATES[template], given)
    found = list(points(given.ticks[-1]))
    seconds = sum(point.metric == "http.server.request.duration" for point in found)
    sizes = sum(point.metric == "http.server.request.body.size" for point in found)
    assert measured.result.active_series == seconds * left[0] + sizes * left[1] + len(found) - seconds - sizes
    _assert_on_page(Row.of(measured).text, on_page(template, "M1-S"))


@pytest.mark.parametrize("template", [name for name, found in TEMPLATES.items() if found.spec.negative_control])
async def test_negative_controls_are_rejected(template: str) -> None:
    measured = await measure(TEMPLATES[template], INPUTS["M1-S"]())
    assert measured.verdict is Verdict.REJECT
    assert measured.result.reason


async def test_counters_go_on_when_a_process_ends() -> None:
    given = processes()
    whole, half = [tick[0] for tick in given.ticks], len(given.ticks) // 2
    ended = [[data] for data in [*whole[:half], *(_without_program(data, "sh") for data in whole[half:])]]
    from benchmarks.catalogue.measuring import resolved
    from benchmarks.catalogue.passing import through

    left = await through(resolved(TEMPLATES["process-rollup-trim"], {"keepOwner": False}), ended)
    cpu = [point for point in points(left) if point.metric == "process.cpu.time"]
    by_series: dict[object, list[float]] = {}
    for point in cpu:
        by_series.setdefault(point.identity, []).append(point.value.as_double)
    assert by_series
    assert all(values == sorted(values) for values in by_series.values())


def _without_program(data: bytes, name: str) -> bytes:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    request = ExportMetricsServiceRequest.FromString(data)
    kept = [
        resource
        for resource in request.resource_metrics
        if not any(
            pair.key == "process.executable.name" and pair.value.string_value == name
            for pair in resource.resource.attributes
        )
    ]
    return ExportMetricsServiceRequest(resource_metrics=kept).SerializeToString()


def test_the_page_describes_the_resources_as_they_are() -> None:
    shown = PAGE.read_text()
    made = page(TEMPLATES.values(), [Row(name, "", "") for name in re.findall(r"^\| ([a-z0-9-]+) \| ", shown, re.M)])
    assert made.partition("## Templates")[2] == shown.partition("## Templates")[2], "run `make catalogue`"


SEED = (
    "process-baseline-v1", "process-priority-filter-v1", "process-topk-v1", "process-aggregated-v1",
    "process-adaptive-filter-v1", "topk", "adaptive", "hybrid",
)  # fmt: skip


def test_the_seeds_names_are_names_of_one_template_each() -> None:
    names = [name for item in TEMPLATES.values() for name in (item.metadata.name, *item.spec.aliases)]
    assert len(names) == len(set(names))
    assert set(SEED) <= set(names)


def test_every_template_says_what_it_cuts_and_loses() -> None:
    for template in TEMPLATES.values():
        assert template.spec.description
        assert template.spec.reduces
        assert template.spec.loses
        assert all(parameter.description for parameter in template.spec.parameters)
