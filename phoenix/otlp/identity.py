"""What makes two data points the same stream, and the same series of a Prometheus-type backend.

A *stream* is exact OTLP: resource attributes, scope name, version and attributes, metric name, unit, type, temporality
and monotonicity, point attributes; the order of attributes means nothing. An *active series* is what a Prometheus-type
backend makes of it with all resource attributes as labels: translated name and labels. Descriptions, schema URLs, time
stamps and values belong to neither. Attributes of resources and points whose key begins with `phoenix.` are Phoenix's
own and are left out before anything else happens. Pure: no state, no I/O.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from xxhash import xxh3_128_intdigest

from phoenix.otlp.model import MetricType, Temporality
from phoenix.otlp.prometheus import UntranslatableName, label_name, metric_name

OWN_PREFIX = "phoenix."
"""Keys beginning so are Phoenix's own labels and take no part in identity."""

Value = str | bool | int | float | bytes | tuple[Any, ...] | None
"""An attribute value. Arrays are ("[", item, …), maps ("{", (key, value), …) with sorted keys, None is no value."""
Attributes = tuple[tuple[str, Value], ...]
"""Sorted by key, each key once."""

_MASK = (1 << 128) - 1


def attributes(pairs: Iterable[Any], *, strip_own: bool = True) -> Attributes:
    """Canonical attributes of protobuf KeyValues: sorted, own labels left out; of a key given twice the last counts."""
    plain = {pair.key: any_value(pair.value) for pair in pairs}
    return tuple(
        sorted((item for item in plain.items() if not (strip_own and item[0].startswith(OWN_PREFIX))), key=_key)
    )


def _key(item: tuple[str, Value]) -> str:
    return item[0]


def any_value(value: Any) -> Value:
    """Python form of a protobuf AnyValue; see `Value`."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return ("[", *(any_value(item) for item in value.array_value.values))
    if kind == "kvlist_value":
        return ("{", *attributes(value.kvlist_value.values, strip_own=False))
    plain: Value = getattr(value, kind)
    return plain


def digest(*parts: object) -> int:
    """128 bits that stand for the parts.

    `repr` tells 1, 1.0, True and "1" apart and quotes its strings, so that no two values of `Value` look alike.
    """
    return xxh3_128_intdigest(repr(parts).encode())


class Part:
    """One attribute with all that is ever asked of it, worked out once."""

    __slots__ = ("ident", "key", "label", "label_ident", "text", "value")

    def __init__(self, key: str, value: Value) -> None:
        self.key, self.value = key, value
        self.label, self.text = _label(key), text(value)
        self.ident = digest(key, value)
        """128 bits for key and value"""
        self.label_ident = label_ident(self.label, self.text)
        """128 bits for label and text"""

    @property
    def own(self) -> bool:
        """Whether it is one of Phoenix's own, which count for nothing."""
        return self.key.startswith(OWN_PREFIX)


@dataclass(frozen=True, slots=True)
class MetricIdentity:
    """Everything of a stream's identity but the point's attributes. `key` stands for all of it (128 bits)."""

    resource: Attributes
    scope_name: str
    scope_version: str
    scope_attributes: Attributes
    name: str
    unit: str
    type: MetricType
    temporality: Temporality = Temporality.UNSPECIFIED
    monotonic: bool = False
    key: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        scope = (self.scope_name, self.scope_version, self.scope_attributes)
        metric = (self.name, self.unit, int(self.type), int(self.temporality), bool(self.monotonic))
        object.__setattr__(self, "key", digest(self.resource, scope, metric))


@dataclass(frozen=True, slots=True)
class PointIdentity:
    """A data point without time and value.

    `bounds` are a histogram's explicit bounds or a summary's quantiles. `recorded` is False for a point flagged "no
    recorded value". `own_bytes` is what this point's `phoenix.` attributes take on the wire.
    """

    metric: MetricIdentity
    parts: tuple[Part, ...]
    bounds: tuple[float, ...] = ()
    recorded: bool = True
    own_bytes: int = 0

    @property
    def attributes(self) -> Attributes:
        """Sorted, our own left out."""
        return canonical((part.key, part.value) for part in self.parts)


def canonical(items: Iterable[tuple[str, Value]]) -> Attributes:
    """Attributes from pairs: sorted, our own left out, of a key given twice the last."""
    return tuple(sorted((item for item in dict(items).items() if not item[0].startswith(OWN_PREFIX)), key=_key))


