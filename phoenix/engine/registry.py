"""The table of components: what this engine can run, and what it has only heard of."""

from __future__ import annotations

from phoenix.engine.component import ExporterFactory, ExtensionFactory, ProcessorFactory, ReceiverFactory
from phoenix.engine.exporters import debug, file, otlpgrpc, otlphttp, phoenix_tee, prometheus, remotewrite
from phoenix.engine.extensions import health_check
from phoenix.engine.processors import (
    attributes,
    batch,
    cumulativetodelta,
    deltatocumulative,
    filter,
    groupbyattrs,
    interval,
    memorylimiter,
    metricstransform,
    resource,
    resourcedetection,
    transform,
)
from phoenix.engine.receivers import hostmetrics, otlp
from phoenix.engine.receivers import prometheus as scrape

_RECEIVERS = (hostmetrics.FACTORY, otlp.FACTORY, scrape.FACTORY)
_PROCESSORS = (
    attributes.FACTORY,
    batch.FACTORY,
    cumulativetodelta.FACTORY,
    deltatocumulative.FACTORY,
    filter.FACTORY,
    groupbyattrs.FACTORY,
    interval.FACTORY,
    memorylimiter.FACTORY,
    metricstransform.FACTORY,
    resource.FACTORY,
    resourcedetection.FACTORY,
    transform.FACTORY,
)
_EXPORTERS = (
    debug.FACTORY,
    file.FACTORY,
    otlpgrpc.FACTORY,
    otlphttp.FACTORY,
    phoenix_tee.FACTORY,
    prometheus.FACTORY,
    remotewrite.FACTORY,
)
_EXTENSIONS = (health_check.FACTORY,)

RECEIVERS: dict[str, ReceiverFactory] = {name: factory for factory in _RECEIVERS for name in factory.types}
PROCESSORS: dict[str, ProcessorFactory] = {name: factory for factory in _PROCESSORS for name in factory.types}
EXPORTERS: dict[str, ExporterFactory] = {name: factory for factory in _EXPORTERS for name in factory.types}
EXTENSIONS: dict[str, ExtensionFactory] = {name: factory for factory in _EXTENSIONS for name in factory.types}
