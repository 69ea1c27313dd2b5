"""What can be configured about the API server."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORT = 7443
"""Port served when none is configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """Configuration of one API server.

    Args:
        state: folder for database, certificates, token, kubeconfig; made with mode 0700 when absent.
        host: address to bind; loopback unless told otherwise.
        port: TCP port; 0 takes any free one (then see `ApiServer.url`).
        tls: False serves plain HTTP, for benchmarks on loopback only (kubectl sends no token over it).
        names: further host names or addresses for the server certificate.
        advertise_host: host in the URL handed to clients; empty means `host` (127.0.0.1 for a wildcard).
        request_log: log each request at INFO (method, path, code, duration).
        bookmark_interval_s: seconds between bookmarks on watches that allow them.
        watch_timeout_s: seconds after which a watch without timeoutSeconds ends (clients go on from where they were).
        watch_buffer_bytes: unsent bytes a watcher may have before it is closed as too slow.
        max_body_bytes: largest request body.
    """

    state: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    tls: bool = True
    names: tuple[str, ...] = ()
    advertise_host: str = ""
    request_log: bool = False
    bookmark_interval_s: float = 60.0
    watch_timeout_s: float = 3600.0
    watch_buffer_bytes: int = 16 << 20
    max_body_bytes: int = 3 << 20

    def __post_init__(self) -> None:
        """Raises ValueError for a configuration that would serve the token in the clear to others."""
        if not self.tls and not is_loopback(self.host):
            msg = f"host {self.host} is not loopback: plain HTTP would send the token in the clear; leave tls on"
            raise ValueError(msg)

    @property
    def client_host(self) -> str:
        """Host clients connect to."""
        if self.advertise_host:
            return self.advertise_host
        return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
