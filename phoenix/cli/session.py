"""What every command has: where to write, whom to ask, in which namespace."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self, TextIO

from phoenix.cli.errors import CliError, UsageError
from phoenix.cli.style import Style

if TYPE_CHECKING:
    from phoenix.client.config import ClientConfig
    from phoenix.client.http import HttpClient

_TIMEOUT_S = 30.0
_WIDE = 100_000


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """Flags every verb takes; None: not given."""

    state: Path | None = None
    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str | None = None

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Self:
        """Raises UsageError where they contradict each other."""
        if arguments.state and arguments.kubeconfig:
            raise UsageError("--state and --kubeconfig each name a server", "give one of them")
        return cls(
            state=Path(arguments.state) if arguments.state else None,
            kubeconfig=Path(arguments.kubeconfig) if arguments.kubeconfig else None,
            context=arguments.context,
            namespace=arguments.namespace,
        )


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
        self.err.write(self._err_style.dim(text) + "\n")
        self.err.flush()

    def warn(self, text: str) -> None:
        """One warning to stderr."""
        self.err.write(f"{self._err_style.yellow('Warning:')} {text}\n")

    def error(self, message: str, hint: str = "") -> None:
        """One error to stderr: what is wrong and where, then what to do."""
        self.out.flush()
        self.err.write(f"{self._err_style.red('error:')} {message}" + (f"\n  {hint}" if hint else "") + "\n")

    # ---- the server -------------------------------------------------------------------------------------------------

    @cached_property
    def state(self) -> Path | None:
        """The state folder to use: --state, $PHOENIX_STATE, ./state if Phoenix was ever started there; else None."""
        named = self.options.state or (Path(os.environ["PHOENIX_STATE"]) if os.environ.get("PHOENIX_STATE") else None)
        if named is not None:
            return named
        return Path("state") if Path("state/endpoint.json").exists() else None

    @cached_property
    def config(self) -> ClientConfig:
        """Address and credentials. Raises CliError, ConfigError."""
        from phoenix.client.config import ClientConfig

        if self.options.kubeconfig is not None:
            return ClientConfig.from_kubeconfig(self.options.kubeconfig, self.options.context)
        if self.state is not None:
            return ClientConfig.from_endpoint_file(self.state / "endpoint.json")
        if os.environ.get("KUBECONFIG"):
            path = os.environ["KUBECONFIG"].split(os.pathsep)[0]
            return ClientConfig.from_kubeconfig(path, self.options.context)
        raise CliError(
            "there is no Phoenix here: ./state does not exist",
            "start one with `phoenixctl up`, or name one with --state DIR, --kubeconfig FILE or $PHOENIX_STATE",
        )

    @property
    def namespace(self) -> str:
        """-n, else the kubeconfig's, else `default`."""
        if self.options.namespace:
            return self.options.namespace
        uses_kubeconfig = self.options.kubeconfig is not None or self.state is None
        return (self.config.namespace if uses_kubeconfig else "") or "default"

    def client(self, *, timeout_s: float = _TIMEOUT_S) -> HttpClient:
        """A client to the server; use it as an async context manager. Raises CliError, ConfigError."""
        from phoenix.client.http import HttpClient

        return HttpClient(self.config, user_agent="phoenixctl", timeout_s=timeout_s, on_warning=self.warn)
