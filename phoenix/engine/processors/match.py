"""`include` and `exclude` of the attributes processor (and the filter's older form): which metrics are meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from phoenix.engine.config.section import OTELCOL, Section
from phoenix.engine.ottl.errors import OttlSyntaxError
from phoenix.engine.ottl.patterns import RE2, Pattern

Texts = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Match:
    """The metrics that are meant, by name."""

    names: Texts

    def holds(self, name: str) -> bool:
        """Whether a metric is meant."""
        return self.names(name)


def _texts(section: Section, key: str, regexp: bool) -> Texts | None:
    texts = section.strings(key)
    if not texts:
        return None
    if not regexp:
        known = frozenset(texts)
        return lambda text: text in known
    patterns = [_pattern(section, f"{key}[{index}]", text) for index, text in enumerate(texts)]
    return lambda text: any(pattern is not None and pattern.found_in(text) for pattern in patterns)


def _pattern(section: Section, key: str, source: str) -> Pattern | None:
    try:
        return Pattern(source)
    except OttlSyntaxError as error:
        section.fault(key, str(error), RE2)
        return None


def parse_match(parent: Section, key: str) -> Match | None:
    """Read `include` or `exclude`; None where it is not written."""
    section = parent.section(key)
    if not parent.has(key):
        return None
    if section.string("match_type") == "expr":
        section.fault("match_type", "match_type expr is not implemented by the Embedded engine", OTELCOL)
        return None
    regexp = section.choice("match_type", ("strict", "regexp"), "strict") == "regexp"
    names = _texts(section, "metric_names", regexp)
    if section.has("attributes"):
        section.fault(
            "attributes", '"attributes" are not valid for metrics', "use a transform or filter with a condition"
        )
        section.raw("attributes")
    if section.has("resources"):
        hint = "use a transform with a where clause; a collector takes this, ignores it and changes every metric"
        section.fault("resources", "metrics cannot be chosen by resource", hint)
        section.raw("resources")
    section.raw("regexp")  # the size of the collector's result cache
    section.unsupported("libraries", "services", "span_names", "log_bodies")
    section.close()
    if names is None:
        section.fault("", "matches nothing in particular", "write metric_names")
        return None
    return Match(names)


def parse_names(section: Section) -> Texts | None:
    """Read `metrics` with its `match_type`, which must be given; None where no metrics are named."""
    has_names = bool(section.strings("metrics"))
    match_type = section.choice("match_type", ("strict", "regexp", ""), "")
    section.raw("regexp")
    if has_names and not match_type:
        section.fault("match_type", "match_type must be set if metrics are supplied", "write match_type: strict")
    elif match_type and not has_names:
        section.fault("metrics", "metrics must be supplied if match_type is set", "write metrics: [NAME]")
    return _texts(section, "metrics", match_type == "regexp")
