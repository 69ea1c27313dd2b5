"""Four commands; `make conformance` does them in this order.

    python -m conformance record           ask a real kube-apiserver (`make kube`), and keep its answers in golden/
    python -m conformance shipped          our CRDs and every object we ship, against it and against Phoenix
    python -m conformance compare          ask Phoenix, and list what differs from the kept answers
    python -m conformance page [--check]   write docs/conformance.md, or say whether it is as it would be written

Exit codes: 0 all is well; 1 something differs that is not listed, or is listed and differs no longer; 2 bad usage;
3 something it needs is not there.
"""

# ruff: noqa: T201 - a program for developers: what it says goes to the terminal

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.result import Unavailable
from conformance import golden, report, shipped
from conformance.compare import compare
from conformance.runner import run_all
from conformance.servers import install, kube, phoenix, ready
from conformance.suite import SCENARIOS


async def record(_: argparse.Namespace) -> int:
    """Keep the answers of a real kube-apiserver."""
    with tempfile.TemporaryDirectory() as folder, kube(Path(folder)) as server:
        endpoint = await ready(server.admin)
        await install(endpoint)
        answers = await run_all(endpoint, SCENARIOS)
    changed = golden.write(answers, endpoint.version)
    print(f"kube-apiserver {endpoint.version}: {len(answers)} scenarios, changed: {', '.join(changed) or 'none'}")
    return 0


async def compare_now(_: argparse.Namespace) -> int:
    """List what differs and is not listed."""
    judged = await compare()
    for one in judged.unlisted:
        print(f"{one.place}\n    {one.said}\n    kube     {one.kube!r:.600}\n    Phoenix  {one.phoenix!r:.600}")
    for pattern in judged.stale:
        print(f"listed, and differs no longer: {pattern}")
    explained = sum(map(len, judged.explained.values()))
    print(f"{explained} differences explained, {len(judged.unlisted)} not, {len(judged.stale)} patterns stale")
    return 1 if judged.unlisted or judged.stale else 0


async def shipped_objects(_: argparse.Namespace) -> int:
    """Both servers take and refuse the same objects, with the same defaults."""
    with tempfile.TemporaryDirectory() as folder, kube(Path(folder)) as server:
        endpoint = await ready(server.admin)
        installed = await install(endpoint)
        async with phoenix(Path(folder)) as ours:
            faults, count = await shipped.check(endpoint, ours)
    for fault in faults:
        print(fault)
    print(
        f"kube-apiserver {endpoint.version}: {len(installed)} CRDs established, {count} objects, {len(faults)} faults"
    )
    return 1 if faults else 0


async def page(options: argparse.Namespace) -> int:
    """Write the page of results, or say whether it is fresh."""
    text = report.document(await compare())
    if not options.check:
        report.PAGE.write_text(text, encoding="utf-8")
        return 0
    if report.PAGE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{report.PAGE.name} is stale: run `python -m conformance page`")
    return 1


_COMMANDS: dict[str, Callable[[argparse.Namespace], Awaitable[int]]] = {
    "record": record, "compare": compare_now, "shipped": shipped_objects, "page": page,
}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=_COMMANDS)
    parser.add_argument("--check", action="store_true", help="page: change nothing")
    options = parser.parse_args(argv)

    async def run() -> int:
        return await _COMMANDS[options.command](options)

    try:
        return asyncio.run(run())
    except Unavailable as missing:
        print(missing, file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
