"""Flags of whoever serves the API (`up`, `serve`): certificates, audit log, limits."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phoenix.apimachinery.units import parse_duration
from phoenix.apiserver.access.config import DEFAULT_LIMITS, Limits
from phoenix.apiserver.config import DEFAULT_HISTORY


@dataclass(frozen=True, slots=True)
class ServingOptions:
    """What the flags say; fields as of `ServerConfig`."""

    tls_cert_file: Path | None = None
    tls_private_key_file: Path | None = None
    client_ca_file: Path | None = None
    audit: bool = True
    audit_required: bool = False
    limits: Limits = DEFAULT_LIMITS
    history: int = DEFAULT_HISTORY
    event_ttl_s: float = 3600.0
    """of the controllers that run beside the server"""

    def settings(self) -> dict[str, Any]:
        """As arguments of `ServerConfig`."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "event_ttl_s"}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add them to a parser."""
    group = parser.add_argument_group("access")
    group.add_argument(
        "--tls-cert-file",
        type=Path,
        metavar="FILE",
        help="certificate (PEM, with its chain) served for the DNS names in it; read again when it changes",
    )
    group.add_argument("--tls-private-key-file", type=Path, metavar="FILE", help="its key (PEM)")
    group.add_argument(
        "--client-ca-file",
        type=Path,
        metavar="FILE",
        help="authorities whose client certificates are taken besides our own CA's",
    )
    group.add_argument(
        "--audit",
        choices=("on", "required", "off"),
        default="on",
        help="record writes in STATE/audit.log; required: refuse them while it cannot be written (default: on)",
    )
    group.add_argument(
        "--event-ttl",
        type=_seconds,
        default=3600.0,
        metavar="TIME",
        help="how long an event is kept after it last happened (default: 1h)",
    )
    group.add_argument(
        "--history",
        type=_history,
        default=DEFAULT_HISTORY,
        metavar="N",
        help="changes kept, an hour at most, for watches to go on from; they take 2 to 20 KB of database each"
        f" (default: {DEFAULT_HISTORY})",
    )
    for name, default, text in (
        ("--max-reads-in-flight", DEFAULT_LIMITS.reads_in_flight, "reads answered at once"),
        ("--max-writes-in-flight", DEFAULT_LIMITS.writes_in_flight, "writes answered at once"),
        ("--max-user-rate", int(DEFAULT_LIMITS.user_rate), "requests a second of one user"),
        ("--max-user-watches", DEFAULT_LIMITS.user_watches, "watches one user may have open"),
    ):
        group.add_argument(name, type=_count, default=default, metavar="N", help=f"{text}; 0: any (default: {default})")


def options_of(parser: argparse.ArgumentParser, found: argparse.Namespace) -> ServingOptions:
    """What was typed; ends the program where it makes no sense."""
    if (found.tls_cert_file is None) != (found.tls_private_key_file is None):
        parser.error("--tls-cert-file and --tls-private-key-file belong together: give both, or neither")
    rate = float(found.max_user_rate)
    limits = Limits(
        reads_in_flight=found.max_reads_in_flight,
        writes_in_flight=found.max_writes_in_flight,
        user_rate=rate,
        user_burst=2 * rate,
        user_watches=found.max_user_watches,
    )
    return ServingOptions(
        _absolute(found.tls_cert_file),
        _absolute(found.tls_private_key_file),
        _absolute(found.client_ca_file),
        found.audit != "off",
        found.audit == "required",
        limits,
        found.history,
        found.event_ttl,
    )


def port(text: str) -> int:
    """A TCP port to listen on, 0 for any, for argparse."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        msg = f"{text!r} is no port: give one of 1 to 65535, or 0 for any that is free"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.resolve()


def _seconds(text: str) -> float:
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if found <= 0:
        msg = f"{text!r} is no time to keep something for: give one such as 10m"
        raise argparse.ArgumentTypeError(msg)
    return found


def _history(text: str) -> int:
    found = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
    if not found:  # NB: with none kept, each watch that is cut off would have to list everything anew
        msg = f"{text!r} is no number of changes to keep: give a whole one above 0, such as {DEFAULT_HISTORY}"
        raise argparse.ArgumentTypeError(msg)
    return found


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        msg = f"{text!r} is not a whole number; 0 is no limit"
        raise argparse.ArgumentTypeError(msg)
    return int(text)
