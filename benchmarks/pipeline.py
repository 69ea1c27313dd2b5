"""Generator, embedded baseline collector and meter as real programs: points a second that pass without loss.

The three are started as an experiment starts them, with configuration files written by hand: the collector's is the
shipped `baseline` template rendered for measuring. The load is M1 of size M, scaled, five ticks a second; nearly half
of its points are histograms. A rate is sustained when every point planned was sent, acknowledged and metered, and none
was late once the warm-up of 4 s was over, in which all series are seen for the first time. The rate is raised until it
is not sustained; the bar asks for the first step. Beside it, a load of as many points a second in which each is another
series, one tick a second, with a warm-up of 11 s.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.processes import ROOT, answer, child, cpu_s, free_port, get, is_ready, python, wait_until
from benchmarks.result import Row, Setting, Spread, at_least
from phoenix.agent.placeholders import Values, fill, port_names
from phoenix.api.pipeline import DeploymentMeasurement, PipelineSource, PipelineTemplate
from phoenix.manifest.loader import load_file
from phoenix.pipelines.render import render
from phoenix.pipelines.resolve import resolve

TITLE = "Generator to embedded baseline to meter"
LIMIT = (
    "The collector's and the meter's processes share two cores with the generator. What costs most is a series "
    "seen for the first time (names, labels and series of a histogram's buckets are worked out once); in the "
    "steady state the collector takes some 1 to 2 us a point and the meter 1 to 3, most of it for histograms."
)
GOAL = 100_000
SECONDS = 5


@dataclass(frozen=True, slots=True)
class Load:
    """M1 of size M, scaled, at an interval; `warmup_s`: time in which series are new and may come late."""

    scale: float
    interval_s: float
    warmup_s: int


STEPS = tuple(Load(scale, 0.2, 4) for scale in (1.0, 2.0, 3.0, 4.0))
EACH_ANOTHER = Load(5.0, 1.0, 11)
_TEMPLATES = ROOT / "resources" / "catalog" / "templates.yaml"
_SENT = re.compile(r"planned_points=(\d+) sent_points=\d+ acked_points=(\d+)")
_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Passed:
    """What became of the points of one run; `late` after the warm-up; CPU is microseconds a point."""

    per_s: float
    planned: int
    acked: int
    metered: int
    late: int
    late_at_first: int
    series: int
    cpu_us: dict[str, float]

    @property
    def whole(self) -> bool:
        """Whether nothing was lost or late."""
        return self.planned == self.acked == self.metered > 0 and not self.late


def rendered() -> dict[str, Any]:
    """The baseline template as an experiment renders it."""
    (wire,) = (found.wire for found in load_file(_TEMPLATES) if found.wire["metadata"]["name"] == "baseline")
    source = PipelineSource.from_wire({"templateRef": {"name": "baseline"}})
    resolved = resolve(source, PipelineTemplate.from_wire(wire))
    measurement = DeploymentMeasurement(experiment="bench", variant="baseline")
    return render(resolved.config, measurement=measurement, variant_labels={}).config


class Line:
    """The three programs' files, ports and life."""

    def __init__(self, folder: Path, load: Load, seconds: int) -> None:
        self._folder, self._load = folder, load
        self.seconds = load.warmup_s + seconds
        config = rendered()
        self._ports = {name: free_port() for name in (*port_names(config), "meter", "meter-health", "loadgen-health")}
        meter = f"http://127.0.0.1:{self._ports['meter']}/v/baseline"
        with (folder / "collector.yaml").open("w") as file:
            whose = {"host": "bench", "deployment": "bench-baseline", "namespace": "default"}
            values = Values(self._ports, {"meter": meter}, "127.0.0.1", "", whose)
            YAML(typ="safe").dump(fill(config, values), file)
        self._write("meter", {
            "otlpAddress": self._address("meter"), "healthAddress": self._address("meter-health"),
            "variants": ["baseline"], "windowSeconds": 2.0, "graceSeconds": 1.0,
            "signals": [{"name": "rate",
                         "query": "sum by (service_name) (rate(http_server_request_duration_seconds_count[4s]))"}],
        })  # fmt: skip
        self._write("loadgen", {
            "otlp": {"model": "M1", "size": "M"}, "seed": 7, "scale": load.scale, "intervalSeconds": load.interval_s,
            "maxDurationSeconds": self.seconds, "healthAddress": self._address("loadgen-health"),
            "targets": [{"name": "baseline", "endpoint": f"http://127.0.0.1:{self._ports['otlp']}"}],
        })  # fmt: skip

    def _address(self, name: str) -> str:
        return f"127.0.0.1:{self._ports[name]}"

    def _write(self, name: str, config: dict[str, Any]) -> None:
        (self._folder / f"{name}.json").write_text(json.dumps(config))

    @contextlib.contextmanager
    def _program(self, name: str, suffix: str, health: str) -> Iterator[subprocess.Popen[bytes]]:
        log = self._folder / f"{name}.log"
        command = python(f"phoenix.{name}", "--config", str(self._folder / f"{name}.{suffix}"))
        with child(command, log=log) as process:
            wait_until(
                lambda: is_ready(self._ports[health]) or process.poll() is not None, f"{name} is ready", every_s=0.05
            )
            if process.poll() is not None:
                msg = f"{name} ended: {log.read_text()[-1000:]}"
                raise RuntimeError(msg)
            yield process

    def run(self) -> Passed:
        """Send it all, let the collector drain, count."""
        with (
            self._program("meter", "json", "meter-health") as meter,
            self._program("collector", "yaml", "health") as collector,
            self._program("loadgen", "json", "loadgen-health") as loadgen,
        ):
            cpu = {"generator": 0.0, "collector": 0.0, "meter": 0.0}
            late_at_first: int | None = None
            warm, ends = time.monotonic() + self._load.warmup_s, time.monotonic() + _LIMIT_S
            while loadgen.poll() is None and time.monotonic() < ends:
                with contextlib.suppress(OSError):
                    cpu["generator"] = cpu_s(loadgen.pid)
                if late_at_first is None and time.monotonic() > warm:
                    late_at_first = _counted(self._metered(), "late_points_total")
                time.sleep(0.1)
            cpu["collector"] = cpu_s(collector.pid)
            collector.terminate()
            collector.wait(10)
            request = b"POST /flush HTTP/1.1\r\nHost: m\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            answer(self._ports["meter-health"], request)
            cpu["meter"] = cpu_s(meter.pid)
            page = self._metered()
        return self._passed(page, late_at_first or 0, cpu)

    def _metered(self) -> str:
        return get(self._ports["meter-health"], "/metrics").decode()

    def _passed(self, page: str, late_at_first: int, cpu: dict[str, float]) -> Passed:
        sent = _SENT.search((self._folder / "loadgen.log").read_text())
        planned, acked = (int(sent[1]), int(sent[2])) if sent else (0, 0)
        return Passed(
            per_s=planned / self.seconds,
            planned=planned,
            acked=acked,
            metered=_counted(page, "points_total"),
            late=_counted(page, "late_points_total") - late_at_first,
            late_at_first=late_at_first,
            series=_counted(page, "active_series"),
            cpu_us={name: used / max(planned, 1) * 1e6 for name, used in cpu.items()},
        )


