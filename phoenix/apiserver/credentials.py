"""The admin token, and the files by which clients find the server: token, kubeconfig, endpoint.json (all 0600)."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from phoenix.apimachinery.errors import Unauthorized
from phoenix.apiserver.files import read_private, write_private

_TOKEN_BYTES = 32
_SCHEME = "bearer"


def ensure_token(state: Path) -> str:
    """The token in `state/token`; made when absent or empty."""
    found = read_private(state / "token")
    if found is not None and (token := found.decode("ascii", "replace").strip()):
        return token
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    write_private(state / "token", token.encode())
    return token


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Knows who is asking: the holder of the token, or nobody."""

    token: bytes

    def check(self, authorization: str | None) -> None:
        """Compare a request's Authorization header in constant time.

        Raises:
            Unauthorized: it is missing, another scheme, or another token.
        """
        scheme, _, given = (authorization or "").partition(" ")
        if scheme.lower() != _SCHEME or not hmac.compare_digest(
            given.strip().encode("utf-8", "surrogateescape"), self.token
        ):
            msg = (
                "send the token of the state folder as 'Authorization: Bearer TOKEN' (kubectl: --kubeconfig "
                "state/kubeconfig)"
            )
            raise Unauthorized(msg)


def write_client_files(state: Path, url: str, token: str, ca: Path | None) -> None:
    """Write kubeconfig and endpoint.json for this address. `ca` is None where there is no TLS."""
    write_private(state / "kubeconfig", _kubeconfig(url, token, ca).encode())
    endpoint = {
        "server": url,
        "caFile": str(ca.resolve()) if ca else "",
        "tokenFile": str((state / "token").resolve()),
    }
    write_private(state / "endpoint.json", json.dumps(endpoint, indent=1).encode())


def _kubeconfig(url: str, token: str, ca: Path | None) -> str:
    cluster = {"server": url}
    if ca is not None:
        cluster["certificate-authority-data"] = base64.b64encode(ca.read_bytes()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "phoenix", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "phoenix", "context": {"cluster": "phoenix", "user": "admin", "namespace": "default"}}],
        "current-context": "phoenix",
    }
    return json.dumps(config, indent=1) + "\n"  # JSON is YAML
