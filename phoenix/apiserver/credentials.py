"""The admin token, the key of signed tokens, and the files clients find the server by (kubeconfig, endpoint.json).

All are private (0600).
"""

from __future__ import annotations

import base64
import json
import logging
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from phoenix.apiserver.files import read_private, write_private

_log = logging.getLogger(__name__)
_TOKEN_BYTES = 32
_NAME, _USER = "phoenix", "admin"


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
    """Write kubeconfig and endpoint.json for this address. `ca` is None where there is no TLS.

    Contexts, users and a namespace that somebody set in that kubeconfig stay.
    """
    kubeconfig = state / "kubeconfig"
    write_private(kubeconfig, _kubeconfig(url, token, ca, _read_kubeconfig(kubeconfig)).encode())
    endpoint = {
        "server": url,
        "caFile": str(ca.resolve()) if ca else "",
        "tokenFile": str((state / "token").resolve()),
    }
    write_private(state / "endpoint.json", json.dumps(endpoint, indent=1).encode())


def _kubeconfig(url: str, token: str, ca: Path | None, found: Mapping[str, Any]) -> str:
    """The kubeconfig `found`, with our cluster, user and context in it; what others put there stays.

    Of our context the namespace stays, and with it the current context, where there is one of that name.
    """
    cluster = {"server": url}
    if ca is not None:
        cluster["certificate-authority-data"] = base64.b64encode(ca.read_bytes()).decode()
    known = next((entry for entry in _entries(found, "contexts") if entry.get("name") == _NAME), {})
    before = known.get("context")
    context = {"namespace": "default"} | (before if isinstance(before, dict) else {})
    context |= {"cluster": _NAME, "user": _USER}
    contexts = _with(found, "contexts", {"name": _NAME, "context": context})
    current = found.get("current-context")
    config = {
        **found,
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": _with(found, "clusters", {"name": _NAME, "cluster": cluster}),
        "users": _with(found, "users", {"name": _USER, "user": {"token": token}}),
        "contexts": contexts,
        "current-context": current if any(entry["name"] == current for entry in contexts) else _NAME,
    }
    return json.dumps(config, indent=1) + "\n"  # JSON is YAML


def _with(found: Mapping[str, Any], section: str, ours: dict[str, Any]) -> list[dict[str, Any]]:
    """A list of named entries, ours first, instead of an older one of its name."""
    return [ours, *(entry for entry in _entries(found, section) if entry.get("name") not in (None, ours["name"]))]


def _entries(found: Mapping[str, Any], section: str) -> list[dict[str, Any]]:
    entries = found.get(section)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _read_kubeconfig(path: Path) -> dict[str, Any]:
    """What is there; nothing where it cannot be read: then it was of use to nobody."""
    content = read_private(path)
    if content is None:
        return {}
    try:
        # NB: what kubectl changed it writes back as YAML.
        found = YAML(typ="safe", pure=True).load(content.decode())
        json.dumps(found)
    except (YAMLError, UnicodeDecodeError, TypeError, ValueError) as error:
        _log.warning("%s could not be read and is written anew: %s", path, error)
        return {}
    return found if isinstance(found, dict) else {}
