"""Where the API server is and how to prove who is asking: from endpoint.json or a kubeconfig."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import orjson

from phoenix.client.credentials import Credentials, credentials_of, decode_pem, read_token
from phoenix.client.errors import ConfigError
from phoenix.client.kubeconfig import Entry, load


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
        skip_verify: the server's certificate is not checked.
        tls_server_name: the name its certificate must have; empty: that of the address.
        cert_file, key_file: PEM of a client certificate and its key; or as text, cert_data and key_data.
        impersonate, impersonate_groups: act as this user; the server decides whether the asking one may.
    """

    server: str
    ca_file: Path | None = None
    token: str = field(default="", repr=False)
    ca_data: str = field(default="", repr=False)
    source: Path | None = None
    namespace: str = ""
    skip_verify: bool = False
    tls_server_name: str = ""
    cert_file: Path | None = None
    key_file: Path | None = None
    cert_data: str = field(default="", repr=False)
    key_data: str = field(default="", repr=False)
    impersonate: str = ""
    impersonate_groups: tuple[str, ...] = ()

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
            token=read_token(path.parent / token_file),
            source=path,
        )

    @classmethod
    def from_kubeconfig(
        cls,
        path: Path | str | Sequence[Path],
        context: str | None = None,
        *,
        cluster: str | None = None,
        user: str | None = None,
    ) -> Self:
        """Read a kubeconfig, or several merged, as kubectl does: context, its cluster, its user's credentials.

        Args:
            path: a file, or files of which the first that names a thing counts.
            context: instead of the current one.
            cluster, user: instead of the context's.

        Raises:
            ConfigError: a file is missing or wrong, a name is not there, or the credentials cannot be used.
        """
        files = [Path(path)] if isinstance(path, str | Path) else list(path)
        config = load(files)
        name = context or config.current
        if not name and not cluster:
            msg = f"{config.named} has no current-context: name one with --context ({config.listed('contexts')})"
            raise ConfigError(msg)
        chosen = config.entry("contexts", name).value if name else {}
        at = config.entry("clusters", cluster or str(chosen.get("cluster", "")))
        user = user or str(chosen.get("user") or "")
        return cls._of(at, config.entry("users", user) if user else None, chosen)

    @classmethod
    def _of(cls, cluster: Entry, user: Entry | None, context: Mapping[str, Any]) -> Self:
        server = cluster.value.get("server")
        if not server:
            msg = f"{cluster.file}: cluster {context.get('cluster')!r} has no server"
            raise ConfigError(msg)
        if cluster.value.get("proxy-url"):
            msg = f"{cluster.file}: Phoenix goes through no proxy: take proxy-url out of the cluster"
            raise ConfigError(msg)
        ca_data = cluster.value.get("certificate-authority-data")
        return cls(
            server=str(server).rstrip("/"),
            ca_file=None if ca_data else cluster.path_of("certificate-authority"),
            ca_data=decode_pem(str(ca_data), "certificate-authority-data", cluster.file) if ca_data else "",
            namespace=str(context.get("namespace") or ""),
            skip_verify=bool(cluster.value.get("insecure-skip-tls-verify", False)),
            tls_server_name=str(cluster.value.get("tls-server-name") or ""),
            **({} if user is None else _fields(credentials_of(user))),
        )

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What says who is asking, with every request."""
        said = [("Authorization", f"Bearer {self.token}")] if self.token else []
        if self.impersonate:
            said.append(("Impersonate-User", self.impersonate))
        said += [("Impersonate-Group", group) for group in self.impersonate_groups]
        return tuple(said)

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
        self._load_certificate(tls)
        return tls

    def _load_certificate(self, tls: ssl.SSLContext) -> None:
        try:
            if self.cert_file is not None:
                tls.load_cert_chain(self.cert_file, self.key_file)
            elif self.cert_data:
                # NB: OpenSSL takes files only. This one is private, and gone when this returns.
                with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
                    file.write(self.cert_data.rstrip() + "\n" + self.key_data)
                    file.flush()
                    tls.load_cert_chain(file.name)
        except (OSError, ssl.SSLError) as error:
            msg = f"the client certificate {self.cert_file or 'in the kubeconfig'} cannot be used: {error}"
            raise ConfigError(msg) from error

    def reload(self) -> ClientConfig:
        """The config as its source says now; itself where it has none or the source cannot be read just now."""
        if self.source is None:
            return self
        try:
            return ClientConfig.from_endpoint_file(self.source)
        except ConfigError:
            # NB: the file may be half a restart away; the old address is as good as none until it is back.
            return self


def _fields(found: Credentials) -> dict[str, Any]:
    return {field.name: getattr(found, field.name) for field in fields(found)}
