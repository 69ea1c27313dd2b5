"""Certificates: one CA a state folder, one server certificate signed by it, both reused until they no longer fit.

kubectl sends its token over TLS only, so TLS is on by default and needs no set-up by people.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from phoenix.apiserver.files import read_private, write_private

_CA_LIFE = timedelta(days=3650)
_SERVER_LIFE = timedelta(days=825)  # the longest life clients on macOS accept
_RENEW_BEFORE = timedelta(days=30)
_SKEW = timedelta(minutes=5)
_STANDARD_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Certificates:
    """Where the certificates are."""

    ca: Path
    cert: Path
    key: Path


def ensure_certificates(state: Path, names: Sequence[str], *, now: datetime) -> Certificates:
    """Make what is missing, expiring or names the wrong hosts; keep the rest, so that kubeconfigs stay good.

    Files (0600): ca.crt, ca.key, server.crt, server.key in `state`.
    """
    files = Certificates(state / "ca.crt", state / "server.crt", state / "server.key")
    ca, ca_key, made = _ensure_ca(state, now)
    wanted = frozenset((*_STANDARD_NAMES, *names))
    if made or not _fits(files, wanted, ca, now):
        _make_server(files, wanted, ca, ca_key, now)
    return files


def _ensure_ca(state: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey, bool]:
    cert_pem, key_pem = read_private(state / "ca.crt"), read_private(state / "ca.key")
    if cert_pem is not None and key_pem is not None:
        ca, key = x509.load_pem_x509_certificate(cert_pem), serialization.load_pem_private_key(key_pem, None)
        if ca.not_valid_after_utc - _RENEW_BEFORE > now and isinstance(key, ec.EllipticCurvePrivateKey):
            return ca, key, False
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "phoenix-ca")])
    ca = (
        _builder(name, name, key, now, _CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_private(state / "ca.key", _key_pem(key))
    write_private(state / "ca.crt", ca.public_bytes(serialization.Encoding.PEM))
    return ca, key, True


def _fits(files: Certificates, wanted: frozenset[str], ca: x509.Certificate, now: datetime) -> bool:
    cert_pem, key_pem = read_private(files.cert), read_private(files.key)
    if cert_pem is None or key_pem is None:
        return False
    cert = x509.load_pem_x509_certificate(cert_pem)
    names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    has = {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
    return wanted <= has and cert.not_valid_after_utc - _RENEW_BEFORE > now and cert.issuer == ca.subject


def _make_server(
    files: Certificates, names: frozenset[str], ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey, now: datetime
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "phoenix-apiserver")])
    cert = (
        _builder(subject, ca.subject, key, now, _SERVER_LIFE)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in sorted(names)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    write_private(files.key, _key_pem(key))
    write_private(files.cert, cert.public_bytes(serialization.Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - _SKEW)
        .not_valid_after(now.astimezone(UTC) + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=ca, crl_sign=ca, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
