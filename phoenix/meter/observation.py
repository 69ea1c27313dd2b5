"""What a meter is told of variants that run elsewhere: `observed` of its config.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phoenix.apimachinery.urls import fault_of_url
from phoenix.meter.queries import AskedQuery
from phoenix.promql.errors import PromqlError
from phoenix.promql.syntax import Matcher, Selector, parse


@dataclass(frozen=True, slots=True)
class Observation:
    """Whom to ask, about what, from when to when.

    Args:
        url: of the Prometheus.
        credentials: folder with `HOST:PORT.token` and `HOST:PORT.ca.crt`, where it needs them; empty: none.
        selectors: matchers of each variant's series.
        ignored: labels that answers are told without.
        lag_ns: how long after its end a window is asked for.
        from_ns: Unix nanoseconds, start of the first window.
        to_ns: Unix nanoseconds, end of the last.
        window_ns: length of a window.
        queries: in order; what one records later ones may read.
        critical: labels of series that must stay live, by name.
    """

    url: str
    credentials: str
    selectors: Mapping[str, tuple[Matcher, ...]]
    ignored: frozenset[str]
    lag_ns: int
    from_ns: int
    to_ns: int
    window_ns: int
    queries: Sequence[AskedQuery]
    critical: Mapping[str, Mapping[str, str]]


def read_observation(
    wire: Any, *, window_ns: int, queries: Sequence[AskedQuery], critical: Mapping[str, Mapping[str, str]]
) -> Observation:
    """Check `observed` of a config.json. Raises ValueError with what is wrong."""
    if not isinstance(wire, dict) or not isinstance(wire.get("selectors"), dict) or not wire["selectors"]:
        msg = "observed: want an object with url, selectors, fromUnixNano and toUnixNano"
        raise ValueError(msg)
    if fault := fault_of_url(str(wire.get("url", ""))):
        raise ValueError(f"observed.url: {fault}")
    times = [wire.get(key) for key in ("fromUnixNano", "toUnixNano", "lagNano")]
    if not all(isinstance(time, int) for time in times):
        msg = "observed: want fromUnixNano, toUnixNano and lagNano as integers"
        raise ValueError(msg)
    selectors = {name: _matchers(name, text) for name, text in wire["selectors"].items()}
    ignored = {str(label) for label in wire.get("ignoreLabels", ())}
    ignored |= {matcher.label for matchers in selectors.values() for matcher in matchers}
    return Observation(
        url=str(wire["url"]),
        credentials=str(wire.get("credentials") or ""),
        selectors=selectors,
        ignored=frozenset(ignored),
        lag_ns=wire["lagNano"],
        from_ns=wire["fromUnixNano"],
        to_ns=wire["toUnixNano"],
        window_ns=window_ns,
        queries=queries,
        critical=critical,
    )


def _matchers(name: str, text: object) -> tuple[Matcher, ...]:
    try:
        found = parse(str(text))
    except PromqlError as error:
        raise ValueError(f"observed.selectors.{name}: {error}") from error
    if not isinstance(found, Selector) or found.name:
        msg = f'observed.selectors.{name}: want label matchers alone, such as {{job="old"}}, not {text}'
        raise ValueError(msg)
    return found.matchers
