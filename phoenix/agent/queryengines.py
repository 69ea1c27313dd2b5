"""The Prometheus of a host that runs may ask: which there is, and what it is called."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import dataclass

from phoenix.agent.engines import whole_path
from phoenix.apimachinery.urls import fault_of_url
from phoenix.prometheus.client import Access, PrometheusClient
from phoenix.prometheus.errors import PrometheusError
from phoenix.prometheus.process import version_of

_LOG = logging.getLogger(__name__)
_ENVIRONMENT = "PHOENIX_PROMETHEUS"
_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class FoundPrometheus:
    """`place`: path of a binary, or URL; empty: there is none. `shown`: what Host status says of it."""

    place: str = ""
    shown: str = ""


async def detect(configured: str) -> FoundPrometheus:
    """The configured one, that of the environment's PHOENIX_PROMETHEUS, or the binary on PATH.

    A URL is taken as it is, even where nothing answers now: it may do so when a run asks.
    """
    configured = configured or os.environ.get(_ENVIRONMENT, "")
    if "://" in configured:
        return await _at(configured)
    path = whole_path(configured) or shutil.which("prometheus") or ""
    version = await version_of(path) if path else ""
    if not version and configured:
        _LOG.warning("the configured Prometheus does not run, so none answers queries path=%s", configured)
    return FoundPrometheus(path, version) if version else FoundPrometheus()


async def _at(url: str) -> FoundPrometheus:
    if fault := fault_of_url(url):
        _LOG.warning("the configured Prometheus is at no URL, so none answers queries: %s", fault)
        return FoundPrometheus()
    version = ""
    try:
        async with PrometheusClient(Access(url, timeout_s=_TIMEOUT_S)) as client:
            version = await client.version()
    except PrometheusError as error:
        _LOG.warning("the configured Prometheus does not answer yet: %s", error)
    return FoundPrometheus(url, f"{version} at {url}".strip())
