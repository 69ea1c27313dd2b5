"""The admin token, the key of signed tokens, and the files clients find the server by (kubeconfig, endpoint.json).

All are private (0600).
"""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path

from phoenix.apiserver.files import read_private, write_private

_TOKEN_BYTES = 32


def ensure_token(state: Path) -> str:
    """The token in `state/token`; made when absent or empty."""
    found = read_private(state / "token")
    if found is not None and (token := found.decode("ascii", "replace").strip()):
        return token
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    write_private(state / "token", token.encode())
    return token


def ensure_token_key(state: Path) -> bytes:
    """The key in `state/token.key`, which signs child programs' tokens; made when absent or too short."""
    found = read_private(state / "token.key")
    if found is not None and len(found) >= _TOKEN_BYTES:
        return found
    key = secrets.token_bytes(_TOKEN_BYTES)
    write_private(state / "token.key", key)
    return key


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
