"""Types and flags that several verbs share."""

from __future__ import annotations

import argparse


def duration_s(text: str) -> float:
    """`30s`, `1m30s` or a bare number of seconds, for argparse."""
    from phoenix.apimachinery.units import parse_duration

    try:
        return float(text) if text.removeprefix("-").replace(".", "", 1).isdigit() else parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def boolean(text: str) -> bool:
    """`true` or `false`, for flags such as --wait=false."""
    if text.lower() not in ("true", "false", "t", "f", "1", "0"):
        raise argparse.ArgumentTypeError(f"{text!r} is not true or false")
    return text.lower() in ("true", "t", "1")


def add_wait_flag(parser: argparse.ArgumentParser, *, default: bool, help_text: str) -> None:
    """--wait[=true|false]."""
    parser.add_argument("--wait", nargs="?", const=True, default=default, type=boolean, metavar="BOOL", help=help_text)


def add_timeout_flag(parser: argparse.ArgumentParser, default: str) -> None:
    """--timeout DURATION."""
    parser.add_argument(
        "--timeout", type=duration_s, default=default, metavar="DURATION", help=f"longest wait (default: {default})"
    )


def add_selector_flag(parser: argparse.ArgumentParser) -> None:
    """-l/--selector."""
    parser.add_argument("-l", "--selector", default="", metavar="SELECTOR", help="labels: a=b,c!=d,e in (f,g)")
