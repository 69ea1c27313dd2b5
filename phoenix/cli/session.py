"""What every command has: where to write, whom to ask, in which namespace."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

from phoenix.cli.errors import CliError, UsageError
from phoenix.cli.style import Style

if TYPE_CHECKING:
    from phoenix.client.config import ClientConfig
    from phoenix.client.http import HttpClient

_TIMEOUT_S = 30.0
_WIDE = 100_000
_FOR_EVER_S = 10.0**6


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """Flags every verb takes; None: not given. As kubectl's, but for `state`."""

    state: Path | None = None
    kubeconfig: Path | None = None
    context: str | None = None
    cluster: str | None = None
    user: str | None = None
    namespace: str | None = None
    server: str | None = None
    token: str | None = None
    ca_file: Path | None = None
    skip_verify: bool = False
    impersonate: str | None = None
    impersonate_groups: tuple[str, ...] = ()
    request_timeout_s: float | None = None

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Self:
        """Raises UsageError where they contradict each other."""

        def given(name: str) -> Any:
            return getattr(arguments, name, None) or None

        found = cls(
            state=Path(arguments.state) if given("state") else None,
            kubeconfig=Path(arguments.kubeconfig).expanduser() if given("kubeconfig") else None,
            context=given("context"),
            cluster=given("cluster"),
            user=given("user"),
            namespace=given("namespace"),
            server=given("server"),
            token=given("token"),
            ca_file=Path(arguments.certificate_authority) if given("certificate_authority") else None,
            skip_verify=bool(given("insecure_skip_tls_verify")),
            impersonate=given("impersonate"),
            impersonate_groups=tuple(given("impersonate_group") or ()),
            request_timeout_s=_timeout_s(given("request_timeout")),
        )
        if found.state and found.kubeconfig:
            raise UsageError("--state and --kubeconfig each name a server", "give one of them")
        if found.server and not found.server.startswith(("https://", "http://")):
            raise UsageError(f'--server "{found.server}" is no URL', "write it as https://HOST:PORT")
        if found.skip_verify and found.ca_file:
            raise UsageError("--insecure-skip-tls-verify and --certificate-authority contradict each other")
        if found.impersonate_groups and not found.impersonate:
            raise UsageError("--as-group needs --as", "write --as USER --as-group GROUP")
        return found


def _timeout_s(text: str | None) -> float | None:
    if text is None:
        return None
    from phoenix.cli.options import duration_s

    try:
        return duration_s(text)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"--request-timeout: {error}", "write 30s, 1m, or 0 for no limit") from error


