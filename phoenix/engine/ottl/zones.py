"""Where a moment is looked at from: the host's own zone, those of the IANA database, and plain offsets."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_NS = 1_000_000_000
ZERO_TIME_UNIX_NANO = -62_135_596_800_000_000_000
"""Go truncates relative to year 1, not to 1970; the two differ for lengths that do not divide a day."""


class _Local(tzinfo):
    """The host's zone, by the C library: what Go calls Local."""

    def _of(self, moment: datetime) -> time.struct_time:
        naive = moment.replace(tzinfo=None)
        return time.localtime(naive.timestamp())  # a naive datetime's timestamp reads it as local

    def utcoffset(self, moment: datetime | None) -> timedelta:
        return timedelta(seconds=self._of(moment).tm_gmtoff if moment else 0)

    def dst(self, _moment: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, moment: datetime | None) -> str:
        return self._of(moment).tm_zone if moment else "Local"

    def fromutc(self, moment: datetime) -> datetime:
        seconds = (moment.replace(tzinfo=UTC) - _EPOCH).total_seconds()
        return moment + timedelta(seconds=time.localtime(seconds).tm_gmtoff)


LOCAL = _Local()


def zone(name: str) -> tzinfo:
    """A zone of the IANA database.

    Raises:
        ValueError: it has none of that name, or the host has no database.
    """
    if name in {"UTC", ""}:
        return UTC
    if name == "Local":
        return LOCAL
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"failed to load location {name}: the host's time zone database has none") from error


def fixed(offset_s: int, name: str | None = None) -> tzinfo:
    """The zone that is always so many seconds ahead of UTC."""
    ahead = timedelta(seconds=offset_s)
    return timezone(ahead) if name is None else timezone(ahead, name)


def wall_clock(unix_nano: int, at: tzinfo) -> tuple[datetime, int]:
    """What clocks of a zone show, to the second, and the nanoseconds beyond.

    Raises:
        ValueError: the year has not four digits.
    """
    seconds, rest = divmod(unix_nano, _SECOND_NS)
    try:
        return (_EPOCH + timedelta(seconds=seconds)).astimezone(at), rest
    except OverflowError as error:
        raise ValueError(f"{unix_nano} ns since 1970 is outside the years 1 to 9999") from error


def unix_nano(shown: datetime, rest_ns: int) -> int:
    """The moment of what a clock shows: an aware datetime and the nanoseconds beyond its seconds."""
    elapsed = shown.astimezone(UTC) - _EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * _SECOND_NS + rest_ns
