"""The API server of a state folder: certificates, token, store, listening socket, and the way back out.

from phoenix.apiserver.server import ApiServer, ServerConfig

async with ApiServer(ServerConfig(state=Path("state"))) as server:
    print(server.url)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from aiohttp import web

from phoenix.aio.program import settle_collector
from phoenix.apiserver.access import builtin
from phoenix.apiserver.access.config import AccessConfig, AuditConfig
from phoenix.apiserver.app import ApiApp, create_app
from phoenix.apiserver.config import ServerConfig
from phoenix.apiserver.connections import ApiHttpServer
from phoenix.apiserver.credentials import ensure_token, ensure_token_key, write_client_files
from phoenix.apiserver.files import make_state_folder
from phoenix.apiserver.logs import LogSource
from phoenix.apiserver.servingtls import CertificateCollector, Given, ServingTls
from phoenix.apiserver.tls import ensure_certificates
from phoenix.samples.retention import keep_pruned
from phoenix.samples.storage import SampleStore
from phoenix.store.compaction import Retention
from phoenix.store.sqlite import StoreSettings, open_store

__all__ = ["ApiServer", "ServerConfig", "run"]

_LOGGER = logging.getLogger(__name__)
_BACKLOG = 2048
_DRAIN_S = 5.0


class ApiServer:
    """Serves the API from `start()` to `stop()`, on the running event loop.

    Between the two: `url` is where, `token` lets in, `ca_file` (None without TLS) says who it is; the same are in the
    state folder as endpoint.json, token, ca.crt and kubeconfig.
    """

    def __init__(self, config: ServerConfig, *, logs: LogSource | None = None) -> None:
        self._config = config
        self._logs = logs
        self._stack = contextlib.AsyncExitStack()
        self._app: ApiApp | None = None
        self.url = ""
        self.token = ""
        self._token_key = b""
        self.ca_file: Path | None = None

    @property
    def app(self) -> ApiApp:
        """The API being served. Raises RuntimeError before start."""
        if self._app is None:
            raise RuntimeError("the API server is not started")
        return self._app

    async def start(self) -> None:
        """Open everything and listen; when it returns, requests are answered.

        Raises:
            OSError: the address is in use or cannot be bound.
            UnusableCertificate: a given certificate cannot be used (an OSError, too).
            phoenix.store.errors.StoreError: the database cannot be opened (StoreLocked: another server has it).
            phoenix.samples.errors.SamplesUnavailable: neither can that of the samples.
        Cancellation: closes again what was opened.
        """
        config = self._config
        async with contextlib.AsyncExitStack() as stack:
            tls = await asyncio.to_thread(self._prepare_files)
            store = await stack.enter_async_context(open_store(config.state / "phoenix.db", _kept(config)))
            samples = await stack.enter_async_context(SampleStore(config.state / "samples.db"))
            app = create_app(
                store,
                samples,
                token=self.token,
                logs=self._logs,
                access=self._access_config(),
                request_log=config.request_log,
                bookmark_interval_s=config.bookmark_interval_s,
                watch_timeout_s=config.watch_timeout_s,
                watch_buffer_bytes=config.watch_buffer_bytes,
            )
            stack.push_async_callback(asyncio.to_thread, app.access.audit.stop)
            await asyncio.to_thread(app.access.audit.start)
            await app.lifecycle.ensure_default()
            await builtin.ensure(store, app.registry)
            app.fanout.start()
            stack.push_async_callback(app.fanout.stop)
            emptying = asyncio.create_task(app.lifecycle.run(), name="apiserver-namespaces")
            stack.push_async_callback(_cancel, emptying)
            stack.push_async_callback(_cancel, asyncio.create_task(keep_pruned(samples), name="apiserver-samples"))
            if tls is not None:
                app.metrics.add(CertificateCollector(tls))
                stack.push_async_callback(_cancel, asyncio.create_task(tls.watch(), name="apiserver-certificates"))
            port = await self._listen(stack, app, tls.context if tls is not None else None)
            host = config.client_host
            self.url = f"http{'s' if config.tls else ''}://{f'[{host}]' if ':' in host else host}:{port}"
            await asyncio.to_thread(write_client_files, config.state, self.url, self.token, self.ca_file)
            self._app = app
            app.health.ready = True
            self._stack = stack.pop_all()
        _LOGGER.info("serving url=%s revision=%d", self.url, store.revision)

    def _prepare_files(self) -> ServingTls | None:
        config = self._config
        make_state_folder(config.state)
        self.token = ensure_token(config.state)
        self._token_key = ensure_token_key(config.state)
        if not config.tls:
            return None
        names = [
            name for name in (config.host, config.advertise_host, *config.names) if name not in ("", "0.0.0.0", "::")
        ]
        certificates = ensure_certificates(config.state, names, now=datetime.now(UTC))
        self.ca_file = certificates.ca
        given = Given(config.tls_cert_file, config.tls_private_key_file, config.client_ca_file)
        return ServingTls(certificates, given, now=lambda: datetime.now(UTC))

    def _access_config(self) -> AccessConfig:
        config = self._config
        audit = AuditConfig(path=config.state / "audit.log" if config.audit else None, required=config.audit_required)
        return AccessConfig(limits=config.limits, audit=audit, key=self._token_key)

    async def _listen(self, stack: contextlib.AsyncExitStack, app: ApiApp, context: ssl.SSLContext | None) -> int:
        config = self._config
        runner = web.ServerRunner(ApiHttpServer(app, max_body_bytes=config.max_body_bytes), shutdown_timeout=_DRAIN_S)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        # Watches end before connections are drained, else each would hold the stop up to its limit.
        stack.push_async_callback(_end_watches, app)
        site = web.TCPSite(runner, config.host, config.port, ssl_context=context, backlog=_BACKLOG)
        await site.start()
        return int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening, end watches, let requests finish (5 s), close the databases; may be called twice."""
        if self._app is not None:
            self._app.health.ready = False
        await self._stack.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()


async def _end_watches(app: ApiApp) -> None:
    app.fanout.end_watches()
    app.logs.end()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOGGER.error("a background task of the server had failed", exc_info=error)


async def run(config: ServerConfig) -> None:
    """Serve until cancelled."""
    async with ApiServer(config):
        settle_collector()
        await asyncio.Event().wait()


def _kept(config: ServerConfig) -> StoreSettings:
    usual = Retention()
    least = min(usual.min_events, config.history)
    return StoreSettings(retention=replace(usual, min_events=least, max_events=config.history))
