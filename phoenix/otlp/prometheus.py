"""Prometheus names of OTLP metrics and attributes: the Collector's `UnderscoreEscapingWithSuffixes` translation.

One translation for everything that speaks of a Prometheus-type backend: the meter's active series and signals, and the
engine's prometheus exporter. The rules are those of Prometheus's otlptranslator v1, which the Collector uses; the odd
ones (a unit token found anywhere in the name suppresses the suffix, `tibibytes`) are kept because names must match.
"""

from __future__ import annotations

import re
from functools import lru_cache

from phoenix.otlp.model import MetricType

_UNITS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",  # NB: the translator's own spelling; correcting it would name a series the Collector does not
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
_PER_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}
_NOT_IN_METRIC = re.compile(r"[^a-zA-Z0-9:]+")
_NOT_IN_LABEL = re.compile(r"[^a-zA-Z0-9]+")


class UntranslatableName(ValueError):
    """A metric or attribute name of which Prometheus's alphabet leaves nothing. The Collector drops such a metric."""


@lru_cache(maxsize=65_536)
def metric_name(name: str, unit: str, type: MetricType, monotonic: bool = False, *, namespace: str = "") -> str:
    """Name of the Prometheus metric family, such as `http_server_request_duration_seconds`.

    Histograms and summaries get `_bucket`, `_sum` and `_count` on top by the exposition, not here.

    Args:
        name: OTLP metric name.
        unit: UCUM unit as in OTLP; may be empty.
        type: OTLP metric type.
        monotonic: of a sum; a monotonic sum is a counter and ends in `_total`.
        namespace: put before the name as one token.

    Raises:
        UntranslatableName: no letter, digit or colon is left.
    """
    tokens = [token for token in _NOT_IN_METRIC.split(name) if token]
    main, per = unit_suffixes(unit)
    if main and main not in tokens:
        tokens.append(main.removesuffix("_") if per else main)
    if per and per not in tokens:
        tokens.append(per)
    if type is MetricType.SUM and monotonic:
        tokens = [token for token in tokens if token != "total"] + ["total"]
    if type is MetricType.GAUGE and unit == "1":
        tokens = [token for token in tokens if token != "ratio"] + ["ratio"]
    if namespace:
        tokens.insert(0, namespace)
    translated = "_".join(tokens)
    if translated[:1].isdigit():
        translated = "_" + translated
    if not translated.strip("_"):
        raise UntranslatableName(f"metric name {name!r}: no letter, digit or colon in it; Prometheus cannot name it")
    return translated


@lru_cache(maxsize=65_536)
def label_name(key: str) -> str:
    """Name of the Prometheus label for an OTLP attribute key, such as `http_route` for `http.route`.

    Runs of other characters become one underscore; a leading digit gets `key_`; reserved `__x__` names stay so.

    Raises:
        UntranslatableName: nothing is left of the key.
    """
    reserved = len(key) > 4 and key.startswith("__") and key.endswith("__")
    translated = _NOT_IN_LABEL.sub("_", key[2:-2] if reserved else key)
    if reserved:
        translated = f"__{translated}__"
    if translated[:1].isdigit():
        translated = "key_" + translated
    if not translated or (not translated.strip("_") and translated != key):
        raise UntranslatableName(f"attribute key {key!r}: no letter or digit in it; Prometheus cannot name it")
    return translated


def unit_suffixes(unit: str) -> tuple[str, str]:
    """Suffixes for a unit: of what stands before its first `/` and of what stands behind (`per_…`); "" for none.

    Units written in braces, such as `{request}`, are annotations and give no suffix.
    """
    main, _, per = unit.partition("/")
    main, per = main.strip(), per.strip()
    main = "" if _braced(main) else _clean(_UNITS.get(main, main))
    per = "" if _braced(per) or not per else _clean("per_" + _PER_UNITS.get(per, per)).removesuffix("_")
    return main, "" if per == "per" else per


def _braced(unit: str) -> bool:
    return "{" in unit or "}" in unit


def _clean(unit: str) -> str:
    """Other characters and runs of underscores become one underscore; none is left in front."""
    return _NOT_IN_METRIC.sub("_", unit).removeprefix("_")
