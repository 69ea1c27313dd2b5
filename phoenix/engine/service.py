"""A collector as a whole: configuration to running pipelines and back.

Start: own telemetry, extensions, exporters, processors (last first), receivers; then the extensions hear that all run.
Stop is the reverse, so that whatever was received leaves before its exporter closes. A component that fails while
running ends the collector: `failed` is set.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from aiohttp import web

from phoenix.engine.config.document import Document, parse_document
from phoenix.engine.config.values import Value, from_python, load
from phoenix.engine.endpoints import HttpServer
from phoenix.engine.errors import ConfigError, Finding, StartError
from phoenix.engine.graph import Graph, Node, build
from phoenix.engine.telemetry import Telemetry

log = logging.getLogger("phoenix.engine")


def check(config: Mapping[str, object], environ: Mapping[str, str] | None = None) -> list[Finding]:
    """Everything that keeps this engine from running a configuration; empty means it can. Pure, no I/O.

    Args:
        config: the collector configuration as a tree.
        environ: for `${env:…}`. None: references without a value and the agent's placeholders are accepted.
    """
    values = from_python(config)
    assert isinstance(values, dict)
    if not values:
        return [Finding("", "empty configuration file", "write receivers, exporters and service")]
    return parse_document(values, environ)[1]


def read_config(text: str, environ: Mapping[str, str]) -> Document:
    """Read a configuration file's text for running.

    Raises:
        ConfigError: with every finding.
    """
    values: dict[str, Value] = load(text)
    document, findings = parse_document(values, environ)
    if findings:
        raise ConfigError(findings)
    return document


class Collector:
    """Runs one configuration once: start, then shutdown.

    Args:
        document: the configuration.
        plan: whether processors that decide by identity may run by plan; without, each request goes through them all.
    """

    def __init__(self, document: Document, *, plan: bool = True) -> None:
        self._document = document
        self._plan = plan
        self._workers = ThreadPoolExecutor(1, thread_name_prefix="pipeline")
        self._learning = ThreadPoolExecutor(1, thread_name_prefix="learning")
        self._failed: asyncio.Future[BaseException] | None = None
        self._started: list[Node] = []
        self._servers: list[HttpServer] = []
        self._graph: Graph | None = None
        self.telemetry = Telemetry()

    @property
    def graph(self) -> Graph:
        """What was built; only once started."""
        assert self._graph is not None, "not started"
        return self._graph

    async def start(self) -> None:
        """Build and start everything; on an error what was started is stopped again.

        Raises:
            StartError: naming the component.
        """
        self._failed = asyncio.get_running_loop().create_future()
        try:
            for address in self._document.telemetry.readers:
                server = HttpServer("service.telemetry.metrics", address, self._telemetry_app())
                self._servers.append(server)
                await server.start()
            self._graph = build(
                self._document, self.telemetry, self._workers, self._fail, plan=self._plan, later=self._later
            )
            for node in self._graph.start_order():
                self._started.append(node)
                await node.component.start()
        except BaseException:
            await self.shutdown(grace_s=1.0)
            raise
        for _, extension in self._graph.extensions:
            extension.pipelines_ready(True)
        log.info("everything is ready; begin running and processing data")

    async def failed(self) -> BaseException:
        """Wait until a component has failed for good; returns why."""
        assert self._failed is not None, "not started"
        return await asyncio.shield(self._failed)

    async def shutdown(self, *, grace_s: float = 4.5) -> None:
        """Stop everything within about `grace_s`; errors are logged and do not stop the stopping. Safe twice."""
        deadline = asyncio.get_running_loop().time() + grace_s
        if self._graph is not None:
            for _, extension in self._graph.extensions:
                extension.pipelines_ready(False)
        while self._started:
            node = self._started.pop()
            try:
                async with asyncio.timeout_at(deadline):
                    await node.component.shutdown()
            except TimeoutError:
                log.error("did not stop in time, data may be lost component=%s", node.path)
            except Exception as error:  # noqa: BLE001 (the collector's loop: one component must not keep others running)
                log.error("stop failed component=%s error=%r", node.path, error)
        for server in self._servers:
            await server.stop()
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._learning.shutdown(wait=False, cancel_futures=True)

    def _later(self, work: Callable[[], None]) -> None:
        """Have it done in a thread; what fails there is logged. At most one waits for each shape of a payload."""

        def logged() -> None:
            try:
                work()
            except Exception:  # the plan is lost, not the data: that went the ordinary way
                log.exception("a plan could not be made")

        with suppress(RuntimeError):  # shut down by now
            self._learning.submit(logged)

    def _fail(self, path: str, error: BaseException) -> None:
        log.error("component failed component=%s", path, exc_info=error)
        if self._failed is not None and not self._failed.done():
            self._failed.set_result(StartError(path, repr(error)))

    def _telemetry_app(self) -> web.Application:
        async def page(_request: web.Request) -> web.Response:
            return web.Response(
                body=self.telemetry.render(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
            )

        app = web.Application()
        app.router.add_get("/metrics", page)
        return app
