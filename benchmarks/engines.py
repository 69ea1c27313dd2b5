"""The embedded engine against the real Collector: the same configuration and input, one core each, in turn.

A pipeline of `otlp` receiver, a catalogue template's processors and `otlphttp` exporter, not compressed and without a
queue, so that what was acknowledged was also sent on. Collector on the first core (GOMAXPROCS=1 for the real one), a
process that sends two loads, tick after tick, as fast as they are acknowledged and takes what comes out on the second.
Both engines run all the while and take turns, each after a warm-up; the input is M1 of size M, HTTP metrics, half of
its points histograms of 14 bounds; and for the template that is for processes also M2 of size S, hosts with their
processes, as M1 has nothing for it to do. Embedded without plans is measured beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.processes import ROOT, child, cpu_s, free_port, is_ready, python, wait_until
from benchmarks.result import Row, Setting, Spread, Unavailable, at_least, ratios
from phoenix.api.pipeline import PipelineSource, PipelineTemplate
from phoenix.manifest.loader import load_file
from phoenix.pipelines.resolve import resolve

TITLE = "Embedded engine against the real Collector"
LIMIT = (
    "By plan, the embedded engine compares a payload with the last one's and moves or adds words; what is left is "
    "HTTP and the copying of bodies. The real Collector decodes and encodes every attribute of every point."
)
GOAL = 1.0
SECONDS = 3.0
SIZES = {"M1": "M", "M2": "S"}
PIPELINES = (("baseline", "M1"), ("http-lean", "M1"), ("process-rollup", "M1"), ("process-rollup", "M2"))
"""template, and the model of its input"""
_CATALOG = ROOT / "resources" / "catalog"


@dataclass(frozen=True, slots=True)
class Measured:
    """Points a second, and the collector's CPU microseconds a point."""

    per_s: float
    cpu_us: float


def configuration(template: str, ports: dict[str, int]) -> dict[str, Any]:
    """A whole collector's configuration around a template's processors."""
    found = {
        item.wire["metadata"]["name"]: item.wire
        for path in sorted(_CATALOG.glob("*.yaml"))
        for item in load_file(path)
        if item.wire["kind"] == "PipelineTemplate"
    }
    if template not in found:
        msg = f"the catalogue has no template {template}"
        raise Unavailable(msg)
    source = PipelineSource.from_wire({"templateRef": {"name": template}})
    config: dict[str, Any] = json.loads(json.dumps(resolve(source, PipelineTemplate.from_wire(found[template])).config))
    address = "127.0.0.1:{}"
    config["receivers"] = {"otlp": {"protocols": {"http": {"endpoint": address.format(ports["otlp"])}}}}
    config["exporters"] = {
        "otlphttp": {
            "endpoint": "http://" + address.format(ports["sink"]), "compression": "none",
            "sending_queue": {"enabled": False}, "retry_on_failure": {"enabled": False},
        }
    }  # fmt: skip
    config["extensions"] = {"health_check": {"endpoint": address.format(ports["health"])}}
    service = config["service"]
    service["extensions"] = ["health_check"]
    service["telemetry"] = {"metrics": {"level": "none"}, "logs": {"level": "warn"}}
    for pipeline in service["pipelines"].values():
        pipeline["receivers"], pipeline["exporters"] = ["otlp"], ["otlphttp"]
    return config


class Engine:
    """One collector process and its load process."""

    def __init__(self, collector: subprocess.Popen[bytes], load: subprocess.Popen[str]) -> None:
        self._collector, self._load = collector, load
        self._answer("ready")

    def _answer(self, what: str) -> str:
        assert self._load.stdout is not None
        line = self._load.stdout.readline().strip()
        if not line:
            msg = f"the load ended before it was {what}"
            raise RuntimeError(msg)
        return line

    def _tell(self, command: str) -> str:
        assert self._load.stdin is not None
        self._load.stdin.write(command + "\n")
        self._load.stdin.flush()
        return self._answer(command)

    def warm(self) -> None:
        """Let it see every payload a few times."""
        self._tell("warm")

    def measure(self) -> Measured:
        """One turn."""
        before = cpu_s(self._collector.pid)
        found = json.loads(self._tell("run"))
        used = cpu_s(self._collector.pid) - before
        return Measured(found["points"] / found["seconds"], used / found["points"] * 1e6)


@contextlib.contextmanager
def engine(command: list[str], template: str, model: str, folder: Path, seconds: float) -> Iterator[Engine]:
    """A collector on the first core and its load on the second."""
    ports = {name: free_port() for name in ("otlp", "sink", "health")}
    file = folder / f"{ports['otlp']}.yaml"
    with file.open("w") as opened:
        YAML(typ="safe").dump(configuration(template, ports), opened)
    about = (str(ports["otlp"]), str(ports["sink"]), model, SIZES[model], f"{seconds:g}")
    load_command = python("benchmarks.engines_load", *about)
    log = folder / f"{ports['otlp']}.log"
    with child(["taskset", "-c", "0", *command, "--config", str(file)], log=log) as collector:
        wait_until(lambda: is_ready(ports["health"]) or collector.poll() is not None, "the collector is ready")
        if collector.poll() is not None:
            msg = f"{command[0]} ended: {log.read_text()[-1000:]}"
            raise RuntimeError(msg)
        load = subprocess.Popen(
            ["taskset", "-c", "1", *load_command], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            yield Engine(collector, load)
        finally:
            load.kill()
            load.wait()


def real() -> list[str]:
    """The command of the real collector that `make otelcol` built. Raises Unavailable."""
    path = subprocess.run(
        [sys.executable, str(ROOT / "otelcol" / "build.py"), "--path"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not os.access(path, os.X_OK):
        msg = "the real Collector is not built: run `make otelcol`"
        raise Unavailable(msg)
    return ["env", "GOMAXPROCS=1", path]


def run(setting: Setting) -> Iterator[Row]:
    """A row for each template and input, and how many times faster plans make the embedded engine."""
    if (os.cpu_count() or 1) < 2:
        msg = "it takes two cores: one for the collector, one for its load"
        raise Unavailable(msg)
    peer = real()
    embedded = python("phoenix.collector")
    for template, model in PIPELINES:
        try:
            configuration(template, {"otlp": 1, "sink": 1, "health": 1})
        except Unavailable as missing:
            yield Row(template, "not measured", note=str(missing))
            continue
        with tempfile.TemporaryDirectory(dir=setting.directory) as made, contextlib.ExitStack() as stack:
            folder, seconds = Path(made), setting.seconds(SECONDS)
            ours = stack.enter_context(engine(embedded, template, model, folder, seconds))
            theirs = stack.enter_context(engine(peer, template, model, folder, seconds))
            plain = stack.enter_context(engine([*embedded, "--no-plans"], template, model, folder, seconds))
            for one in (ours, theirs, plain):
                one.warm()
            pairs = [(ours.measure(), theirs.measure()) for _ in range(setting.pairs)]
            without = plain.measure()
        yield _row(f"{template} on {model}", pairs, without)


def _row(name: str, pairs: list[tuple[Measured, Measured]], without: Measured) -> Row:
    ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    def shown(all_: list[Measured]) -> str:
        rate, cpu = Spread.of(one.per_s for one in all_), Spread.of(one.cpu_us for one in all_)
        return f"{rate.median:,.0f} points/s, {cpu.median:.2f} us CPU a point"

    return Row(
        name, shown(ours), shown(theirs), ratios((a.per_s for a in ours), (b.per_s for b in theirs)),
        goal=at_least(GOAL), note=f"without plans {without.per_s:,.0f} points/s, {without.cpu_us:.2f} us",
    )  # fmt: skip
