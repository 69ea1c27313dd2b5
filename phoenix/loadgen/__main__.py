"""The load generator: `python -m phoenix.loadgen --config FILE [--describe]`.

Exit codes: 0 it sent to the end, or ended on SIGTERM or SIGINT; 1 it could not start; 2 bad configuration or usage, or
a recording that cannot be read or is shorter than the run.
"""

from __future__ import annotations

import argparse
import sys
import uuid

import orjson
import uvloop

from phoenix.aio.program import configured, log_to_stderr, say
from phoenix.aio.signals import shutdown_event
from phoenix.loadgen.config import Config, read_config
from phoenix.loadgen.emitter import Emitter, EmitterError
from phoenix.loadgen.generator import Generator
from phoenix.loadgen.health import start_health
from phoenix.loadgen.recording import RecordingError
from phoenix.loadgen.replay import Replayer
from phoenix.loadmodel.expected import WindowCount, count_run, expected
from phoenix.loadmodel.http import HttpModel
from phoenix.samples.reporter import Reporter

_DESCRIBED_TICKS = 600
"""ticks of a load that changes of which the windows are told"""


def main(argv: list[str]) -> int:
    """Run a load, or describe it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m phoenix.loadgen", description="Send a modelled load to targets.")
    parser.add_argument("--config", required=True, metavar="FILE", help="config.json (docs/contracts.md)")
    parser.add_argument("--describe", action="store_true", help="print what the load amounts to as JSON, and exit")
    try:
        options = parser.parse_args(argv)
    except SystemExit as end:
        return 0 if end.code == 0 else 2
    config = configured(options.config, read_config)
    if config is None:
        return 2
    if options.describe:
        sys.stdout.write(_description(config) + "\n")
        return 0
    log_to_stderr()
    return uvloop.run(_run(config))


def _description(config: Config) -> str:
    if (plan := config.processes) is not None:
        ticks = max(1, min(_DESCRIBED_TICKS, config.max_duration_ns // config.interval_ns))
        counts = {"processes": plan.processes, "pointsPerTick": plan.expected.streams, "ticks": ticks}
        return orjson.dumps(counts | {"processesOfAllTicks": plan.distinct(0, ticks)}).decode()
    if config.replay is not None:
        return orjson.dumps({"replay": config.replay.path}).decode()
    counted = config.expected
    told: dict[str, object] = {
        "streams": counted.streams,
        "activeSeries": counted.active_series,
        "pointsPerTick": counted.streams,
        "pointsPerSecond": counted.streams / config.interval_s,
    }
    if isinstance(config.model, HttpModel) and config.model.dynamics.static:
        by_metric = expected(config.model.emitter)
        told["pointsPerTickBeforeUsers"] = by_metric.points_before_users
        told["streamsByMetric"] = {
            "http.server.request.duration": by_metric.duration,
            "http.server.request.body.size": by_metric.body_size,
            "http.server.active_requests": by_metric.active_requests,
            "app.user.requests": by_metric.user_requests,
        }
    ticks = min(_DESCRIBED_TICKS, config.max_duration_ns // config.interval_ns)
    if not config.model.dynamics.static and ticks:
        run = count_run(
            config.model,
            interval_ns=config.interval_ns,
            ticks=ticks,
            ticks_per_window=max(1, config.window_ns // config.interval_ns),
        )
        told["windows"] = [_counts(window) for window in run.windows]
        told["union"] = _counts(run.union)
    return orjson.dumps(told, option=orjson.OPT_INDENT_2).decode()


def _counts(counted: WindowCount) -> dict[str, int]:
    return {
        "ticks": counted.ticks,
        "points": counted.points,
        "streams": counted.streams,
        "activeSeries": counted.active_series,
    }


async def _run(config: Config) -> int:
    stop = shutdown_event()
    reporter = Reporter(config.report) if config.report else None
    instance = uuid.uuid4().hex
    load: Generator | Replayer | Emitter
    if config.processes is not None:
        load = Emitter(config, config.processes, instance=instance)
    elif config.replay is not None:
        load = Replayer(config, config.replay, reporter, instance=instance)
    else:
        load = Generator(config, reporter, instance=instance)
    health = None
    if config.health_port is not None:
        try:
            health = await start_health(load, config.health_host, config.health_port)
        except OSError as error:
            say(f"healthAddress: cannot listen on {config.health_host}:{config.health_port}: {error.strerror}")
            return 1
    try:
        await load.run(stop)
    except RecordingError as error:
        say(f"replay: {error}")
        return 2
    except EmitterError as error:
        say(f"processes: {error}")
        return 1
    finally:
        if health is not None:
            await health.cleanup()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
