"""The catalogue on the real Collector: `python -m tests.differential.realtemplates` records a summary of what leaves.

`… TEMPLATE MODEL` records nothing: it shows the points that one engine gives and the other does not. All templates run
in one process, a pipeline each: the payloads of a model's ticks go to all, tick after tick.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.catalogue.passing import through
from tests.differential.embedded import text
from tests.differential.real import GOLDEN, version
from tests.differential.templates import NAMES, PAIRS, TEMPLATES, Summary, Total, config, rows, summary, ticks
from tests.harness.otelcol import Ended, binary, free_ports, running

FILE = GOLDEN / "catalogue" / "templates.json"
_APART_S = 0.5  # longer than any template gathers: what comes at one time is not added to the next


def needed(template: str) -> str:
    """What the Collector that is built lacks to run a template; empty where it lacks nothing."""
    return ", ".join(TEMPLATES[template].spec.requires or ())


def _whole(folder: Path, ports: dict[tuple[str, str], int]) -> dict[str, Any]:
    made: dict[str, Any] = {"receivers": {}, "processors": {}, "exporters": {}}
    pipelines: dict[str, Any] = {}
    for number, ((template, model), port) in enumerate(ports.items()):
        own = config(template)
        (steps,) = (pipeline["processors"] for pipeline in own["service"]["pipelines"].values())
        made["receivers"][f"otlp/{number}"] = {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}
        made["exporters"][f"file/{number}"] = {"path": str(folder / f"{template}-{model}"), "format": "proto"}
        made["processors"] |= {_named(name, number): own["processors"][name] for name in steps}
        pipelines[f"metrics/{number}"] = {
            "receivers": [f"otlp/{number}"], "processors": [_named(name, number) for name in steps],
            "exporters": [f"file/{number}"],
        }  # fmt: skip
    made["service"] = {"telemetry": {"metrics": {"level": "none"}, "logs": {"level": "error"}}, "pipelines": pipelines}
    return made


def _named(name: str, number: int) -> str:
    kind, _, rest = name.partition("/")
    return f"{kind}/{number}{rest}"


def messages(file: Path) -> Iterator[bytes]:
    """Of a file the file exporter wrote as protobuf: its requests."""
    data, at = file.read_bytes() if file.exists() else b"", 0
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


async def run(path: str, pairs: list[tuple[str, str]]) -> dict[tuple[str, str], list[bytes]]:
    """What leaves the real Collector, by template and model. Raises Ended, AssertionError where it refuses data."""
    ports = dict(zip(pairs, free_ports(len(pairs)), strict=True))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "c.yaml").write_text(text(_whole(folder, ports)), "utf-8")
        async with running(path, folder / "c.yaml") as collector:
            await collector.takes_metrics(*ports.values())
            for tick in zip(*(ticks(model) for _, model in pairs), strict=True):
                for port, payload in zip(ports.values(), tick, strict=True):
                    assert await collector.send(port, payload) == 200, collector.said()
                await asyncio.sleep(_APART_S)
            assert await collector.stop() == 0, collector.said()
        return {pair: list(messages(folder / "-".join(pair))) for pair in pairs}


async def run_again(path: str, pairs: list[tuple[str, str]]) -> dict[tuple[str, str], list[bytes]]:
    """As `run`, once more where somebody took one of its ports in between."""
    try:
        return await run(path, pairs)
    except Ended:
        return await run(path, pairs)


RUNNABLE = [pair for pair in PAIRS if not needed(pair[0])]


def read() -> dict[tuple[str, str], Summary]:
    """The recorded summaries."""
    kept = json.loads(FILE.read_text("utf-8"))["summaries"]
    return {
        (template, model): {name: Total.from_wire(row) for name, row in found.items()}
        for template, models in kept.items()
        for model, found in models.items()
    }


async def show(path: str, template: str, model: str) -> int:
    """Print the points in which the engines differ, without values that only the order of sums decides."""
    theirs = (await run_again(path, [(template, model)]))[template, model]
    ours = await through(config(template), [[payload] for payload in ticks(model)])

    def points(payloads: list[bytes]) -> Counter[str]:
        found = (row for payload in payloads for row in rows(payload))
        return Counter(f"{exact.decode()} {[f'{value:.9g}' for value in doubles]}" for _, exact, doubles in found)

    of_ours, of_theirs = points(ours), points(theirs)
    for engine, extra in (("embedded", of_ours - of_theirs), ("Collector", of_theirs - of_ours)):
        print(f"only {engine}: {extra.total()}", *sorted(extra)[:10], sep="\n  ")
    return int(of_ours != of_theirs)


def main(pair: list[str]) -> int:
    """Record, or show."""
    path = binary()
    if not path:
        print("the real Collector is not built: run `make otelcol`", file=sys.stderr)
        return 2
    if pair:
        template, model = pair
        return asyncio.run(show(path, template, model))
    found: dict[str, dict[str, Any]] = {name: {} for name in NAMES if not needed(name)}
    for (template, model), payloads in asyncio.run(run_again(path, RUNNABLE)).items():
        found[template][model] = {name: total.wire() for name, total in sorted(summary(payloads).items())}
    FILE.parent.mkdir(exist_ok=True)
    golden = json.dumps({"version": version(path), "summaries": found}, indent=1, sort_keys=True)
    FILE.write_text(golden + "\n", "utf-8")
    print(f"catalogue: {len(RUNNABLE)} pairs of template and model")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
