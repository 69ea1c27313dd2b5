"""The `file` exporter: a line of OTLP/JSON a request, or length-prefixed protobuf, written in a thread."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from phoenix.engine.component import Exporter, ExporterFactory, Settings
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError, StartError
from phoenix.engine.tasks import TaskOwner
from phoenix.otlp.jsonform import to_json


@dataclass(frozen=True, slots=True)
class Config:
    """Where and how to write; without `append` the file is emptied at start."""

    path: str
    json: bool
    append: bool
    create_directory: bool
    flush_interval_s: float


def parse(section: Section) -> Config:
    """Read the exporter's keys."""
    config = Config(
        section.string("path"),
        (form := section.string("format", "json")) == "json",
        section.boolean("append", False),
        section.boolean("create_directory", False),
        section.duration_s("flush_interval", 1.0),
    )
    if form not in {"json", "proto"}:
        section.fault("format", f"format type is not supported: {form!r}", "write format: json")
    if not config.path:
        section.fault("path", "path must be non-empty", "write path: FILE")
    section.raw("directory_permissions")
    section.unsupported("rotation", "compression", "compression_params", "encoding")
    groups = section.section("group_by")
    groups.unsupported("enabled")
    groups.raw("resource_attribute")
    groups.raw("max_open_files")
    groups.close()
    section.close()
    return config


class FileExporter:
    """Appends under one open file."""

    mutates = False

    def __init__(self, settings: Settings, config: Config) -> None:
        self._config = config
        self._path = settings.path
        self._workers = settings.workers
        self._log = settings.log
        self._file: BinaryIO | None = None
        self._tasks = TaskOwner(settings.fail)
        self._sent = settings.telemetry.counter("otelcol_exporter_sent_metric_points", exporter=str(settings.id))
        self._failed = settings.telemetry.counter(
            "otelcol_exporter_send_failed_metric_points", exporter=str(settings.id)
        )

    async def start(self) -> None:
        """Open the file.

        Raises:
            StartError: it cannot be opened.
        """
        try:
            self._file = await self._in_worker(self._open)
        except OSError as error:
            raise StartError(self._path, f"cannot open {self._config.path}: {error.strerror}") from error
        if self._config.flush_interval_s > 0:
            self._tasks.spawn(self._flush_regularly(), name="file-flush")

    def _open(self) -> BinaryIO:
        if self._config.create_directory:
            Path(self._config.path).parent.mkdir(parents=True, exist_ok=True)
        return open(self._config.path, "ab" if self._config.append else "wb")

    async def _in_worker(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._workers, work)

    async def consume(self, metrics: Metrics) -> None:
        """Write one request.

        Raises:
            ConsumeError: the disk refused.
        """
        points = metrics.points
        try:
            await self._in_worker(lambda: self._write(metrics))
        except OSError as error:
            self._failed.add(points)
            raise ConsumeError(f"cannot write {self._config.path}: {error.strerror}", retryable=False) from error
        self._sent.add(points)

    def _write(self, metrics: Metrics) -> None:
        if self._file is None:
            msg = "the exporter is not running"
            raise ConsumeError(msg)
        if self._config.json:
            self._file.write(to_json(metrics.message()) + b"\n")
        else:
            data = metrics.encoded()
            self._file.write(len(data).to_bytes(4, "big") + data)
        if self._config.flush_interval_s <= 0:
            self._file.flush()

    async def _flush_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._config.flush_interval_s)
            try:
                await self._in_worker(self._flush)
            except OSError as error:
                self._log.error("flush failed path=%s error=%s", self._config.path, error.strerror)

    def _flush(self) -> None:
        if self._file is not None:
            self._file.flush()

    async def shutdown(self) -> None:
        """Write out and close."""
        await self._tasks.close()
        file, self._file = self._file, None
        if file is not None:
            await self._in_worker(lambda: _close(file))


def _close(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


def create(settings: Settings, config: Config) -> Exporter:
    """Make the exporter."""
    return FileExporter(settings, config)


FACTORY = ExporterFactory(("file",), parse, create)
