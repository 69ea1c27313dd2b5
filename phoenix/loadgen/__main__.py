"""The load generator: `python -m phoenix.loadgen --config FILE [--describe]`.

Exit codes: 0 it sent to the end, or ended on SIGTERM or SIGINT; 1 it could not start; 2 bad configuration or usage.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from pathlib import Path

import orjson
import uvloop

from phoenix.aio.program import log_to_stderr, say
from phoenix.aio.signals import shutdown_event
from phoenix.loadgen.config import Config, ConfigError, read_config
from phoenix.loadgen.generator import Generator
from phoenix.loadgen.health import start_health
from phoenix.samples.reporter import Reporter


def main(argv: list[str]) -> int:
    """Run a load, or describe it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m phoenix.loadgen", description="Send a modelled load to targets.")
    parser.add_argument("--config", required=True, metavar="FILE", help="config.json (docs/contracts.md)")
    parser.add_argument("--describe", action="store_true", help="print what the load amounts to as JSON, and exit")
    try:
        options = parser.parse_args(argv)
    except SystemExit as end:
        return 0 if end.code == 0 else 2
    try:
        config = read_config(Path(options.config).read_bytes())
    except OSError as error:
        say(f"{options.config}: cannot be read: {error.strerror}")
        return 2
    except ConfigError as error:
        for fault in error.faults:
            say(f"{options.config}: {fault}")
        return 2
    if options.describe:
        sys.stdout.write(_description(config) + "\n")
        return 0
    log_to_stderr()
    return uvloop.run(_run(config))


def _description(config: Config) -> str:
    counted = config.expected
    return orjson.dumps(
        {
            "streams": counted.streams,
            "activeSeries": counted.active_series,
            "pointsPerTick": counted.streams,
            "pointsPerTickBeforeUsers": counted.points_before_users,
            "pointsPerSecond": counted.streams / config.interval_s,
            "streamsByMetric": {
                "http.server.request.duration": counted.duration,
                "http.server.request.body.size": counted.body_size,
                "http.server.active_requests": counted.active_requests,
                "app.user.requests": counted.user_requests,
            },
        },
        option=orjson.OPT_INDENT_2,
    ).decode()


async def _run(config: Config) -> int:
    stop = shutdown_event()
    reporter = Reporter(config.report) if config.report else None
    generator = Generator(config, reporter, instance=uuid.uuid4().hex)
    health = None
    if config.health_port is not None:
        try:
            health = await start_health(generator, config.health_host, config.health_port)
        except OSError as error:
            say(f"healthAddress: cannot listen on {config.health_host}:{config.health_port}: {error.strerror}")
            return 1
    try:
        await generator.run(stop)
    finally:
        if health is not None:
            await health.cleanup()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
