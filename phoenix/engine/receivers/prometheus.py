"""The `prometheus` receiver: scrapes listed targets at their interval.

As with hostmetrics every point of a scrape has the tick's time, a multiple of the interval since the epoch. A scrape
that takes longer than its timeout has failed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Hashable
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from phoenix.engine.component import Component, Consumer, ReceiverFactory, Settings
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.receivers.relabel import Labels
from phoenix.engine.receivers.scrapeconfig import Job, Target, parse_jobs
from phoenix.engine.receivers.scrapepage import Builder, Exposed, Group, grouped, labelled, read_page
from phoenix.engine.receivers.ticker import Ticker

_ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
_PAGE_BYTES = 64 << 20
_OWN = (
    ("up", "", "The scraping was successful"),
    ("scrape_duration_seconds", "s", "Duration of the scrape"),
    ("scrape_samples_scraped", "", "The number of samples the target exposed"),
    (
        "scrape_samples_post_metric_relabeling", "",
        "The number of samples remaining after metric relabeling was applied",
    ),
    ("scrape_series_added", "", "The approximate number of new series in this scrape"),
)  # fmt: skip
"""Names, units and descriptions of what the receiver tells of each scrape."""


@dataclass(frozen=True, slots=True)
class Config:
    """What to scrape."""

    jobs: tuple[Job, ...]


def parse(section: Section) -> Config:
    """Read the receiver's keys."""
    config = Config(parse_jobs(section.section("config")))
    section.boolean("report_extra_scrape_metrics", False)
    section.unsupported("target_allocator", "trim_metric_suffixes", "api_server", "report_extra_scrape_metrics")
    section.close()
    return config


class ScrapeError(Exception):
    """A scrape that gave nothing."""


@dataclass(frozen=True, slots=True)
class _Page:
    """One that was read: how many samples it had, those kept, and their points in a request."""

    exposed: int
    kept: list[Exposed]
    groups: dict[Hashable, Group]
    builder: Builder


class Scraped:
    """One target: its series so far, and what became of a page."""

    def __init__(self, job: Job, target: Target) -> None:
        self._job, self._target = job, target
        self._known: dict[Hashable, Group] = {}
        self._series: set[Hashable] = set()
        self._resource = _resource(target)

    def page(self, text: str | None, content_type: str, duration_s: float, tick: int) -> tuple[Metrics, str]:
        """What to hand on, and why the scrape failed (empty: it did not). A text of None is a failed scrape."""
        read, error = _Page(0, [], {}, Builder(self._resource)), ""
        if text is not None:
            try:
                read = self._read(text, content_type, tick)
            except (ValueError, KeyError, OverflowError, ScrapeError) as failed:
                error = str(failed) or repr(failed)
        up = text is not None and not error
        groups, builder = read.groups, read.builder
        for key, group in self._known.items():
            if key not in groups:
                builder.add(group, tick, stale=True)
        series: set[Hashable] = {(one.name, frozenset(one.labels.items())) for one in read.kept}
        added, self._series = len(series - self._series), series
        # Those with times of their own end when their target says so, not when they are missing once.
        self._known = {key: group for key, group in groups.items() if group.time_s is None}
        figures = (float(up), duration_s, read.exposed, len(read.kept), added)
        for (name, unit, told), value in zip(_OWN, figures, strict=True):
            sample = Exposed(name, "gauge", told, unit, name, self._target.labels, float(value), None)
            for group in grouped([sample]).values():
                builder.add(group, tick)
        return Metrics.of(builder.request), error

    def _read(self, text: str, content_type: str, tick: int) -> _Page:
        """What a page says; raises ValueError, KeyError, OverflowError or ScrapeError where that is nothing."""
        exposed = read_page(text, content_type)
        every = (labelled(one, self._target.labels, self._job.metric_steps, self._job.honor_labels) for one in exposed)
        kept = [one for one in every if one is not None]
        if 0 < self._job.sample_limit < len(kept):
            raise ScrapeError(f"sample limit exceeded: {len(kept)} of {self._job.sample_limit}")
        groups = grouped(kept)
        builder = Builder(self._resource | _target_info(groups))
        for group in groups.values():
            group.time_s = group.time_s if self._job.honor_timestamps else None
            builder.add(group, tick)
        return _Page(len(exposed), kept, groups, builder)


