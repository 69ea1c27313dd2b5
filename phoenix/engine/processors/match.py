"""`include` and `exclude` of the attributes processor (and the filter's older form): which metrics are meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from phoenix.engine.config.section import OTELCOL, Section
from phoenix.engine.config.values import plain
from phoenix.engine.ottl.errors import OttlSyntaxError
from phoenix.engine.ottl.patterns import Pattern
from phoenix.engine.ottl.values import Value, text_of

Texts = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One attribute that must be there, with this value if there is one."""

    key: str
    value: Callable[[Value], bool] | None

    def in_(self, values: dict[str, Value]) -> bool:
        """Whether the attributes have it."""
        if self.key not in values:
            return False
        return self.value is None or self.value(values[self.key])


@dataclass(frozen=True, slots=True)
class Match:
    """Properties that must all hold; an absent one holds."""

    names: Texts | None
    attributes: tuple[Wanted, ...]
    resources: tuple[Wanted, ...]

    def holds(self, name: str, point: dict[str, Value], resource: dict[str, Value]) -> bool:
        """Whether a point is meant."""
        return (
            (self.names is None or self.names(name))
            and all(wanted.in_(point) for wanted in self.attributes)
            and all(wanted.in_(resource) for wanted in self.resources)
        )


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
        section.fault(key, str(error))
        return None


def _wanted(section: Section, regexp: bool) -> Wanted:
    key, value = section.string("key"), plain(section.raw("value"))
    if not key:
        section.fault("key", "an attribute to match needs a key")
    section.close()
    if value is None:
        return Wanted(key, None)
    if regexp and isinstance(value, str):
        pattern = _pattern(section, "value", value)
        return Wanted(key, lambda found: pattern is not None and pattern.found_in(text_of(found) or ""))
    return Wanted(key, lambda found: found == value and type(found) is type(value))


def parse_match(parent: Section, key: str, *, names_key: str = "metric_names") -> Match | None:
    """Read `include` or `exclude`; None where it is not written."""
    section = parent.section(key)
    if not parent.has(key):
        return None
    if section.string("match_type") == "expr":
        section.fault("match_type", "match_type expr is not implemented by the Embedded engine", OTELCOL)
        return None
    regexp = section.choice("match_type", ("strict", "regexp"), "strict") == "regexp"
    match = Match(
        _texts(section, names_key, regexp),
        tuple(_wanted(item, regexp) for item in section.sections("attributes")),
        tuple(_wanted(item, regexp) for item in section.sections("resources")),
    )
    section.raw("regexp")  # the size of the collector's result cache
    section.unsupported("libraries", "services", "span_names", "log_bodies")
    section.close()
    if match == Match(None, (), ()):
        section.fault("", "matches nothing in particular", f"write {names_key}, attributes or resources")
    return match


def parse_names(section: Section) -> Texts | None:
    """Read `metrics` with its `match_type`, which must be given; None where no metrics are named."""
    has_names = bool(section.strings("metrics"))
    match_type = section.choice("match_type", ("strict", "regexp", ""), "")
    section.raw("regexp")
    if has_names and not match_type:
        section.fault("match_type", "match_type must be set if metrics are supplied", "write match_type: strict")
    elif match_type and not has_names:
        section.fault("metrics", "metrics must be supplied if match_type is set")
    return _texts(section, "metrics", match_type == "regexp")
