"""The filesystem scraper: bytes and inodes of each mounted file system."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from phoenix.engine.config.section import Section
from phoenix.engine.receivers.scrapers.build import MetricSpec, Reading, add_metrics, parse_metrics, resource_metrics
from phoenix.engine.receivers.scrapers.names import NameFilter, parse_names

_USAGE = MetricSpec("system.filesystem.usage", "By", "Filesystem bytes used.", False)
_INODES = MetricSpec("system.filesystem.inodes.usage", "{inodes}", "FileSystem inodes used.", False)
_UTILIZATION = MetricSpec(
    "system.filesystem.utilization", "1", "Fraction of filesystem bytes used.", None, default=False
)
_SPECS = (_USAGE, _INODES, _UTILIZATION)


@dataclass(frozen=True, slots=True)
class Config:
    """Names of the metrics to read, and of which file systems. `virtual`: also those without a device."""

    metrics: frozenset[str]
    virtual: bool
    devices: NameFilter
    types: NameFilter
    mount_points: NameFilter


def parse(section: Section) -> Config:
    """Read the scraper's keys."""
    config = Config(
        parse_metrics(section, _SPECS, ()),
        section.boolean("include_virtual_filesystems", False),
        parse_names(section, "devices", "_devices"),
        parse_names(section, "fs_types", "_fs_types"),
        parse_names(section, "mount_points", "_mount_points"),
    )
    section.close()
    return config


class FilesystemScraper:
    """Asks each mounted file system how full it is."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def _mounts(self) -> Iterator[tuple[str, str, str, str]]:
        """Device, mode, mount point and type of each that is meant, once each."""
        config, seen = self._config, set()
        for part in psutil.disk_partitions(all=config.virtual):
            mode = "ro" if "ro" in part.opts.split(",") else "rw"
            row = (part.device, mode, part.mountpoint, part.fstype)
            wanted = (
                config.devices.wants(part.device)
                and config.types.wants(part.fstype)
                and config.mount_points.wants(part.mountpoint)
            )
            if wanted and (part.device, part.mountpoint) not in seen:
                seen.add((part.device, part.mountpoint))
                yield row

    def scrape(self, tick_unix_nano: int) -> tuple[list[ResourceMetrics], int]:
        """One resource without attributes; file systems that cannot be read are counted."""
        resource, scope = resource_metrics("filesystem")
        readings: dict[MetricSpec, list[Reading]] = {spec: [] for spec in _SPECS}
        errors = 0
        for device, mode, mount_point, kind in self._mounts():
            try:
                stat = os.statvfs(mount_point)
            except OSError:
                errors += 1
                continue
            if not stat.f_blocks:
                continue
            labels = {"device": device, "mode": mode, "mountpoint": mount_point, "type": kind}
            used, free = (stat.f_blocks - stat.f_bfree) * stat.f_frsize, stat.f_bavail * stat.f_frsize
            reserved = (stat.f_bfree - stat.f_bavail) * stat.f_frsize
            states = (("used", used), ("free", free), ("reserved", reserved))
            readings[_USAGE] += [({**labels, "state": state}, value) for state, value in states]
            inodes = (("used", stat.f_files - stat.f_ffree), ("free", stat.f_ffree))
            readings[_INODES] += [({**labels, "state": state}, value) for state, value in inodes]
            if used + free:
                readings[_UTILIZATION].append((labels, used / (used + free)))
        add_metrics(
            scope,
            self._config.metrics,
            readings,
            start_unix_nano=int(psutil.boot_time() * 1e9),
            tick_unix_nano=tick_unix_nano,
        )
        return [resource], errors
