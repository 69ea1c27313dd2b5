"""`python -m tests.soak [--count N] [--at-once N] [--state DIR]`: short experiments on one Phoenix, round after round.

Each round applies as many experiments as run at once, waits for their verdicts, deletes them, and waits until nothing
of them runs; then it reads what Phoenix takes. Right, and owned up to: see `experiments`. After the first 50 (or a
quarter of the experiments, if that is fewer) nothing may grow: see `readings`. Events and history are kept for a short
time only (`--event-ttl`, `--history`), so that a soak of minutes sees what a Phoenix of days does.

Exit codes: 0 flat and never wrong; 1 not; 2 usage.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from phoenix.api.experiment import Experiment
from tests.harness.cluster import Cluster, cluster
from tests.soak.experiments import CASES, PROFILE, Case, experiment, fault
from tests.soak.readings import Reading, read, table, trends

ARGUMENTS = ("--port", "0", "--event-ttl", "30s", "--history", "1000")
_SETTLED = 50


async def soak(
    phoenix: Cluster, count: int, at_once: int, interval_ms: int
) -> tuple[list[Reading], Counter[str], list[str]]:
    """Readings, verdicts and what was wrong."""
    await phoenix.apply(PROFILE)
    readings, verdicts, faults = [], Counter[str](), []
    done = 0
    while done < count:
        cases = {f"soak-{at}": CASES[at % len(CASES)] for at in range(done, min(done + at_once, count))}
        for found, case in await one_round(phoenix, cases, interval_ms=interval_ms, windows=3):
            verdicts[str(found.status.verdict)] += 1
            if wrong := fault(case, found):
                faults.append(wrong)
        done += len(cases)
        readings.append(await read(phoenix, done))
        now = readings[-1]
        print(
            f"{done:4} memory {now.memory:6.1f} MiB files {now.files:3} tasks {now.tasks:3} threads {now.threads:2} "
            f"database {now.database:5.1f} MiB samples {now.samples:4.1f} MiB  {dict(verdicts)}",
            flush=True,
        )
    return readings, verdicts, faults


async def one_round(
    phoenix: Cluster, cases: dict[str, Case], *, interval_ms: int, windows: int
) -> list[tuple[Experiment, Case]]:
    """Run experiments at once, to their ends, and delete them."""
    for name, case in cases.items():
        await phoenix.apply(experiment(case, name, interval_ms=interval_ms, windows=windows))
    ended = [(await phoenix.until(name, {"Completed", "Failed"}, within_s=120), case) for name, case in cases.items()]
    for name in cases:
        await phoenix.client.delete(Experiment, name, "default")
    for name in cases:
        await phoenix.gone(Experiment, name, within_s=60)
    await phoenix.quiet(within_s=60)
    return ended


async def _run(options: argparse.Namespace, folder: Path) -> int:
    began = time.monotonic()
    async with cluster(folder, *ARGUMENTS) as phoenix:
        readings, verdicts, faults = await soak(phoenix, options.count, options.at_once, options.interval_ms)
    found = trends(readings, min(_SETTLED, options.count // 4))
    took_s = time.monotonic() - began
    print(f"\n{options.count} experiments, {options.at_once} at once, {took_s:.0f} s: {dict(verdicts)}\n")
    print(table(found))
    for wrong in faults:
        print(f"WRONG {wrong}")
    grows = [trend.name for trend in found if not trend.flat]
    print(f"\n{'FAILED: ' + ', '.join([*grows, *['wrong verdicts'] * bool(faults)]) if grows or faults else 'flat'}")
    return 1 if grows or faults else 0


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Many short experiments on one Phoenix.")
    parser.add_argument("--count", type=int, default=200, help="experiments (default: 200)")
    parser.add_argument("--at-once", type=int, default=8, help="how many run at once (default: 8)")
    parser.add_argument("--interval-ms", type=int, default=500, help="between ticks of the load (default: 500)")
    options = parser.parse_args()
    if options.count < 4 * options.at_once or options.at_once < 1:
        parser.error(f"--count {options.count}: four rounds of {options.at_once} at least, or there is no trend")
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_run(options, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
