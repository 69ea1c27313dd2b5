"""Known answers: templates on the seeded load models, series and samples reckoned apart from engine and meter, exactly.

With `test_catalogue_figures.py` this holds every template but cardinality-guard, which no engine here runs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from benchmarks.catalogue.inputs import Input, cluster, fleet, http
from benchmarks.catalogue.measuring import ALWAYS, measure, templates
from phoenix.api.results import Verdict
from tests.integration.pipelines import test_catalogue_figures
from tests.integration.pipelines.test_catalogue_figures import (
    Relabelled,
    lean,
    lean_host,
    on_page,
    rolled_up,
    rolled_up_and_trimmed,
    significant,
    trimmed,
    without,
)
from tests.unit.loadmodel.naive import Labels, Point, points, series

INPUTS: dict[str, Callable[[], Input]] = {
    "M1-S": cache(http), "M2-S": cache(fleet), "M3-S": cache(cluster),
}  # fmt: skip
TEMPLATES = templates()
MEASURED_TICKS = 4
CRITICAL = re.compile(r"^(nginx|postgres|mysqld|redis-server|java|kubelet|containerd|dockerd|sshd)$")
CATEGORIES = (  # the first that matches
    ("browser", r"^(chrome|chromium|firefox|brave|opera|msedge|safari)"),
    ("development", r"^(code|idea|pycharm|goland|vim|nvim|emacs|git|node|npm|python[0-9.]*|go|gcc|cc1)$"),
    ("development", r"^(make|cargo|rustc)$"),
    ("communication", r"^(slack|teams|zoom|discord|thunderbird|signal-desktop|telegram-desktop)"),
    ("system", r"^(kworker|ksoftirqd|kthreadd|migration|rcu_|cpuhp|irq/|systemd|dbus|cron|rsyslogd|agetty)"),
    ("system", r"^(udevd|polkitd)"),
    ("other", ""),
)
Rule = Callable[[Point], Relabelled]


def of_processes(rule: Rule) -> Rule:
    """For processes only; what is of the host itself stays."""
    return lambda point: rule(point) if "process.pid" in dict(point.resource) else point.identity


def category(point: Point) -> str:
    name = dict(point.resource)["process.executable.name"]
    return next(found for found, pattern in CATEGORIES if re.search(pattern, name))


def critical(point: Point) -> bool:
    return CRITICAL.search(dict(point.resource)["process.executable.name"]) is not None


def anonymous(point: Point, **more: str) -> Labels:
    return (*(pair for pair in point.resource if not pair[0].startswith("process.")), *more.items())


def by_priority(point: Point) -> Relabelled:
    kept = point.resource if critical(point) else anonymous(point, category=category(point))
    return kept, point.metric, point.labels


def allowed(point: Point) -> Relabelled:
    given = ALWAYS["usage-allowlist"]
    labels = tuple(pair for pair in point.labels if pair[0] in given["labels"])
    return (point.resource, point.metric, labels) if point.metric in given["metrics"] else None


def drawn(point: Point) -> Relabelled:
    """The half that stays, by the hash as Python has it."""
    own, of_resource = dict(point.labels), dict(point.resource)
    keys = ("http.route", "http.response.status_code", "user.id", "http.request.method", "state", "device")
    parts = [
        point.metric,
        *(own.get(key, "<nil>") for key in keys),
        *(of_resource.get(key, "<nil>") for key in ("process.pid", "k8s.pod.name")),
    ]
    last = hashlib.sha256("/".join(parts).encode()).hexdigest()[-1]
    return None if last in "01234567" else point.identity


def bare(point: Point) -> Relabelled:
    return point.resource, point.metric, without(point.labels, "user.id", "http.response.status_code")


def hybrid(point: Point) -> Relabelled:
    if "process.pid" not in dict(point.resource):
        return lean(point)
    if point.metric in ("process.memory.virtual", "process.cpu.utilization"):
        return None
    labels = without(point.labels, "state") if point.metric == "process.cpu.time" else point.labels
    return point.resource if critical(point) else anonymous(point, category="other"), point.metric, labels


RULES: dict[tuple[str, str], Rule] = {
    ("baseline", "M3-S"): lambda point: point.identity,
    ("process-trim", "M2-S"): of_processes(trimmed),
    ("process-rollup", "M2-S"): of_processes(rolled_up),
    ("process-rollup-trim", "M2-S"): of_processes(rolled_up_and_trimmed),
    ("process-priority", "M2-S"): of_processes(by_priority),
    ("process-significant", "M2-S"): of_processes(significant),
    ("host-lean", "M2-S"): lean_host,
    ("usage-allowlist", "M1-S"): allowed,
    ("usage-allowlist", "M2-S"): allowed,
    ("drop-random-half", "M1-S"): drawn,
    ("drop-random-half", "M3-S"): drawn,
}


def relabelled(given: Input, rule: Rule, tick: int = -1) -> list[Point]:
    return [Point(*found, point.value) for point in points(given.ticks[tick]) if (found := rule(point))]


def new_counts(template: str, given: Input) -> int:
    """process-priority says how many processes a category of a host has."""
    if template != "process-priority":
        return 0
    of = (point for point in points(given.ticks[-1]) if "process.pid" in dict(point.resource))
    return len({(dict(point.resource)["host.name"], category(point)) for point in of if not critical(point)})


@pytest.mark.parametrize(("template", "input_name"), RULES)
async def test_series_and_samples_are_those_reckoned(template: str, input_name: str) -> None:
    given = INPUTS[input_name]()
    measured = await measure(TEMPLATES[template], given)
    left = len(series(relabelled(given, RULES[template, input_name]))) + new_counts(template, given)
    assert measured.result.active_series == left
    assert measured.result.samples == left * MEASURED_TICKS
    assert measured.result.duplicates == 0
    before = len(series(points(given.ticks[-1])))
    assert measured.result.vs_baseline is not None
    assert measured.result.vs_baseline.cardinality_reduction == pytest.approx(1 - left / before, abs=1e-12)
    assert on_page(template, input_name)[2:4] == [f"{before:,}", f"{left:,}"]


async def test_a_lean_and_slim_histogram_has_its_five_bounds() -> None:
    given = INPUTS["M1-S"]()
    measured = await measure(TEMPLATES["http-lean-slim"], given)
    found = relabelled(given, lean)
    seconds = {point.identity for point in found if point.metric == "http.server.request.duration"}
    others = series(point for point in found if point.metric != "http.server.request.duration")
    assert measured.result.active_series == len(seconds) * (5 + 3) + len(others)
    assert measured.result.duplicates == 0


async def test_the_naive_control_writes_many_points_to_one_series() -> None:
    given = INPUTS["M1-S"]()
    measured = await measure(TEMPLATES["naive-delete"], given)
    ticks = [relabelled(given, bare, tick) for tick in range(-MEASURED_TICKS, 0)]
    assert measured.result.active_series == len(series(ticks[-1]))
    assert measured.result.duplicates == sum(len(tick) - len({point.identity for point in tick}) for tick in ticks)
    assert measured.verdict is Verdict.REJECT


def held_back(given: Input) -> set[str]:
    """Metrics of which `interval` keeps the newest point: cumulative counters and histograms."""
    found = set()
    for payload in given.ticks[-1]:
        for resource in ExportMetricsServiceRequest.FromString(payload).resource_metrics:
            metrics: list[Any] = [metric for scope in resource.scope_metrics for metric in scope.metrics]
            found |= {one.name for one in metrics if one.HasField("histogram") or one.sum.is_monotonic}
    return found


@pytest.mark.parametrize(
    ("template", "input_name", "rule"),
    [
        ("downsample-60s", "M1-S", lambda point: point.identity),
        ("downsample-60s", "M3-S", lambda point: point.identity),
        ("hybrid", "M1-S", hybrid),
        ("hybrid", "M2-S", hybrid),
    ],
)
async def test_one_sample_an_interval_is_left_of_counters_and_histograms(
    template: str, input_name: str, rule: Rule
) -> None:
    given = INPUTS[input_name]()
    # Longer than the run: the interval ends at shutdown, whatever the clock says.
    measured = await measure(TEMPLATES[template], given, {"interval": "1h"})
    found, held = relabelled(given, rule), held_back(given)
    once = series(point for point in found if point.metric in held)
    always = series(point for point in found if point.metric not in held)
    assert once
    assert measured.result.active_series == len(once | always)
    assert measured.result.samples == len(once) + len(always) * MEASURED_TICKS
    assert measured.result.duplicates == 0


def test_every_template_has_a_known_answer() -> None:
    here = {name for name, _ in [*RULES, *test_catalogue_figures.RULES]}
    by_name = {
        "histogram-slim", "histogram-count-sum", "http-lean-slim", "naive-delete", "downsample-60s", "hybrid",
    }  # fmt: skip
    assert set(TEMPLATES) - here - by_name == {"cardinality-guard"}