def stream_key(point: PointIdentity) -> int:
    """128 bits that stand for the point's stream: equal streams give equal keys, others differ.

    A sum of the attributes' digests, so that their order does not matter. (Among a hundred million streams the chance
    that any two share a key is 1 in 10**22.)
    """
    key = point.metric.key
    for part in point.parts:
        key += part.ident
    return key & _MASK


def series_family(metric: MetricIdentity) -> str:
    """Prometheus family name; a name that Prometheus cannot express is kept as it is, so that it still counts."""
    try:
        return metric_name(metric.name, metric.unit, metric.type, metric.monotonic)
    except UntranslatableName:
        return metric.name


def series_labels(resource: Attributes, point: Attributes) -> dict[str, str]:
    """Prometheus labels of a stream, sorted by name.

    The resource's value wins over a point's value of the same key; keys that become the same label are joined with `;`
    in the order of the keys, as the Collector does. A label with an empty value is no label.
    """
    merged = dict(point)
    merged.update(resource)
    labels: dict[str, str] = {}
    for key in sorted(merged):
        label, value = _label(key), text(merged[key])
        labels[label] = f"{labels[label]};{value}" if label in labels else value
    return {label: labels[label] for label in sorted(labels) if labels[label]}


@lru_cache(maxsize=65_536)
def _label(key: str) -> str:
    try:
        return label_name(key)
    except UntranslatableName:
        return key


def label_ident(label: str, text: str) -> int:
    """128 bits that stand for one label of a series."""
    return xxh3_128_intdigest(f"{len(label)}:{label}{text}".encode())


def series_base(family: str, type: MetricType) -> int:
    """128 bits that stand for a family, of a histogram or summary for the whole of its series but their bounds.

    This plus the `label_ident` of each label, modulo 2**128, stands for the series.
    """
    many = type if series_count(type, ()) > 1 else MetricType.NONE
    return digest(family, int(many))


def series_count(type: MetricType, bounds: tuple[float, ...]) -> int:
    """Prometheus-type series (and samples per point) of a stream: histogram bounds + 3, summary quantiles + 2, else 1.

    A histogram's three are `_bucket{le="+Inf"}`, `_sum` and `_count`; a summary's two are `_sum` and `_count`.
    """
    if type is MetricType.HISTOGRAM:
        return len(bounds) + 3
    return len(bounds) + 2 if type is MetricType.SUMMARY else 1


def text(value: Value) -> str:
    """A value as label text, as the Collector writes it (`pcommon.Value.AsString`)."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    encoded = json.dumps(_raw(value), separators=(",", ":"), ensure_ascii=False, default=str)
    return encoded.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _raw(value: Value) -> object:
    if not isinstance(value, tuple):
        return base64.b64encode(value).decode() if isinstance(value, bytes) else value
    if value[0] == "[":
        return [_raw(item) for item in value[1:]]
    return {key: _raw(item) for key, item in value[1:]}


def _float_text(value: float) -> str:
    """Shortest digits, without exponent from 1e-6 to 1e21, as Go's strconv does it."""
    if not math.isfinite(value):
        return f"json: unsupported value: {'NaN' if math.isnan(value) else '+Inf' if value > 0 else '-Inf'}"
    if value != 0 and not 1e-6 <= abs(value) < 1e21:
        mantissa, _, exponent = f"{Decimal(repr(value)).normalize():e}".partition("e")
        return f"{mantissa}e{exponent[0]}{exponent[1:].lstrip('0')}"
    fixed = format(Decimal(repr(value)), "f")
    return fixed.removesuffix(".0") if "." in fixed else fixed


def format_bound(bound: float) -> str:
    """A bucket bound or quantile as Prometheus writes it in `le` and `quantile`: `0.005`, `10`, `+Inf`, `1e+06`."""
    if math.isinf(bound):
        return "+Inf" if bound > 0 else "-Inf"
    if bound != 0 and not 1e-4 <= abs(bound) < 1e6:  # where Go turns to exponents
        mantissa, _, exponent = f"{Decimal(repr(bound)).normalize():e}".partition("e")
        return f"{mantissa}e{exponent[0]}{exponent[1:].rjust(2, '0')}"
    return _float_text(bound)
