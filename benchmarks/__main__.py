"""Runs benchmarks: `python -m benchmarks [NAME ...] [--quick] [--list] [--doc FILE] [--directory DIR]`.

Exit codes: 0 every bar that could be measured is met; 1 one is not, or a benchmark broke; 2 bad usage.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, cast

from benchmarks.report import document, printed
from benchmarks.result import Outcome, Row, Setting, Unavailable

BENCHMARKS = {
    "creates": "benchmarks.creates",
    "watches": "benchmarks.watches",
    "starts": "benchmarks.starts",
    "pipeline": "benchmarks.pipeline",
    "meter": "benchmarks.meter_throughput",
    "meter-scale": "benchmarks.meter_scale",
    "meter-prometheus": "benchmarks.meter_prometheus",
    "generator": "benchmarks.loadgen_throughput",
    "engines": "benchmarks.engines",
    "store": "benchmarks.store_writes",
    "gitops": "benchmarks.gitops",
    "kube": "benchmarks.kube",
}
_PAIRS = 7


class Benchmark(Protocol):
    """What a benchmark's module offers; its docstring says how it measures, LIMIT what its figures are limited by."""

    TITLE: str
    LIMIT: str
    run: Callable[[Setting], Iterator[Row]]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Phoenix, against peers where"
                                     " there are some. Other work on the machine spoils the figures.")  # fmt: skip
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="two pairs of short measurements: does it still work")
    parser.add_argument("--pairs", type=int, default=_PAIRS, help=f"A B pairs (default: {_PAIRS})")
    parser.add_argument("--directory", type=Path, help="folder on the disk to measure (default: the temporary one)")
    parser.add_argument("--doc", type=Path, help="also write the results as a page")
    options = parser.parse_args(argv)
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
    directory = options.directory or Path(tempfile.gettempdir())
    setting = Setting(2 if options.quick else options.pairs, 0.4 if options.quick else 1.0, directory)
    print(f"load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores", flush=True)
    outcomes: list[Outcome] = []
    for name in options.names or BENCHMARKS:
        outcome = measure(name, setting)
        print(printed(outcome), flush=True)
        outcomes.append(outcome)
    if options.doc:
        options.doc.write_text(document(outcomes, setting))
    missed = [row.name for outcome in outcomes for row in outcome.rows if row.passed is False]
    if missed:
        print(f"missed: {', '.join(missed)}")
    return 1 if any(outcome.failed for outcome in outcomes) else 0


def measure(name: str, setting: Setting) -> Outcome:
    """Run one benchmark, whatever becomes of it."""
    module = importlib.import_module(BENCHMARKS[name])
    benchmark = cast("Benchmark", module)
    began, rows, skipped, error = time.monotonic(), [], "", ""
    try:
        for row in benchmark.run(setting):
            rows.append(row)  # noqa: PERF402 - what was measured before a failure is kept
    except Unavailable as missing:
        skipped = str(missing)
    except Exception as failure:  # noqa: BLE001 - the others still run, and this one is reported as broken
        error = f"{type(failure).__name__}: {failure}"
    seconds, how = time.monotonic() - began, (module.__doc__ or "").strip()
    return Outcome(name, benchmark.TITLE, seconds, rows, skipped, error, how, benchmark.LIMIT)


if __name__ == "__main__":
    sys.exit(main())
