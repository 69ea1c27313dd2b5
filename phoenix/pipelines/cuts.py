"""Receivers that throw data away: a saving made there cannot be measured on injected input.

In a measurement every receiver is replaced, so that a candidate that, say, disables metrics in its hostmetrics receiver
would be judged without that cut and then deployed with it. Such a pipeline is refused: `UnmeasuredReceiverCut`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from phoenix.pipelines.errors import Finding
from phoenix.pipelines.shape import component_type, section

CODE = "UnmeasuredReceiverCut"
_HINT = "make the cut with a filter or transform processor, where it is measured, or remove it"
_PROMETHEUS_DROPS = ("drop", "keep", "labeldrop", "labelkeep", "dropequal", "keepequal")
_PROMETHEUS_LIMITS = ("sample_limit", "label_limit", "target_limit", "body_size_limit")


def find_cuts(config: Mapping[str, Any], path: str) -> list[Finding]:
    """A finding for each setting by which a receiver used in a pipeline drops metrics, points or attributes."""
    used = {
        name
        for pipeline in config["service"]["pipelines"].values()
        for name in ((pipeline or {}).get("receivers") or [])
    }
    findings: list[Finding] = []
    for name, receiver in section(config, "receivers").items():
        if name not in used or not isinstance(receiver, Mapping):
            continue
        where = f"{path}.receivers.{name}"
        walk = _prometheus if component_type(name) in ("prometheus", "prometheus_simple") else _scraper
        findings += [Finding(at, text, _HINT, CODE) for at, text in walk(receiver, where)]
    return findings


def _scraper(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Settings of scraping receivers at any depth: include/exclude filters, metrics and attributes turned off."""
    for key, value in node.items():
        where = f"{path}.{key}"
        if key in ("metrics", "resource_attributes") and isinstance(value, Mapping):
            yield from _switches(value, where)
        elif str(key).startswith(("include", "exclude")) and value:
            yield where, "leaves data out before it can be measured"
        elif key == "scrape_process_delay" and value not in (0, "0", "0s"):
            yield where, "leaves young processes out before they can be measured"
        elif isinstance(value, Mapping):
            yield from _scraper(value, where)


def _switches(switches: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, settings in switches.items():
        if not isinstance(settings, Mapping):
            continue
        if settings.get("enabled") is False:
            yield f"{path}.{name}.enabled", "turns it off before it can be measured"
        for key in ("attributes", "aggregation_strategy", "metrics_include", "metrics_exclude"):
            if key in settings:
                yield f"{path}.{name}.{key}", "aggregates or leaves out before it can be measured"


def _prometheus(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    scrapes = (node.get("config") or {}).get("scrape_configs") or []
    for index, scrape in enumerate(scrapes):
        where = f"{path}.config.scrape_configs[{index}]"
        if scrape.get("metric_relabel_configs"):
            yield f"{where}.metric_relabel_configs", "drops or rewrites series before they can be measured"
        for rule, relabel in enumerate(scrape.get("relabel_configs") or []):
            if relabel.get("action") in _PROMETHEUS_DROPS:
                yield f"{where}.relabel_configs[{rule}]", "drops targets or labels before they can be measured"
        for limit in _PROMETHEUS_LIMITS:
            if scrape.get(limit):
                yield f"{where}.{limit}", "can drop a scrape before it is measured"
