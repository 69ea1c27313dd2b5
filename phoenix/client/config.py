"""Where the API server is and how to prove who is asking: from endpoint.json or a kubeconfig."""

from __future__ import annotations

import base64
import binascii
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from phoenix.client.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """An address and credentials.

    Args:
        server: base URL, `https://127.0.0.1:7443`, without a slash at the end.
        ca_file: PEM of the authority that signed the server's certificate; None: the system's authorities.
        token: bearer token; empty: none is sent.
        ca_data: PEM text used instead of ca_file.
        source: endpoint.json this came from, read again when the server no longer answers; None: fixed.
        namespace: the kubeconfig context's namespace; empty: none is set.
    """

    server: str
    ca_file: Path | None = None
    token: str = field(default="", repr=False)
    ca_data: str = field(default="", repr=False)
    source: Path | None = None
    namespace: str = ""
    skip_verify: bool = False

    @classmethod
    def from_endpoint_file(cls, path: Path | str) -> Self:
        """Read the endpoint.json that `up`, `serve` or `agent` keeps in its state folder.

        Raises:
            ConfigError: the file, or the CA or token file it names, is missing or wrong.
        """
        path = Path(path)
        try:
            wire = orjson.loads(path.read_bytes())
            server, ca_file, token_file = wire["server"], Path(wire["caFile"]), Path(wire["tokenFile"])
        except FileNotFoundError as error:
            msg = f"{path} does not exist: start Phoenix with `phoenixctl up`, or name the right state folder"
            raise ConfigError(msg) from error
        except OSError as error:
            msg = f"{path} cannot be read: {error.strerror}; it belongs to the user who started Phoenix"
            raise ConfigError(msg) from error
        except (ValueError, KeyError, TypeError) as error:
            msg = f"{path} is not an endpoint file (server, caFile, tokenFile): start Phoenix again to rewrite it"
            raise ConfigError(msg) from error
        return cls(
            server=str(server).rstrip("/"),
            ca_file=path.parent / ca_file,
            token=_read_token(path.parent / token_file),
            source=path,
        )

    @classmethod
    def from_kubeconfig(cls, path: Path | str, context: str | None = None) -> Self:
        """Read a kubeconfig as kubectl does: current-context, its cluster, its user's token.

        Raises:
            ConfigError: the file is missing or wrong, or the user has credentials other than a token.
        """
        path = Path(path)
        config = _load_kubeconfig(path)
        name = context or str(config.get("current-context") or "")
        if not name:
            msg = f"{path} has no current-context: name one with --context ({_names(config, 'contexts')})"
            raise ConfigError(msg)
        chosen = _named(config, "contexts", "context", name, path)
        cluster = _named(config, "clusters", "cluster", str(chosen.get("cluster", "")), path)
        user = _named(config, "users", "user", str(chosen["user"]), path) if chosen.get("user") else {}
        server = cluster.get("server")
        if not server:
            msg = f"{path}: cluster {chosen.get('cluster')!r} has no server"
            raise ConfigError(msg)
        ca_data = cluster.get("certificate-authority-data")
        ca_file = cluster.get("certificate-authority")
        return cls(
            server=str(server).rstrip("/"),
            ca_file=path.parent / ca_file if ca_file and not ca_data else None,
            ca_data=_decode_pem(str(ca_data), path) if ca_data else "",
            token=_user_token(user, path),
            namespace=str(chosen.get("namespace") or ""),
            skip_verify=bool(cluster.get("insecure-skip-tls-verify", False)),
        )

    def ssl_context(self) -> ssl.SSLContext | None:
        """TLS as configured, None for a plain http address. Raises ConfigError where the CA cannot be used."""
        if not self.server.startswith("https:"):
            return None
        try:
            tls = ssl.create_default_context(
                cafile=str(self.ca_file) if self.ca_file and not self.ca_data else None, cadata=self.ca_data or None
            )
        except (OSError, ssl.SSLError) as error:
            msg = f"the certificate authority {self.ca_file or 'in the kubeconfig'} cannot be used: {error}"
            raise ConfigError(msg) from error
        if self.skip_verify:
            tls.check_hostname = False
            tls.verify_mode = ssl.CERT_NONE
        return tls

    def reload(self) -> ClientConfig:
        """The config as its source says now; itself where it has none or the source cannot be read just now."""
        if self.source is None:
            return self
        try:
            return ClientConfig.from_endpoint_file(self.source)
        except ConfigError:
            # NB: the file may be half a restart away; the old address is as good as none until it is back.
            return self


def _read_token(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        msg = f"the token file {path} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error


def _load_kubeconfig(path: Path) -> Mapping[str, Any]:
    try:
        config = YAML(typ="safe", pure=True).load(path.read_text())
    except FileNotFoundError as error:
        msg = f"kubeconfig {path} does not exist: start Phoenix with `phoenixctl up`, or give --kubeconfig"
        raise ConfigError(msg) from error
    except OSError as error:
        msg = f"kubeconfig {path} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error
    except (YAMLError, UnicodeDecodeError) as error:
        msg = f"kubeconfig {path} is not YAML: {error}"
        raise ConfigError(msg) from error
    if not isinstance(config, Mapping):
        msg = f"kubeconfig {path} holds no mapping"
        raise ConfigError(msg)
    return config


def _names(config: Mapping[str, Any], section: str) -> str:
    entries = config.get(section)
    names = [str(entry.get("name")) for entry in entries or () if isinstance(entry, Mapping)]
    return f"{section} there: {', '.join(names)}" if names else f"it has no {section}"


def _named(config: Mapping[str, Any], section: str, part: str, name: str, path: Path) -> Mapping[str, Any]:
    entries = config.get(section)
    for entry in entries if isinstance(entries, Sequence) else ():
        if isinstance(entry, Mapping) and entry.get("name") == name and isinstance(entry.get(part), Mapping):
            found: Mapping[str, Any] = entry[part]
            return found
    msg = f"kubeconfig {path} has no {part} {name!r}: {_names(config, section)}"
    raise ConfigError(msg)


def _user_token(user: Mapping[str, Any], path: Path) -> str:
    if token := user.get("token"):
        return str(token)
    if token_file := user.get("tokenFile"):
        return _read_token(path.parent / str(token_file))
    if user:
        msg = f"kubeconfig {path}: the user has no token; Phoenix reads token and tokenFile only"
        raise ConfigError(msg)
    return ""


def _decode_pem(data: str, path: Path) -> str:
    try:
        return base64.b64decode(data, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as error:
        msg = f"kubeconfig {path}: certificate-authority-data is not base64 of PEM text"
        raise ConfigError(msg) from error
