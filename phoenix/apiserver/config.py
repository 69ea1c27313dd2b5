"""What can be configured about the API server."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from phoenix.apiserver.access.config import DEFAULT_LIMITS, Limits

DEFAULT_PORT = 7443
"""Port served when none is configured."""
DEFAULT_HISTORY = 20_000
"""Changes kept for watches when nothing is configured."""


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
        limits: how much is taken on at once.
        audit: record writes in `audit.log` of the state folder.
        audit_required: refuse writes while they cannot be recorded.
        tls_cert_file, tls_private_key_file: a given certificate (PEM, with its chain), served for the DNS names in it;
            read again when they change.
        client_ca_file: authorities whose client certificates are taken besides our own CA's; read again likewise.
        history: changes that stay watchable, for an hour at most.
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
    limits: Limits = DEFAULT_LIMITS
    audit: bool = True
    audit_required: bool = False
    tls_cert_file: Path | None = None
    tls_private_key_file: Path | None = None
    client_ca_file: Path | None = None
    history: int = DEFAULT_HISTORY

    def __post_init__(self) -> None:
        """Raises ValueError for what contradicts itself, or would serve the token in the clear to others."""
        if (self.tls_cert_file is None) != (self.tls_private_key_file is None):
            msg = "a certificate needs its key: give both tls_cert_file and tls_private_key_file, or neither"
            raise ValueError(msg)
        if not self.tls and (self.tls_cert_file or self.client_ca_file):
            msg = "certificates are of no use without TLS: leave tls on"
            raise ValueError(msg)
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
