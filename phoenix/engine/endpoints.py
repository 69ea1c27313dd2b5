"""Addresses to listen on: reading them from configuration, and an HTTP server that says plainly why it cannot start."""

from __future__ import annotations

import errno
from contextlib import suppress
from dataclasses import dataclass

import psutil
from aiohttp import web

from phoenix.engine.config.section import Section
from phoenix.engine.config.values import Unresolved
from phoenix.engine.errors import StartError


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen; an empty host is every address."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def listen_address(section: Section, key: str, default: str) -> ListenAddress:
    """Read `host:port` (`:port` is every address, `[::1]:port` is IPv6)."""
    text = section.string(key, default)
    host, colon, port = text.rpartition(":")
    unresolved = isinstance(text, Unresolved)
    if not unresolved and not text:
        section.fault(key, f"requires a non-empty '{key}'", "write host:port, such as 127.0.0.1:4318")
    elif not unresolved and (not colon or not port.isdigit() or int(port) > 65535):
        section.fault(key, f"{text!r} is no listening address", "write host:port, such as 127.0.0.1:4318")
    elif colon and port.isdigit():
        return ListenAddress(host.strip("[]"), int(port))
    return ListenAddress("127.0.0.1", 0)


def cannot_listen(address: ListenAddress, error: OSError) -> str:
    """Why an address cannot be listened on, and what to change. Blocks for some 10 ms where its port is taken."""
    if error.errno != errno.EADDRINUSE:
        return f"cannot listen on {address}: {error.strerror or error}; choose another address"
    reason = f"address already in use{_by(address.port)}"
    return f"cannot listen on {address}: {reason}; stop what listens there, or choose another port"


def _by(port: int) -> str:
    """` by pid 12 (nginx)`; empty where the system does not show who listens, as of other users' processes."""
    with suppress(psutil.Error, OSError):
        for found in psutil.net_connections("tcp"):
            if found.status == psutil.CONN_LISTEN and found.laddr and found.laddr.port == port and found.pid:
                return f" by pid {found.pid} ({psutil.Process(found.pid).name()})"
    return ""


_WITHOUT_EFFECT = (
    "read_timeout", "read_header_timeout", "write_timeout", "idle_timeout", "keep_alives_enabled",
)  # fmt: skip


def server_settings(section: Section) -> None:
    """Read what the Collector has for every HTTP server: time limits, which change nothing here, and the transport."""
    for key in _WITHOUT_EFFECT:
        section.raw(key)
    section.choice("transport", ("tcp",), "tcp")


class HttpServer:
    """One aiohttp application on one address; `start` and `stop` are safe twice.

    `stop` closes the listening socket first, then lets requests under way finish for `grace_s`.
    """

    def __init__(self, component: str, address: ListenAddress, app: web.Application, *, grace_s: float = 1.0) -> None:
        self._component = component
        self._address = address
        self._app = app
        self._grace_s = grace_s
        self._runner: web.AppRunner | None = None
        self.port = address.port
        """the port listened on, once started: differs from the configured one where that was 0"""

    async def start(self) -> None:
        """Listen.

        Raises:
            StartError: the address cannot be had; the message says why and what to change.
        """
        self._runner = web.AppRunner(
            self._app, access_log=None, shutdown_timeout=self._grace_s, handle_signals=False, auto_decompress=False
        )
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, self._address.host or None, self._address.port)
            await site.start()
        except OSError as error:
            await self.stop()
            raise StartError(self._component, cannot_listen(self._address, error)) from error
        if self._address.port == 0:
            self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and end what is connected."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
