"""The TLS context that is listened with: our own certificate, a given one for the names in it, client certificates.

Given files are looked at every few seconds and read again when they change; what cannot be read is said, and the last
good one goes on. A handshake is given its context by the name the client asks for, so that nothing is ever closed.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from phoenix.apiserver.tls import Certificates

_LOGGER = logging.getLogger(__name__)
_LOOK_EVERY_S = 5.0
_WARN_BEFORE = timedelta(days=30)
_WARN_EVERY = timedelta(days=1)


class UnusableCertificate(OSError):
    """A given certificate, key or authority cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Given:
    """Files somebody else keeps: certificate with key, and authorities of client certificates."""

    cert: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """Those that are named."""
        return tuple(path for path in (self.cert, self.key, self.client_ca) if path is not None)


class ServingTls:
    """Contexts for handshakes. `context` is the one to listen with; run `watch` as a task."""

    def __init__(self, own: Certificates, given: Given, *, now: Callable[[], datetime]) -> None:
        """Read everything. Raises UnusableCertificate."""
        self._own, self._given, self._now = own, given, now
        self._seen = self._signature()
        self._own_context, self._given_context, self._names = self._load()
        self._warned: dict[str, datetime] = {}
        self.context = self._make(own.cert, own.key)
        self.context.sni_callback = self._choose
        self.warn_of_expiry()

    async def watch(self) -> None:
        """Look at the files until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            await asyncio.to_thread(self.refresh)

    def refresh(self) -> None:
        """Read given files again where they changed; warn of certificates that end soon."""
        signature = self._signature()
        if signature != self._seen:
            self._seen = signature
            try:
                self._own_context, self._given_context, self._names = self._load()
            except UnusableCertificate as error:
                _LOGGER.error("a changed certificate cannot be used, the one before goes on: %s", error)
            else:
                _LOGGER.info("certificates read again files=%s", ",".join(map(str, self._given.files)))
        self.warn_of_expiry()

    def warn_of_expiry(self) -> None:
        """Say, once a day, which certificates end within 30 days."""
        now = self._now()
        for name, ends in self.expirations().items():
            last = self._warned.get(name)
            if ends - now < _WARN_BEFORE and (last is None or now - last >= _WARN_EVERY):
                self._warned[name] = now
                _LOGGER.warning("a certificate ends soon certificate=%s ends=%s", name, ends.isoformat())

    def expirations(self) -> dict[str, datetime]:
        """When each certificate ends, by its role: `ca`, `server`, `given`, `client-ca` (the first of several)."""
        paths = {"ca": self._own.ca, "server": self._own.cert, "given": self._given.cert,
                 "client-ca": self._given.client_ca}  # fmt: skip
        found: dict[str, datetime] = {}
        for name, path in paths.items():
            if path is not None:
                try:
                    found[name] = min(one.not_valid_after_utc for one in _certificates(path))
                except UnusableCertificate:
                    continue  # said where it is read
        return found

    def covers(self, host: str) -> bool:
        """Whether the given certificate is served to who connects to a name."""
        return any(_matches(pattern, host.lower()) for pattern in self._names)

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        """Give a handshake its context. Addresses are asked for without a name: they are our own certificate's."""
        given = self._given_context
        connection.context = given if given is not None and name and self.covers(name) else self._own_context

    def _signature(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stat(path) for path in self._given.files)

    def _load(self) -> tuple[ssl.SSLContext, ssl.SSLContext | None, tuple[str, ...]]:
        own = self._make(self._own.cert, self._own.key)
        if self._given.cert is None or self._given.key is None:
            return own, None, ()
        names = _dns_names(_certificates(self._given.cert)[0])
        if not names:
            msg = f"{self._given.cert} names no DNS name: clients that ask for an address get our own certificate"
            raise UnusableCertificate(msg)
        return own, self._make(self._given.cert, self._given.key), names

    def _make(self, cert: Path, key: Path) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(cert, key)
        except (OSError, ssl.SSLError) as error:
            msg = f"certificate {cert} with key {key} cannot be used: {error}"
            raise UnusableCertificate(msg) from error
        for authority in (self._own.ca, self._given.client_ca):
            if authority is not None:
                _trust(context, authority)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context


def _trust(context: ssl.SSLContext, authority: Path) -> None:
    try:
        context.load_verify_locations(authority)
    except (OSError, ssl.SSLError) as error:
        msg = f"the authority of client certificates {authority} cannot be used: {error}"
        raise UnusableCertificate(msg) from error


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        msg = f"certificate {path} cannot be read: {error.strerror}"
        raise UnusableCertificate(msg) from error
    except ValueError as error:
        msg = f"{path} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"
        raise UnusableCertificate(msg) from error


def _dns_names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(name.lower() for name in names.get_values_for_type(x509.DNSName))


def _matches(pattern: str, host: str) -> bool:
    """As TLS clients match: a star stands for one whole first label."""
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern[2:]
    return pattern == host


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class CertificateCollector(Collector):
    """When certificates end, for /metrics."""

    def __init__(self, tls: ServingTls) -> None:
        self._ends = tls.expirations

    def collect(self) -> Iterator[Metric]:
        """One gauge, by certificate."""
        gauge = GaugeMetricFamily(
            "phoenix_apiserver_certificate_ends_timestamp_seconds", "When a certificate ends.", labels=("certificate",)
        )
        for name, ends in self._ends().items():
            gauge.add_metric((name,), ends.astimezone(UTC).timestamp())
        yield gauge
