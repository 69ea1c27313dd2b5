"""What every program does when it starts: read its configuration, say faults, log, keep memory as a daemon wants it."""

from __future__ import annotations

import argparse
import ctypes
import difflib
import gc
import logging
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn, TypeVar

import orjson

C = TypeVar("C")

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_GC_THRESHOLD = 50_000
_UNRECOGNIZED = "unrecognized arguments: "


def say(line: str) -> None:
    """Write one line to stderr, whatever line breaks are in it: a fault a line."""
    sys.stderr.write(" ".join(line.split()) + "\n")


class ConfigError(Exception):
    """A program's configuration cannot be run; `faults` has a line each: what, where, what to do."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def read_object(data: bytes) -> Mapping[str, object]:
    """The JSON object that a configuration file holds. Raises ConfigError."""
    try:
        wire = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ConfigError([f"not JSON: {error}"]) from error
    if not isinstance(wire, dict):
        raise ConfigError([f"want an object, have {type(wire).__name__}"])
    return wire


def configured(file: str, read: Callable[[bytes], C]) -> C | None:
    """The configuration in a file; None where it cannot be read or run, which was said then."""
    try:
        return read(Path(file).read_bytes())
    except OSError as error:
        say(f"{file}: cannot be read: {error.strerror}")
    except ConfigError as error:
        for fault in error.faults:
            say(f"{file}: {fault}")
    return None


class ProgramParser(argparse.ArgumentParser):
    """An ArgumentParser that says what is wrong in a line, and in a second one where help is."""

    def __init__(self, *, prog: str, description: str) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Exit 2."""
        unknown = message.removeprefix(_UNRECOGNIZED).split(" ")[0].partition("=")[0]
        if message.startswith(_UNRECOGNIZED) and unknown.startswith("-"):
            known = [option for action in self._actions for option in action.option_strings]
            close = difflib.get_close_matches(unknown, known, n=1)
            message = f"there is no flag {unknown}" + (f"; did you mean {close[0]}?" if close else "")
        self.exit(2, f"error: {message}\nSee `{self.prog} --help`.\n")


def log_to_stderr(level: int = logging.INFO) -> None:
    """Log as `TIME LEVEL message logger=name`, times in UTC. Replaces handlers that are there."""
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(
        level=level, stream=sys.stderr, force=True, datefmt="%Y-%m-%dT%H:%M:%SZ",
        format="%(asctime)s %(levelname)s %(message)s logger=%(name)s",
    )  # fmt: skip


def keep_heap() -> None:
    """Tell glibc to keep freed memory; does nothing where there is no mallopt.

    By default it gives the memory of a body of megabytes back to the kernel after every request and faults it in again
    for the next: measured, keeping it makes the receive path up to 3.7 times faster.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_MMAP_THRESHOLD, 32 << 20)  # its maximum
    mallopt(_M_TRIM_THRESHOLD, 256 << 20)
    mallopt(_M_TOP_PAD, 16 << 20)


def settle_collector() -> None:
    """Take what lives after the start out of garbage collection, and collect rarely from then on. Once, after start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
