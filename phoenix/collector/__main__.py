"""The collector program: `python -m phoenix.collector --config FILE [--validate]`.

Exit codes: 0 ended on SIGTERM or SIGINT with everything sent on (or valid), 1 could not start or broke down, 2 bad
configuration or usage.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path

import uvloop

from phoenix.aio.program import keep_heap, log_to_stderr, say, settle_collector
from phoenix.engine import Collector, ConfigError, EngineError, read_config
from phoenix.engine.config.document import Document

log = logging.getLogger("phoenix.collector")


def main(argv: list[str]) -> int:
    """Run a collector until it is told to stop; returns the exit code."""
    options = _options(argv)
    if options is None:
        return 2
    try:
        document = read_config(Path(options.config).read_text("utf-8"), os.environ)
    except OSError as error:
        say(f"{options.config}: cannot be read: {error.strerror}")
        return 2
    except UnicodeDecodeError as error:
        say(f"{options.config}: is not UTF-8: {error.reason} at byte {error.start}")
        return 2
    except ConfigError as error:
        for finding in error.findings:
            say(f"{options.config}: {finding}")
        return 2
    if options.validate:
        return 0
    log_to_stderr(document.telemetry.log_level)
    keep_heap()
    return uvloop.run(_run(document, plan=not options.no_plans))


def _options(argv: list[str]) -> argparse.Namespace | None:
    parser = argparse.ArgumentParser(prog="python -m phoenix.collector", description="Run the embedded collector.")
    parser.add_argument("--config", required=True, metavar="FILE", help="collector configuration (YAML)")
    parser.add_argument("--validate", action="store_true", help="check the configuration and exit")
    parser.add_argument("--no-plans", action="store_true", help="run every processor on every request (slow)")
    try:
        return parser.parse_args(argv)
    except SystemExit as exit_:
        if exit_.code == 0:
            raise
        return None


async def _run(document: Document, *, plan: bool) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    collector = Collector(document, plan=plan)
    try:
        await collector.start()
    except EngineError as error:
        say(str(error))
        return 1
    settle_collector()
    failed = asyncio.create_task(collector.failed(), name="failed")
    stopped = asyncio.create_task(stop.wait(), name="stopped")
    await asyncio.wait({failed, stopped}, return_when=asyncio.FIRST_COMPLETED)
    broke = failed.done() and not stop.is_set()
    log.info("stopping reason=%s", "failure" if broke else "signal")
    for task in (failed, stopped):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await collector.shutdown()
    log.info("stopped")
    return 1 if broke else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
