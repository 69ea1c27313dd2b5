"""What a Prometheus is asked to count the series of a variant that runs elsewhere. Pure: names and matchers to queries.

All of it is asked a millisecond before a window's end, about the points of [start, end), and counted where it is kept:
what comes back is a row for each metric name, not the series.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from phoenix.meter.queries import AskedQuery
from phoenix.prometheus.errors import Unreachable
from phoenix.promql.errors import PromqlError
from phoenix.promql.printing import show
from phoenix.promql.rewriting import Recording, inlined, put
from phoenix.promql.syntax import Matcher, Selector, quoted
from phoenix.promql.vectors import NAME, Labels, Vector

PARTS = ("_bucket", "_count", "_sum")
"""Suffixes of a histogram's or summary's series."""
TOLD = "phoenix_of"
"""Label of the rows of an answer about several metrics, or labels: which one it is about."""
_BATCH = 50
"""Metric names asked about in one query."""


@dataclass(frozen=True, slots=True)
class Span:
    """Points of [start, end), Unix milliseconds; `adjust_ms`: see `phoenix.prometheus.client.range_adjustment_ms`."""

    start_ms: int
    end_ms: int
    adjust_ms: int

    @property
    def at_ms(self) -> int:
        """The instant to ask at."""
        return self.end_ms - 1

    @property
    def range_ms(self) -> int:
        """The range to ask over."""
        return self.end_ms - self.start_ms - self.adjust_ms


def _over(matchers: tuple[Matcher, ...], span: Span, name: str = "") -> str:
    return show(Selector(name, matchers, span.range_ms))


def selector(matchers: tuple[Matcher, ...], name: str) -> str:
    """Series of a metric, for the series API."""
    return show(Selector(name, matchers))


def series_by_metric(matchers: tuple[Matcher, ...], span: Span) -> str:
    """Series with a point in the span, by metric name."""
    return f"count by ({NAME}) (last_over_time({_over(matchers, span)}))"


def series(matchers: tuple[Matcher, ...], span: Span) -> str:
    """Series with a point in the span."""
    return f"count(last_over_time({_over(matchers, span)}))"


def samples_by_metric(matchers: tuple[Matcher, ...], span: Span, names: Iterable[str]) -> Iterator[str]:
    """Points in the span, by metric name, some names a query.

    Name by name, as `count_over_time` drops the name, and refuses series that then have the same labels.
    """
    parts = [_told(f"sum(count_over_time({_over(matchers, span, name)}))", name) for name in sorted(names)]
    for first in range(0, len(parts), _BATCH):
        yield " or ".join(parts[first : first + _BATCH])


def _told(query: str, value: str) -> str:
    """A query of one value, with a label that tells it from others of the same answer."""
    return f'label_replace({query}, "{TOLD}", {quoted(value.replace("$", "$$"))}, "", "")'


def whole(value: float) -> int:
    """A count that was answered. Raises Unreachable: it is none, so what answered counts otherwise than Prometheus."""
    if not math.isfinite(value):
        msg = f"a count was answered with {value}: what answers is no Prometheus, or the series hold no plain numbers"
        raise Unreachable(msg)
    return round(value)


def families(counts: Mapping[str, float]) -> dict[str, list[str]]:
    """Metric family → the names of its series: a histogram's parts are one family, as the meter tells them."""
    found: dict[str, list[str]] = {}
    for name in counts:
        base = next((name.removesuffix(part) for part in PARTS if name.endswith(part)), name)
        whole = base != name and f"{base}_count" in counts and f"{base}_sum" in counts
        summary = base == name and f"{name}_count" in counts and f"{name}_sum" in counts
        found.setdefault(base if whole or summary else name, []).append(name)
    return found


def without_label(matchers: tuple[Matcher, ...], span: Span, names: Sequence[str], labels: Iterable[str]) -> str:
    """By label: how many series of these metrics there would be without it."""
    return " or ".join(
        _told(
            " + ".join(
                f"(count(count without ({label}) (last_over_time({_over(matchers, span, name)}))) or vector(0))"
                for name in names
            ),
            label,
        )
        for label in labels
    )


def values_of_labels(matchers: tuple[Matcher, ...], span: Span, name: str, labels: Iterable[str]) -> str:
    """By label: how many values of it the series of a metric have."""
    return " or ".join(
        _told(f"count(count by ({label}) (last_over_time({_over(matchers, span, name)})))", label) for label in labels
    )


def live(match: Mapping[str, str], matchers: tuple[Matcher, ...], span: Span) -> str:
    """Series with all of these labels that have a point in the span."""
    wanted = tuple(Matcher(label, "=", value) for label, value in match.items())
    return series((*wanted, *matchers), span)


class Questions:
    """The queries people rely on, as they are put about one variant."""

    def __init__(self, asked: Sequence[AskedQuery], interval_ms: int) -> None:
        recorded: dict[str, Recording] = {}
        for query in asked:
            if query.record:
                one, known = Recording(query.expr, tuple(sorted(query.labels.items()))), recorded.get(query.record)
                recorded[query.record] = one if known is None else known.beside(one)
        self.faults: dict[str, str] = {}
        self._asked = []
        for query in asked:
            try:
                # NB: what the file's rules record may be in that Prometheus too, but of all variants together.
                self._asked.append((query.name, inlined(query.expr, recorded, interval_ms)))
            except PromqlError as error:
                self.faults[query.name] = str(error)

    def put(self, matchers: tuple[Matcher, ...], lookback_ms: int) -> list[tuple[str, str]]:
        """(name, text) of each."""
        return [(name, put(expr, matchers, lookback_ms)) for name, expr in self._asked]


def without(vector: Vector, ignored: frozenset[str]) -> tuple[Vector, str]:
    """The vector without some labels, and what is wrong where two of its series are then the same."""
    kept = [Labels({k: v for k, v in labels.map.items() if k not in ignored}) for labels in vector.labels]
    if len(set(kept)) == len(kept):
        return Vector(kept, vector.values), ""
    told = sorted(ignored & {label for labels in vector.labels for label in labels.map})
    return Vector([], vector.values[:0]), f"its answers differ in nothing but ignored labels: {', '.join(told)}"
