"""Certificate authorities and what they sign, for tests."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey


class Authority:
    """One that is made, or one whose files are there."""

    def __init__(self, folder: Path, name: str) -> None:
        self.cert_file = folder / f"{name}.crt"
        if not self.cert_file.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
            made = _builder(subject, subject, key, timedelta(days=90)).add_extension(
                x509.BasicConstraints(ca=True, path_length=None), critical=True
            )
            self.cert_file.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
            _write_key(folder / f"{name}.key", key)
        self.cert = x509.load_pem_x509_certificate(self.cert_file.read_bytes())
        loaded = serialization.load_pem_private_key((folder / f"{name}.key").read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        self.key: Key = loaded

    def sign(
        self, cert_file: Path, key_file: Path, *, common_name: str = "", organizations: tuple[str, ...] = (),
        names: tuple[str, ...] = (), life: timedelta = timedelta(days=60),
    ) -> None:  # fmt: skip
        """Write a certificate and its key: of a person, or of a server with these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, one) for one in organizations]
        if common_name:
            parts.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
        made = _builder(x509.Name(parts), self.cert.subject, key, life)
        if names:
            made = made.add_extension(x509.SubjectAlternativeName([_name(one) for one in names]), critical=False)
        signed = made.sign(self.key, hashes.SHA256())
        _write_key(key_file, key)
        cert_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, life: timedelta) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number())
    return made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + life)


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _write_key(path: Path, key: Key) -> None:
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
