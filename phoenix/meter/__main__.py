"""The meter: `python -m phoenix.meter --config FILE`.

Exit codes: 0 ended on SIGTERM or SIGINT, last windows reported; 1 it could not start; 2 bad configuration or usage.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
import uuid
from contextlib import AsyncExitStack, suppress

import aiohttp
import uvloop
from aiohttp import web

from phoenix.aio.program import configured, keep_heap, log_to_stderr, say, settle_collector
from phoenix.aio.signals import shutdown_event
from phoenix.meter.answering import answering
from phoenix.meter.backlog import Backlog
from phoenix.meter.config import Address, Config, read_config
from phoenix.meter.http import Health, otlp_app
from phoenix.meter.meter import Meter, stamp_of
from phoenix.meter.observer import Observer
from phoenix.prometheus.errors import PrometheusError
from phoenix.samples.reporter import Reporter

_LOG = logging.getLogger("phoenix.meter")
_DRAIN_S, _REPORT_S = 1.0, 3.0


def main(argv: list[str]) -> int:
    """Run a meter until SIGTERM; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m phoenix.meter", description="Count what leaves each variant.")
    parser.add_argument("--config", required=True, metavar="FILE", help="config.json (docs/contracts.md)")
    try:
        options = parser.parse_args(argv)
    except SystemExit as end:
        return 0 if end.code == 0 else 2
    config = configured(options.config, read_config)
    if config is None:
        return 2
    log_to_stderr()
    keep_heap()
    with suppress(ImportError):  # gzip bodies inflate three times faster with it
        aiohttp.set_zlib_backend(importlib.import_module("isal.isal_zlib"))
    settle_collector()
    return uvloop.run(_run(config))


async def _run(config: Config) -> int:
    stop = shutdown_event()
    reporter = Reporter(config.report) if config.report else None
    instance = uuid.uuid4().hex
    async with AsyncExitStack() as stack:
        # Ended in reverse: the OTLP port first, then the last windows are closed, then reported, then health goes, and
        # then the Prometheus that answered the queries.
        try:
            backlog = await _backlog(config, reporter, instance, stack)
            meter = Meter(config, reporter, instance=instance, backlog=backlog)
            health = Health(meter, reporter)
            await stack.enter_async_context(_Listening(health.app, config.health, "healthAddress"))
            if reporter is not None:
                await reporter.start()
                stack.push_async_callback(reporter.aclose, _REPORT_S)
            if backlog is not None:
                await stack.enter_async_context(backlog)
            stack.push_async_callback(meter.aclose)
            stack.push_async_callback(meter.close)
            if config.observation is None:
                await stack.enter_async_context(_Listening(otlp_app(meter), config.otlp, "otlpAddress"))
        except (OSError, PrometheusError) as error:
            say(str(error))
            return 1
        _LOG.info("metering variants=%s window_s=%g", ",".join(config.variants), config.window_ns / 1e9)
        if config.observation is None:
            health.readiness.ready = True
            await meter.run(stop)
        else:
            await Observer(config.observation, stamp_of(config, instance), reporter, health.readiness).run(stop)
        health.readiness.ready = False
    return 0


async def _backlog(config: Config, reporter: Reporter | None, instance: str, stack: AsyncExitStack) -> Backlog | None:
    """What has queries answered by the Prometheus that the configuration names, started where it is ours."""
    if config.prometheus is None or not config.queries:
        return None
    answers = await stack.enter_async_context(
        answering(config.prometheus, config.queries, run=instance, window_ns=config.window_ns)
    )
    return Backlog(answers, lambda sample: reporter.put([sample]) if reporter is not None else None)


class _Listening:
    """An application on an address, while entered. Raises OSError that names the setting if it cannot be had."""

    def __init__(self, app: web.Application, address: Address, setting: str) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_DRAIN_S)
        self._address, self._setting = address, setting

    async def __aenter__(self) -> None:
        await self._runner.setup()
        host, port = self._address.host, self._address.port
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            msg = f"{self._setting}: cannot listen on {host}:{port}: {error.strerror}; is another meter running?"
            raise OSError(error.errno, msg) from error

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
