"""Flags of whoever runs an agent (`up`, `agent`): the programs it may start, and what it may replay."""

from __future__ import annotations

import argparse
from pathlib import Path

from phoenix.apimachinery.urls import fault_of_url


def add_flags(parser: argparse.ArgumentParser) -> None:
    """--otelcol, --prometheus and --recordings."""
    parser.add_argument("--otelcol", default="", help="a real collector's binary (default: $PHOENIX_OTELCOL, PATH)")
    parser.add_argument("--prometheus", type=_path_or_url, default="", metavar="PATH|URL",
                        help="a Prometheus to answer queries: its binary, or the URL of one that takes remote write "
                             "(default: $PHOENIX_PROMETHEUS, PATH)")  # fmt: skip
    parser.add_argument(
        "--recordings", type=Path, metavar="DIR", help="recordings experiments may replay (default: STATE/recordings)"
    )


def _path_or_url(text: str) -> str:
    if "://" in text and (fault := fault_of_url(text)):
        raise argparse.ArgumentTypeError(fault)
    return text
