"""`config` of the prometheus receiver: the part of Prometheus' own schema that is about scraping listed targets."""

from __future__ import annotations

import re
from dataclasses import dataclass

from phoenix.engine.config.section import OTELCOL, Section
from phoenix.engine.errors import Phase
from phoenix.engine.receivers.relabel import Labels, Step, parse_steps, relabel

_DURATION = re.compile(
    r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?"
)  # Prometheus', not Go's
_MILLIS = (31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1_000, 1)
_DISCOVERIES = (
    "azure", "consul", "digitalocean", "dns", "docker", "dockerswarm", "ec2", "eureka", "file", "gce", "hetzner",
    "http", "kubernetes", "kuma",
    "linode", "marathon", "nerve", "nomad", "openstack", "ovhcloud", "puppetdb", "scaleway",
    "serverset", "triton", "uyuni", "vultr", "ionos", "lightsail",
)  # fmt: skip
_UNSUPPORTED = (
    "authorization", "basic_auth", "oauth2", "tls_config", "proxy_url", "bearer_token", "bearer_token_file", "params",
    "http_headers", "scrape_native_histograms", "always_scrape_classic_histograms", "native_histogram_bucket_limit",
)  # fmt: skip
_IGNORED = (
    "enable_compression", "follow_redirects", "enable_http2", "track_timestamps_staleness", "body_size_limit",
    "label_limit", "label_name_length_limit", "label_value_length_limit", "target_limit", "keep_dropped_targets",
    "scrape_protocols", "scrape_fallback_protocol", "metric_name_validation_scheme", "metric_name_escaping_scheme",
    "convert_classic_histograms_to_nhcb", "honor_timestamps_staleness", "scrape_failure_log_file",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """Where to scrape, and the labels every sample gets (`job` and `instance` among them)."""

    url: str
    labels: Labels


@dataclass(frozen=True, slots=True)
class Job:
    """One entry of `scrape_configs`. `sample_limit` 0 is none."""

    name: str
    interval_s: float
    timeout_s: float
    targets: tuple[Target, ...]
    metric_steps: tuple[Step, ...]
    honor_labels: bool
    honor_timestamps: bool
    sample_limit: int


def duration_s(section: Section, key: str, default_s: float) -> float:
    """A Prometheus duration, such as 1d or 1m30s, in seconds; must be above 0."""
    text = section.string(key)
    if not text:
        return default_s
    match = _DURATION.fullmatch(text)
    total = sum(int(part or 0) * unit for part, unit in zip(match.groups(), _MILLIS, strict=True)) if match else 0
    if not total:
        section.fault(key, f"not a valid duration string: {text!r}", "write a number and a unit: ms, s, m, h, d, w, y")
        return default_s
    return total / 1e3


def parse_jobs(section: Section) -> tuple[Job, ...]:
    """Read `global` and `scrape_configs`."""
    section.phase = Phase.DECODE  # Prometheus' own loader runs while the receiver's keys are decoded
    common = section.section("global")
    interval_s, timeout_s = duration_s(common, "scrape_interval", 60.0), duration_s(common, "scrape_timeout", 10.0)
    for key in ("evaluation_interval", "external_labels", *_IGNORED):
        common.raw(key)
    common.close()
    jobs = [_job(item, interval_s, timeout_s) for item in section.sections("scrape_configs")]
    for key in ("remote_read", "remote_write", "rule_files", "alerting", "storage", "tracing"):
        if section.has(key):
            section.raw(key)
            section.fault(key, f"unsupported features: {key}", "the receiver only scrapes")
    section.unsupported("scrape_config_files")
    section.close()
    if not jobs:
        message = "no Prometheus scrape_configs or target_allocator set"
        section.fault("scrape_configs", message, "write scrape_configs: [{job_name: …}]", Phase.VALIDATE)
    names = [job.name for job in jobs]
    for name in sorted({name for name in names if names.count(name) > 1}):
        section.fault("scrape_configs", f"found multiple scrape configs with job name {name!r}", "give each its own")
    return tuple(jobs)


def _job(section: Section, interval_s: float, timeout_s: float) -> Job:
    name = section.string("job_name")
    if not name:
        section.fault("job_name", "job_name is empty", "write job_name: NAME")
    interval_s = duration_s(section, "scrape_interval", interval_s)
    timeout_s = duration_s(section, "scrape_timeout", min(timeout_s, interval_s))
    if timeout_s > interval_s:
        message = f"scrape timeout greater than scrape interval for scrape config {name!r}"
        section.fault("scrape_timeout", message, "write one that is not longer")
    scheme = section.choice("scheme", ("http", "https"), "http")
    path = section.string("metrics_path", "/metrics")
    steps = parse_steps(section, "relabel_configs")
    defaults = {"job": name, "__scheme__": scheme, "__metrics_path__": path}
    targets = [_target({**defaults, **labels}, steps) for labels in _static(section)]
    for discovery in _DISCOVERIES:
        if section.has(key := f"{discovery}_sd_configs"):
            section.raw(key)
            section.fault(key, "the Embedded engine scrapes static_configs only", OTELCOL)
    section.unsupported(*_UNSUPPORTED)
    for key in _IGNORED:
        section.raw(key)
    job = Job(
        name, interval_s, timeout_s, tuple(target for target in targets if target is not None),
        parse_steps(section, "metric_relabel_configs"), section.boolean("honor_labels", False),
        section.boolean("honor_timestamps", True), section.integer("sample_limit", 0, minimum=0),
    )  # fmt: skip
    section.close()
    return job


def _static(section: Section) -> list[Labels]:
    found: list[Labels] = []
    for item in section.sections("static_configs"):
        labels = item.texts_by_key("labels")
        for index, address in enumerate(item.strings("targets")):
            if "/" in address:
                item.fault(
                    f"targets[{index}]", f"{address!r} is not a valid hostname", "write host:port, without a path"
                )
            found.append({**labels, "__address__": address})
        item.close()
    return found


def _target(labels: Labels, steps: tuple[Step, ...]) -> Target | None:
    """The target these labels mean after relabelling; None: it is dropped."""
    given = relabel(labels, steps)
    if given is None or not given.get("__address__"):
        return None
    url = f"{given.get('__scheme__', 'http')}://{given['__address__']}{given.get('__metrics_path__', '/metrics')}"
    shown = {name: value for name, value in given.items() if not name.startswith("__")}
    shown.setdefault("instance", given["__address__"])
    return Target(url, shown)
