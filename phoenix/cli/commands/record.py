"""`phoenixctl record`: OTLP, this machine's metrics, or a scrape, written to a file that experiments replay."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phoenix.api.patterns import HOST_PORT, WANTED
from phoenix.cli.errors import CliError, UsageError
from phoenix.cli.exitcodes import ExitCode
from phoenix.cli.options import duration_s
from phoenix.cli.session import Session

DESCRIPTION = (
    "Write metrics to a recording, which an experiment replays (spec.source.replay): what senders send to an\n"
    "OTLP/HTTP address here, this machine's own metrics, or what Prometheus targets expose. A name without a folder\n"
    "is in the recordings folder of the state folder. Ends after --for, or with Ctrl-C. No server is needed."
)
EXAMPLES = """
phoenixctl record checkout.jsonl                          senders send to http://127.0.0.1:4318 meanwhile
phoenixctl record checkout.pb --for 10m                   protobuf: smaller, and far faster to read
phoenixctl record host.jsonl --host --interval 10s --for 1h
phoenixctl record node.jsonl --prometheus 127.0.0.1:9100 --interval 15s
"""
_FORMATS = {".jsonl": "json", ".json": "json", ".pb": "proto"}


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """What to record, where to. `for_s` None: until Ctrl-C."""

    file: str
    listen: str
    host: bool
    targets: tuple[str, ...]
    interval_s: float
    for_s: float | None
    force: bool


def flags(parser: argparse.ArgumentParser) -> None:
    """FILE, what to record, how long."""
    parser.add_argument("file", metavar="FILE", help="recording to write: NAME.jsonl or NAME.pb, or a path")
    parser.add_argument("--listen", default="127.0.0.1:4318", metavar="HOST:PORT",
                        help="OTLP/HTTP address for senders (default: 127.0.0.1:4318)")  # fmt: skip
    parser.add_argument("--host", action="store_true", help="record this machine's cpu, memory and processes")
    parser.add_argument("--prometheus", action="append", default=[], metavar="HOST:PORT",
                        help="record what this target exposes at /metrics; may be repeated")  # fmt: skip
    parser.add_argument("--interval", type=duration_s, default=1.0, metavar="DURATION",
                        help="between two readings of --host or --prometheus (default: 1s)")  # fmt: skip
    parser.add_argument("--for", dest="for_", type=duration_s, default=None, metavar="DURATION",
                        help="how long (default: until Ctrl-C)")  # fmt: skip
    parser.add_argument("--force", action="store_true", help="write over a recording that is there")


def options(arguments: argparse.Namespace) -> RecordOptions:
    """Raises UsageError."""
    found = RecordOptions(
        arguments.file, arguments.listen, arguments.host, tuple(arguments.prometheus), arguments.interval,
        arguments.for_, arguments.force,
    )  # fmt: skip
    if Path(found.file).suffix not in _FORMATS:
        hint = "gzip it afterwards, replay reads NAME.jsonl.gz too" if found.file.endswith(".gz") else ""
        raise UsageError(f'"{found.file}" is no name of a recording: write NAME.jsonl or NAME.pb', hint)
    if len(set(found.targets)) < len(found.targets):
        raise UsageError("--prometheus names a target twice", "name each once")
    if found.host and found.targets:
        raise UsageError("--host and --prometheus are two recordings", "give one of them")
    for address in (re.sub(":0$", ":1", found.listen), *found.targets):  # to listen on, 0 is any port
        if not re.match(HOST_PORT, address):
            raise UsageError(f'"{address}" is no address', f"write {WANTED[HOST_PORT]}")
    if found.interval_s < 0.1 or (found.for_s is not None and found.for_s <= 0):
        raise UsageError("--interval must be at least 100ms, --for above 0")
    return found


async def run(session: Session, options: RecordOptions) -> int:
    """Record. Raises CliError where the file or the address cannot be had."""
    from phoenix.aio.signals import shutdown_event
    from phoenix.engine import Collector, EngineError, read_config

    path = _path(session, options.file)
    with _reserved(path, force=options.force):
        config = json.dumps(configuration(options, path))
        stop, collector = shutdown_event(), Collector(read_config(config, {}))
        try:
            await collector.start()
        except EngineError as error:
            raise CliError(str(error), "choose another address with --listen, or another file") from error
        session.note(_said(options, path))
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(options.for_s):
                    await _until(stop, collector)
        finally:
            await collector.shutdown()
        _check_scraped(session, collector, options, path)
        size = path.stat().st_size
        if not size:
            raise CliError("nothing came: there is no recording", "check that senders send to the address meanwhile")
    session.line(f"Recorded {size:,} bytes in {path}.")
    return ExitCode.OK


def _check_scraped(session: Session, collector: Any, options: RecordOptions, path: Path) -> None:
    """Say which targets never answered. Raises CliError: none ever did, so what was written is of failures alone."""
    if not options.targets:
        return
    silent = [
        why for node in collector.graph.start_order() for why in getattr(node.component, "unanswered", {}).items()
    ]
    reasons = "; ".join(f"{url}: {why}" for url, why in silent)
    if len(silent) == len(options.targets):
        os.truncate(path, 0)
        raise CliError(f"no scrape succeeded, there is no recording: {reasons}", "check --prometheus HOST:PORT")
    if silent:
        session.warn(f"never scraped, and so not in the recording: {reasons}")


async def _until(stop: asyncio.Event, collector: Any) -> None:
    """Until told to stop. Raises CliError: the collector broke down, such as on a full disk."""
    stopped, failed = asyncio.create_task(stop.wait()), asyncio.create_task(collector.failed())
    try:
        await asyncio.wait({stopped, failed}, return_when=asyncio.FIRST_COMPLETED)
        if failed.done() and not stop.is_set():
            raise CliError(f"recording broke off: {failed.result()}")
    finally:
        for task in (stopped, failed):
            task.cancel()
        await asyncio.gather(stopped, failed, return_exceptions=True)


def configuration(options: RecordOptions, path: Path) -> dict[str, Any]:
    """What the embedded collector runs."""
    interval = f"{round(options.interval_s * 1000)}ms"
    receiver: dict[str, Any]
    if options.host:
        scrapers = {"cpu": {}, "memory": {}, "process": {"mute_process_all_errors": True}}
        name, receiver = "hostmetrics", {"collection_interval": interval, "initial_delay": "0s", "scrapers": scrapers}
    elif options.targets:
        job = {
            "job_name": "phoenix-record",
            "scrape_interval": interval,
            "scrape_timeout": interval,
            "honor_timestamps": False,
            "static_configs": [{"targets": list(options.targets)}],
        }
        name, receiver = "prometheus", {"config": {"scrape_configs": [job]}}
    else:
        name, receiver = "otlp", {"protocols": {"http": {"endpoint": options.listen}}}
    # NB: a dollar sign in a path would be an environment variable's.
    exporter = {"path": str(path).replace("$", "$$"), "format": _FORMATS[path.suffix]}
    return {
        "receivers": {name: receiver},
        "exporters": {"file": exporter},
        "service": {
            "pipelines": {"metrics": {"receivers": [name], "exporters": ["file"]}},
            "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn"}},
        },
    }


def _path(session: Session, file: str) -> Path:
    if "/" in file:
        return Path(file).absolute()
    folder = (session.state or Path("state")).absolute() / "recordings"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CliError(f"cannot make {folder}: {error.strerror}", "name a state folder with --state") from error
    return folder / file


@contextlib.contextmanager
def _reserved(path: Path, *, force: bool) -> Iterator[None]:
    """The file is there, is ours, and nobody else may read it; an empty one is taken away again."""
    mode = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        descriptor = os.open(path, mode, 0o600)
        try:
            os.fchmod(descriptor, 0o600)  # one that is written over may have been anybody's to read
        finally:
            os.close(descriptor)
    except FileExistsError as error:
        raise CliError(f"{path} is there already", "give another name, or --force to write over it") from error
    except OSError as error:
        raise CliError(f"cannot write {path}: {error.strerror}") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if not path.stat().st_size:
                path.unlink()


def _said(options: RecordOptions, path: Path) -> str:
    what = f"what senders send to http://{options.listen}"
    if options.host:
        what = "this machine's metrics"
    elif options.targets:
        what = ", ".join(options.targets)
    until = f"for {options.for_s:g} s" if options.for_s is not None else "until Ctrl-C"
    return f"Recording {what} in {path}, {until}."
