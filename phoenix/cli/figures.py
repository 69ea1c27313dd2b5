"""Numbers, ratios and times as people read them; what is not known is a dash, never a zero."""

from __future__ import annotations

from datetime import UTC, datetime

from phoenix.apimachinery.conditions import parse_timestamp

UNKNOWN = "-"


def count(value: int | None) -> str:
    """`31,046`."""
    return UNKNOWN if value is None else f"{value:,}"


def size(value: int | None) -> str:
    """Bytes in binary units: `3.4 MiB`."""
    if value is None:
        return UNKNOWN
    number = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(number) < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def ratio(value: float | None) -> str:
    """A share as per cent: `90.3 %`."""
    return UNKNOWN if value is None else f"{value:.1%}".replace("%", " %")


def change(before: float | None, after: float | None) -> str:
    """How `after` differs from `before`: `-90.3 %`."""
    if before is None or after is None or before == 0:
        return UNKNOWN if before is None or after is None else ("0" if after == 0 else "new")
    return f"{after / before - 1:+.1%}".replace("%", " %") if after != before else "same"


def seconds(value: float | None) -> str:
    """`3.42 s`."""
    return UNKNOWN if value is None else f"{value:.2f} s"


def money(value: float, currency: str) -> str:
    """`1,885.00 USD`."""
    return f"{value:,.2f} {currency}"


def number(value: float | None) -> str:
    """As short as it is exact enough: `0.903`, `12`."""
    return UNKNOWN if value is None else f"{value:.4g}"


def time_of(text: str | None) -> datetime | None:
    """An RFC 3339 time, None where there is none."""
    try:
        return parse_timestamp(text) if text else None
    except ValueError:
        return None


def age(text: str | None, now: datetime | None = None) -> str:
    """How long ago: `5m`, `3h`."""
    at = time_of(text)
    if at is None:
        return UNKNOWN
    return span(((now or datetime.now(UTC)) - at).total_seconds())


def span(length_s: float) -> str:
    """A length of time, the longer the coarser: `90s`, `12m`, `5h`, `3d`."""
    whole = max(0, int(length_s))
    for limit, unit_s, unit in ((120, 1, "s"), (7200, 60, "m"), (172_800, 3600, "h")):
        if whole < limit:
            return f"{whole // unit_s}{unit}"
    return f"{whole // 86_400}d"