def _target_info(groups: dict[Hashable, Group]) -> Labels:
    """Attributes of the resource that the target tells of itself; that series is then used up."""
    found: Labels = {}
    for key in [key for key, group in groups.items() if group.metric in {"target_info", "target"}]:
        found |= groups.pop(key).attributes
    return found


def _resource(target: Target) -> Labels:
    instance, parts = target.labels["instance"], urlsplit(target.url)
    host, _, port = instance.rpartition(":")
    host = (host or instance).strip("[]")
    resource = {"service.name": target.labels.get("job", ""), "service.instance.id": instance}
    if _discernible(host):
        resource["server.address"] = host
    return resource | {"server.port": port if port.isdigit() else "", "url.scheme": parts.scheme}


def _discernible(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host != "localhost"
    return not (address.is_loopback or address.is_unspecified)


class PrometheusReceiver:
    """A task a target, over kept connections."""

    def __init__(self, settings: Settings, config: Config, next_consumer: Consumer) -> None:
        self._config = config
        self._log = settings.log
        self._ticker = Ticker(settings, next_consumer, transport="http")
        self._session: aiohttp.ClientSession | None = None
        self.unanswered: dict[str, str] = {}
        """URLs of targets no scrape of which has succeeded yet, with the reason of the last."""

    async def start(self) -> None:
        """Start scraping."""
        self._session = aiohttp.ClientSession(headers={"Accept": _ACCEPT, "User-Agent": "phoenix-embedded-collector"})
        for job in self._config.jobs:
            for target in job.targets:
                self._ticker.spawn(self._run(job, target), name=f"scrape {target.url}")

    async def shutdown(self) -> None:
        """Stop ticking, then close all connections."""
        try:
            await self._ticker.stop()
        finally:
            session, self._session = self._session, None
            if session is not None:
                await session.close()

    async def _run(self, job: Job, target: Target) -> None:
        interval_ns = round(job.interval_s * 1e9)
        scraped, tick, answered = Scraped(job, target), 0, False
        while tick := await self._ticker.after(tick, interval_ns):
            started_s = time.perf_counter()
            text, content_type, error = await self._get(target.url, job.timeout_s)
            duration_s = time.perf_counter() - started_s
            metrics, fault = await asyncio.to_thread(scraped.page, text, content_type, duration_s, tick)
            if error or fault:
                self._log.warning("scrape failed target=%s error=%s", target.url, error or fault)
                if not answered:
                    self.unanswered[target.url] = error or fault
            else:
                answered = True
                self.unanswered.pop(target.url, None)
            await self._ticker.hand_on(metrics)

    async def _get(self, url: str, timeout_s: float) -> tuple[str | None, str, str]:
        """The page, its type, and why there is none."""
        assert self._session is not None, "scrape before start"
        try:
            async with self._session.get(url, timeout=aiohttp.ClientTimeout(total=timeout_s)) as answer:
                if answer.status != 200:
                    return None, "", f"server returned HTTP status {answer.status}"
                parts, size = [], 0
                async for part in answer.content.iter_any():
                    parts.append(part)
                    size += len(part)
                    if size > _PAGE_BYTES:
                        return None, "", f"the page is larger than {_PAGE_BYTES} bytes"
                return b"".join(parts).decode("utf-8"), answer.content_type, ""
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeDecodeError) as error:
            return None, "", str(error) or type(error).__name__


def create(settings: Settings, config: Config, next_consumer: Consumer) -> Component:
    """Make the receiver."""
    return PrometheusReceiver(settings, config, next_consumer)


FACTORY = ReceiverFactory(("prometheus",), parse, create)
