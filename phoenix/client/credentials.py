"""How a kubeconfig's user proves who it is: token, token file, client certificate, or a program that says (exec)."""

from __future__ import annotations

import base64
import binascii
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from phoenix.client.errors import ConfigError
from phoenix.client.kubeconfig import Entry

_EXEC_TIMEOUT_S = 60.0
_EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What to show the server. Certificate and key are files, or PEM text where they came inside the kubeconfig."""

    token: str = field(default="", repr=False)
    cert_file: Path | None = None
    key_file: Path | None = None
    cert_data: str = field(default="", repr=False)
    key_data: str = field(default="", repr=False)
    impersonate: str = ""
    impersonate_groups: tuple[str, ...] = ()


def read_token(path: Path) -> str:
    """The token in a file. Raises ConfigError."""
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the token file {path} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise ConfigError(msg) from error


def decode_pem(data: str, key: str, path: Path) -> str:
    """PEM text from its base64 form in a kubeconfig. Raises ConfigError."""
    try:
        return base64.b64decode(data, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as error:
        msg = f"kubeconfig {path}: {key} is not base64 of PEM text"
        raise ConfigError(msg) from error


def credentials_of(user: Entry) -> Credentials:
    """The credentials of a kubeconfig's user; a program it names is run (up to a minute, it may ask on the terminal).

    Raises:
        ConfigError: files cannot be read, the program fails, or the user has something Phoenix does not take.
    """
    value = user.value
    who = {
        "impersonate": str(value.get("as") or ""),
        "impersonate_groups": tuple(map(str, value.get("as-groups") or ())),
    }
    cert, key = (_pem_or_file(user, name) for name in ("client-certificate", "client-key"))
    token = str(value.get("token") or "")
    if not token and (token_file := user.path_of("tokenFile")):
        token = read_token(token_file)
    if not token and not cert[0] and not cert[1] and isinstance(value.get("exec"), Mapping):
        return run_plugin(value["exec"], user.file, **who)
    if value and not token and not (cert[0] or cert[1]) and not who["impersonate"]:
        msg = (
            f"kubeconfig {user.file}: the user has no token and no client certificate ({', '.join(value)}); "
            "Phoenix takes token, tokenFile, client-certificate and exec"
        )
        raise ConfigError(msg)
    if bool(cert[0] or cert[1]) != bool(key[0] or key[1]):
        msg = f"kubeconfig {user.file}: the user needs both client-certificate and client-key"
        raise ConfigError(msg)
    return Credentials(token, cert[0], key[0], cert[1], key[1], **who)  # type: ignore[arg-type]


def _pem_or_file(user: Entry, name: str) -> tuple[Path | None, str]:
    data = user.value.get(f"{name}-data")
    if data:
        return None, decode_pem(str(data), f"{name}-data", user.file)
    return user.path_of(name), ""


def run_plugin(wanted: Mapping[str, Any], file: Path, **who: Any) -> Credentials:
    """Run an exec plugin and read its ExecCredential. Raises ConfigError."""
    command, version = str(wanted.get("command") or ""), str(wanted.get("apiVersion") or "")
    if version not in _EXEC_VERSIONS or not command:
        msg = f"kubeconfig {file}: exec needs a command and an apiVersion of {' or '.join(_EXEC_VERSIONS)}"
        raise ConfigError(msg)
    if os.sep in command:
        command = str(file.parent / command)
    asking = sys.stdin.isatty() and wanted.get("interactiveMode", "IfAvailable") != "Never"
    info = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": asking}}
    environment = {str(item["name"]): str(item["value"]) for item in wanted.get("env") or ()}
    words = [command, *map(str, wanted.get("args") or ())]
    try:
        done = subprocess.run(
            words,
            stdin=None if asking else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment, "KUBERNETES_EXEC_INFO": orjson.dumps(info).decode()},
            timeout=_EXEC_TIMEOUT_S,
            check=True,
        )
        status = orjson.loads(done.stdout)["status"]
        token, cert, key = (str(status.get(name) or "") for name in ("token", "clientCertificateData", "clientKeyData"))
    except (OSError, subprocess.SubprocessError) as error:
        hint = str(wanted.get("installHint") or "").strip()
        msg = f"kubeconfig {file}: the program for credentials failed: {error}" + (f"\n  {hint}" if hint else "")
        raise ConfigError(msg) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"kubeconfig {file}: {command} wrote no ExecCredential with a status to its output"
        raise ConfigError(msg) from error
    if not token and not (cert and key):
        msg = f"kubeconfig {file}: {command} gave neither a token nor a certificate with its key"
        raise ConfigError(msg)
    return Credentials(token, cert_data=cert, key_data=key, **who)