class Session:
    """One run of a command."""

    def __init__(self, options: GlobalOptions, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.options = options
        self.out = out if out is not None else sys.stdout
        self.err = err if err is not None else sys.stderr
        self.style = Style.of(self.out)
        self._err_style = Style.of(self.err)

    # ---- words ------------------------------------------------------------------------------------------------------

    @property
    def width(self) -> int:
        """Columns a table may have: the terminal's, or $COLUMNS. Without either nothing is cut: a program reads it."""
        if self.out.isatty() or os.environ.get("COLUMNS", "").isdigit():
            return shutil.get_terminal_size().columns
        return _WIDE

    def line(self, text: str = "") -> None:
        """One line to stdout."""
        self.out.write(text + "\n")

    def note(self, text: str) -> None:
        """One line to stderr that is no error."""
        self.err.write(self._err_style.dim(_in_their_words(text)) + "\n")
        self.err.flush()

    def warn(self, text: str) -> None:
        """One warning to stderr."""
        self.err.write(f"{self._err_style.yellow('Warning:')} {text}\n")

    def error(self, message: str, hint: str = "") -> None:
        """One error to stderr: what is wrong and where, then what to do."""
        self.out.flush()
        said = _in_their_words(message + (f"\n  {hint}" if hint else ""))
        self.err.write(f"{self._err_style.red('error:')} {said}\n")

    # ---- the server -------------------------------------------------------------------------------------------------

    @cached_property
    def state(self) -> Path | None:
        """The state folder to use: --state, $PHOENIX_STATE, ./state if Phoenix was ever started there; else None."""
        named = self.options.state or (Path(os.environ["PHOENIX_STATE"]) if os.environ.get("PHOENIX_STATE") else None)
        if named is not None:
            return named
        if self.options.server is not None or (is_plugin() and any(path.exists() for path in _kubectl_files())):
            return None  # NB: its token is not for a server that somebody names
        return Path("state") if Path("state/endpoint.json").exists() else None

    @cached_property
    def kubeconfig_files(self) -> tuple[Path, ...]:
        """The kubeconfigs that count: --kubeconfig, else the state folder's, else $KUBECONFIG's, else kubectl's own.

        With --context, --cluster or --user the files after the state folder's count, too.
        """
        if self.options.kubeconfig is not None:
            return (self.options.kubeconfig,)
        if self.state is None:
            return _kubectl_files()
        return (self.state / "kubeconfig", *(_kubectl_files() if self._names_entries else ()))

    @property
    def _names_entries(self) -> bool:
        return bool(self.options.context or self.options.cluster or self.options.user)

    @cached_property
    def config(self) -> ClientConfig:
        """Address and credentials. Raises CliError, ConfigError."""
        from dataclasses import replace

        options = self.options
        changes: dict[str, Any] = {
            "server": options.server.rstrip("/") if options.server else None,
            "token": options.token,
            "ca_file": options.ca_file,
            "ca_data": "" if options.ca_file or options.skip_verify else None,
            "skip_verify": options.skip_verify or None,
            "impersonate": options.impersonate,
            "impersonate_groups": options.impersonate_groups or None,
        }
        changes = {name: value for name, value in changes.items() if value is not None}
        found = self._found_config()
        # NB: what flags say must not be lost when the server moves and its files are read again.
        return replace(found, **changes, source=None) if changes else found

    def _found_config(self) -> ClientConfig:
        from phoenix.client.config import ClientConfig

        options, files = self.options, self.kubeconfig_files
        if self.state is not None and options.kubeconfig is None and not self._names_entries:
            return ClientConfig.from_endpoint_file(self.state / "endpoint.json")
        if options.kubeconfig is not None or self._names_entries or any(path.exists() for path in files):
            return ClientConfig.from_kubeconfig(files, options.context, cluster=options.cluster, user=options.user)
        if options.server is not None:
            return ClientConfig(options.server)
        raise CliError(
            "there is no Phoenix here: ./state does not exist",
            "start one with `phoenixctl up`, or name one with --state DIR, --kubeconfig FILE or $PHOENIX_STATE",
        )

    @cached_property
    def namespace(self) -> str:
        """-n, else the context's, else `default`."""
        return self.options.namespace or self._context_namespace() or "default"

    def _context_namespace(self) -> str:
        if self.state is None or self.options.kubeconfig is not None or self._names_entries:
            return self.config.namespace
        from phoenix.client.errors import ConfigError
        from phoenix.client.kubeconfig import load

        try:
            found = load((self.state / "kubeconfig",), required=False)
        except ConfigError:
            return ""  # NB: the address is from endpoint.json; this file is for others
        chosen = found.contexts.get(found.current)
        return str(chosen.value.get("namespace") or "") if chosen else ""

    def client(self, *, timeout_s: float = _TIMEOUT_S) -> HttpClient:
        """A client to the server; use it as an async context manager. Raises CliError, ConfigError."""
        from phoenix.client.http import HttpClient

        wanted = self.options.request_timeout_s
        longest_s = timeout_s if wanted is None else wanted or _FOR_EVER_S
        return HttpClient(self.config, user_agent="phoenixctl", timeout_s=longest_s, on_warning=self.warn)


def _kubectl_files() -> tuple[Path, ...]:
    from phoenix.client.kubeconfig import kubeconfig_files

    return kubeconfig_files()


def is_plugin() -> bool:
    """Whether this is `kubectl phoenix`, which kubectl started (bin/kubectl-phoenix)."""
    return bool(os.environ.get("PHOENIX_KUBECTL_PLUGIN"))


def _in_their_words(text: str) -> str:
    """Commands in a message as they are typed here."""
    return text.replace("`phoenixctl ", "`kubectl phoenix ") if is_plugin() else text