def _counted(page: str, name: str) -> int:
    found = re.search(rf'^phoenix_meter_{name}{{variant="baseline"}} (\S+)$', page, re.MULTILINE)
    return int(float(found[1])) if found else 0


def _pass(load: Load, setting: Setting) -> Passed:
    with tempfile.TemporaryDirectory(dir=setting.directory) as folder:
        return Line(Path(folder), load, max(3, round(setting.seconds(SECONDS)))).run()


def run(setting: Setting) -> Iterator[Row]:
    """The highest rate sustained, and the load in which each point of a second is another series."""
    best: Passed | None = None
    above = ""
    for load in STEPS:
        passed = _pass(load, setting)
        if not passed.whole:
            above = f"; not sustained at {_shown(passed)}"
            break
        best = passed
    yield _row("generator to collector to meter", best, above, barred=True)
    one = _pass(EACH_ANOTHER, setting)
    above = "" if one.whole else f"not sustained at {_shown(one)}"
    yield _row("the same, one point a second a series", one if one.whole else None, above, barred=False)


def _shown(passed: Passed) -> str:
    return (
        f"{passed.per_s:,.0f}/s: of {passed.planned:,} points planned {passed.acked:,} were acknowledged, "
        f"{passed.metered:,} metered, {passed.late:,} late"
    )


def _row(name: str, passed: Passed | None, above: str, *, barred: bool) -> Row:
    rate = Spread.of([passed.per_s if passed else 0.0])
    goal = at_least(GOAL) if barred else None
    if passed is None:
        return Row(name, "not sustained", measured=rate, unit="points/s", goal=goal, note=above)
    spent = ", ".join(f"{program} {used:.2f}" for program, used in passed.cpu_us.items())
    note = (
        f"{passed.planned:,} points planned = acknowledged = metered, none late after the warm-up "
        f"({passed.late_at_first:,} in it); CPU us a point: {spent}{above}"
    )
    figure = f"{passed.per_s:,.0f} points/s of {passed.series:,} series"
    return Row(name, figure, measured=rate, unit="points/s", goal=goal, note=note)
