"""Which metrics and labels make the series that a Prometheus has of a variant: asked of it, metric by metric."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from phoenix.meter import observing
from phoenix.meter.observing import Span
from phoenix.prometheus.client import PrometheusClient
from phoenix.promql.syntax import Matcher
from phoenix.promql.vectors import NAME, Vector
from phoenix.samples.model import ContributionRow

_LABEL = re.compile("[a-zA-Z_][a-zA-Z0-9_]*")
"""Names that `without` takes unquoted, in every version."""
_MAX_METRICS, _MAX_LABELS = 10, 30


async def attribute(client: PrometheusClient, matchers: tuple[Matcher, ...], span: Span) -> list[ContributionRow]:
    """The largest metrics over the span, and of each what its labels account for.

    Raises:
        PrometheusError: it did not answer.
    """
    found = await client.query(observing.series_by_metric(matchers, span), span.at_ms)
    counts = {labels.map.get(NAME, ""): observing.whole(value) for labels, value in found.items()}
    sizes = {
        family: (sum(counts[name] for name in names), sorted(names))
        for family, names in observing.families(counts).items()
    }
    largest = sorted(sizes.items(), key=lambda item: (-item[1][0], item[0]))[:_MAX_METRICS]
    rows = [ContributionRow(metric=family, series=size) for family, (size, _) in largest]
    selected = {matcher.label for matcher in matchers}
    for family, (size, names) in largest:
        rows += await _labels(client, matchers, span, family, size, names, selected)
    return rows


async def _labels(
    client: PrometheusClient,
    matchers: tuple[Matcher, ...],
    span: Span,
    family: str,
    size: int,
    names: Sequence[str],
    selected: set[str],
) -> list[ContributionRow]:
    known = await client.label_names([observing.selector(matchers, name) for name in names], span.start_ms, span.end_ms)
    labels = [label for label in known if _LABEL.fullmatch(label) and label != NAME and label not in selected]
    labels = labels[:_MAX_LABELS]
    if not labels:
        return []
    left = _by_label(await client.query(observing.without_label(matchers, span, names, labels), span.at_ms))
    values = _by_label(await client.query(observing.values_of_labels(matchers, span, names[0], labels), span.at_ms))
    return [
        ContributionRow(metric=family, label=label, series=size - left[label], values=values.get(label))
        for label in labels
        if label in left and size > left[label]
    ]


def _by_label(found: Vector) -> Mapping[str, int]:
    return {labels.map.get(observing.TOLD, ""): observing.whole(value) for labels, value in found.items()}
