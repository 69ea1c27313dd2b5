"""Times in text, by the directives of `Time` and `FormatTime` (`%Y-%m-%d`), as the Collector reads and writes them.

It goes through Go's layouts: numbers may lack leading zeros and have spaces before them, a fraction of a second may
follow seconds unasked, and written fractions have no zeros at their end.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from phoenix.engine.ottl.zones import LOCAL, fixed, unix_nano, wall_clock, zone

_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DIRECTIVE = re.compile("%(.)", re.DOTALL)
_WORD_OF_GO = re.compile("Jan|Mon|MST|PM|pm")
_LOOSE_FRACTION = re.compile(r"(?:^|[^.,])%[Lfs]")


def _any_of(names: tuple[str, ...], group: str) -> str:
    return f"(?P<{group}>(?i:{'|'.join(names)}))"


def _number(group: str) -> str:
    return rf"\s*(?P<{group}>\d{{1,2}}+)"


_YEAR, _YEAR2 = r"\s*(?P<year>\d{4})", r"\s*(?P<year2>\d\d)"
_MONTH, _DAY, _HOUR, _HOUR12 = _number("month"), _number("day"), _number("hour"), _number("hour12")
_MINUTE = _number("minute")
_SECOND = _number("second") + r"(?:[.,](?P<unasked>\d++))?+"
_DATE = rf"{_MONTH}/{_DAY}/(?:{_YEAR}|{_YEAR2})"
_TIME = f"{_HOUR}:{_MINUTE}:{_SECOND}"
_SHORT_MONTH = _any_of(tuple(name[:3] for name in _MONTHS), "month_name")
_SHORT_DAY = _any_of(tuple(name[:3] for name in _DAYS), "weekday")
_READ = {
    "Y": _YEAR, "y": _YEAR2, "m": _MONTH, "o": _MONTH, "q": _MONTH, "b": _SHORT_MONTH, "h": _SHORT_MONTH,
    "B": _any_of(_MONTHS, "month_name"), "d": _DAY, "e": _DAY, "g": _DAY, "a": _SHORT_DAY,
    "A": _any_of(_DAYS, "weekday"), "H": _HOUR, "l": _HOUR12, "I": _HOUR12, "p": "(?P<half>AM|PM)",
    "P": "(?P<half>am|pm)", "M": _MINUTE, "S": _SECOND,
    "Z": "(?P<zone>ChST|MeST|WITA|GMT[+-][0-9]{1,2}|[A-Z]{4}T|[A-Z]{3}T|[A-Z]{3})(?![A-Z])",
    "z": r"\s*(?P<offset>Z|[+-]\d{4}|[+-]\d\d:\d\d|[+-]\d\d)", "w": r"(?P<offset>[+-]\d{6})",
    "i": r"(?P<offset>[+-]\d\d)", "j": r"(?P<offset>[+-]\d\d:\d\d)",
    "k": r"(?P<offset>[+-]\d\d:\d\d:\d\d)",
    "D": _DATE, "x": _DATE, "F": rf"{_YEAR}-{_MONTH}-{_DAY}", "T": _TIME, "X": _TIME,
    "r": f"{_HOUR12}:{_MINUTE}:{_SECOND}(?: +|$)(?P<half>am|pm)", "R": f"{_HOUR}:{_MINUTE}", "n": "\n", "t": "\t",
    "%": "%", "c": f"{_SHORT_DAY}(?: +|$){_SHORT_MONTH}(?: +|$){_DAY}(?: +|$){_TIME}(?: +|$){_YEAR}",
}  # fmt: skip
_FRACTIONS = {"L": 3, "f": 6, "s": 9}


def validate(form: str) -> None:
    """Check a format.

    Raises:
        ValueError: it is empty, has digits, a directive that does not exist, or a fraction that follows no `.` or `,`.
    """
    if not form:
        raise ValueError("format cannot be nil")
    if re.search(r"\d", form, re.ASCII):
        raise ValueError("format string should not contain decimals")
    if loose := _LOOSE_FRACTION.search(form):
        raise ValueError(f"invalid fractional seconds directive: '{loose[0]}'. must be preceded with '.' or ','")
    unknown = [found[0] for found in _DIRECTIVE.finditer(form) if found[1] not in _READ and found[1] not in _FRACTIONS]
    if unknown:
        raise ValueError(f"invalid strptime format: unsupported directive: {', '.join(unknown)}")
    if word := _WORD_OF_GO.search(_DIRECTIVE.sub("\n", form)):
        raise ValueError(f"{word[0]!r} in a format is a directive in Go, which the embedded engine does not read")


def _pieces(form: str) -> Iterator[tuple[str, str]]:
    """Literal text and directives ("", letter), in order; a `.` or `,` before a fraction belongs to it."""
    at = 0
    for found in _DIRECTIVE.finditer(form):
        literal = form[at : found.start()]
        at = found.end()
        if found[1] in _FRACTIONS and literal:
            yield literal[:-1], literal[-1] + found[1]
        else:
            yield literal, found[1]
    yield form[at:], ""


def _literal(text: str) -> str:
    return "".join("(?: +|$)" if part.startswith(" ") else re.escape(part) for part in re.findall(" +|[^ ]+", text))


def reader(form: str, location: str | None) -> Callable[[str], tuple[int, tzinfo]]:
    """A function that reads a text: its moment in Unix nanoseconds, and the zone it was told in.

    What the text lacks is January, the 1st, midnight; a year it lacks is this one, or the last where this one would be
    more than a week ahead. Without a location it is UTC if the format ends in `Z`, otherwise the host's zone.

    Raises:
        ValueError: the format or the location is wrong; so does the function for a text of another form.
    """
    validate(form)
    default = zone(location) if location else UTC if form.endswith("Z") else LOCAL
    parts, seen = [], set()
    for literal, directive in _pieces(form):
        parts.append(_literal(literal))
        if len(directive) == 2:
            parts.append(r"(?:[.,](?P<asked>\d++))?+")
        elif directive:
            parts.append(_READ[directive])
    pattern = "".join(parts)
    for name in re.findall(r"\?P<(\w+)>", pattern):
        if name in seen:  # what is told twice counts as told the last time
            pattern = pattern.replace(f"(?P<{name}>", "(?:", 1)
        seen.add(name)
    if "(?P<asked>" in pattern:
        pattern = pattern.replace(r"(?:[.,](?P<unasked>\d++))?+", "")
    compiled = re.compile(pattern, re.ASCII)

    def read(text: str) -> tuple[int, tzinfo]:
        found = compiled.fullmatch(text)
        if not found:
            raise ValueError(f"cannot parse {text!r} as {form!r}")
        return _Told({name: value for name, value in found.groupdict().items() if value is not None}, default).moment()

    return read


@dataclass(frozen=True, slots=True)
class _Told:
    """What a text told, by the names of groups."""

    by: dict[str, str]
    default: tzinfo

    def moment(self) -> tuple[int, tzinfo]:
        year = self._year()
        clock = self._hour(), self._number("minute", 0), self._number("second", 0)
        shown = datetime(year or 2000, self._month(), self._number("day", 1), *clock)  # noqa: DTZ001 (zone: below)
        rest = int((self.by.get("asked") or self.by.get("unasked") or "0")[:9].ljust(9, "0"))
        at = self._zone(shown)
        if not year:
            shown = _this_year(shown, at)
        # NB: as in Go the clock of `GMT+3` is read as that of UTC; only what is written later is three hours ahead
        read_in = UTC if self.by.get("zone", "")[3:] and "offset" not in self.by and "GMT" in self.by["zone"] else at
        return unix_nano(shown.replace(tzinfo=read_in), rest), at

    def _number(self, name: str, otherwise: int) -> int:
        return int(self.by.get(name, otherwise))

    def _year(self) -> int:
        if (short := self.by.get("year2")) is not None and "year" not in self.by:
            return int(short) + (1900 if int(short) >= 69 else 2000)
        return self._number("year", 0)

    def _month(self) -> int:
        name = self.by.get("month_name")
        if name is None:
            return self._number("month", 1)
        return 1 + [month[:3].lower() for month in _MONTHS].index(name[:3].lower())

    def _hour(self) -> int:
        hour = self._number("hour", self._number("hour12", 0))
        if "hour12" in self.by and hour > 12:
            raise ValueError(f"hour {hour} out of range of a clock of 12 hours")
        half = self.by.get("half", "").lower()
        return hour + 12 if half == "pm" and hour < 12 else 0 if half == "am" and hour == 12 else hour

    def _zone(self, shown: datetime) -> tzinfo:
        if (offset := self.by.get("offset")) is not None:
            return UTC if offset == "Z" else self._of_offset(offset, shown)
        name = self.by.get("zone")
        if name is None or shown.replace(tzinfo=self.default).tzname() == name:
            return self.default
        if name.startswith("GMT") and len(name) > 3:
            return fixed(int(name[3:]) * 3600, name)
        return zone(name)

    def _of_offset(self, text: str, shown: datetime) -> tzinfo:
        digits = text[1:].replace(":", "").ljust(6, "0")
        hours, minutes, seconds = (int(digits[at : at + 2]) for at in (0, 2, 4))
        if hours > 24 or minutes > 60 or seconds > 60:
            raise ValueError(f"time zone offset {text} out of range")
        ahead = (hours * 3600 + minutes * 60 + seconds) * (-1 if text[0] == "-" else 1)
        same = shown.replace(tzinfo=self.default).utcoffset() == timedelta(seconds=ahead)
        return self.default if same else UTC if not ahead else fixed(ahead)


def _this_year(shown: datetime, at: tzinfo) -> datetime:
    now, _ = wall_clock(time.time_ns(), LOCAL)
    near = shown.replace(year=now.year)
    return near.replace(year=now.year - 1) if near.replace(tzinfo=at) > now + timedelta(days=7) else near


def writer(form: str) -> Callable[[int, tzinfo], str]:
    """A function that writes a moment, in Unix nanoseconds, as clocks of a zone show it.

    Raises:
        ValueError: the format is wrong; so does the function for a moment outside the years 1 to 9999.
    """
    validate(form)
    pieces = list(_pieces(form))

    def write(unix_nano: int, at: tzinfo) -> str:
        shown, rest = wall_clock(unix_nano, at)
        return "".join(literal + _written(directive, shown, rest) for literal, directive in pieces)

    return write


def _offset(shown: datetime, separator: str, parts: int) -> str:
    ahead = int((shown.utcoffset() or timedelta()).total_seconds())
    minutes, seconds = divmod(abs(ahead), 60)
    numbers = (*divmod(minutes, 60), seconds)
    return ("-" if ahead < 0 else "+") + separator.join(f"{number:02d}" for number in numbers[:parts])


def _zone_name(shown: datetime) -> str:
    name = shown.tzname() or ""
    if not name.startswith("UTC") or name == "UTC":
        return name
    return _offset(shown, "", 2)  # a plain offset has no name


_WRITTEN: dict[str, Callable[[datetime], str]] = {
    "Y": lambda at: f"{at.year:04d}", "y": lambda at: f"{at.year % 100:02d}", "m": lambda at: f"{at.month:02d}",
    "o": lambda at: f"_{at.month}",  # NB: no such directive in Go: its underscore stays
    "q": lambda at: str(at.month), "b": lambda at: _MONTHS[at.month - 1][:3], "h": lambda at: _MONTHS[at.month - 1][:3],
    "B": lambda at: _MONTHS[at.month - 1], "d": lambda at: f"{at.day:02d}", "e": lambda at: f"{at.day:2d}",
    "g": lambda at: str(at.day), "a": lambda at: _DAYS[at.weekday()][:3], "A": lambda at: _DAYS[at.weekday()],
    "H": lambda at: f"{at.hour:02d}", "l": lambda at: str(at.hour % 12 or 12),
    "I": lambda at: f"{at.hour % 12 or 12:02d}", "p": lambda at: "PM" if at.hour >= 12 else "AM",
    "P": lambda at: "pm" if at.hour >= 12 else "am", "M": lambda at: f"{at.minute:02d}",
    "S": lambda at: f"{at.second:02d}", "Z": _zone_name,
    "z": lambda at: _offset(at, "", 2) if at.utcoffset() else "Z", "w": lambda at: _offset(at, "", 3),
    "i": lambda at: _offset(at, "", 1), "j": lambda at: _offset(at, ":", 2), "k": lambda at: _offset(at, ":", 3),
    "D": lambda at: f"{at.month:02d}/{at.day:02d}/{at.year:04d}", "F": lambda at: f"{at.year:04d}-{at:%m-%d}",
    "T": lambda at: f"{at:%H:%M:%S}", "R": lambda at: f"{at:%H:%M}", "n": lambda _at: "\n", "t": lambda _at: "\t",
    "%": lambda _at: "%",
}  # fmt: skip
_MADE_OF = {"x": "%D", "X": "%T", "r": "%I:%M:%S %P", "c": "%a %b %d %H:%M:%S %Y"}


def _written(directive: str, shown: datetime, rest_ns: int) -> str:
    if not directive:
        return ""
    if len(directive) == 2:
        digits = f"{rest_ns:09d}"[: _FRACTIONS[directive[1]]].rstrip("0")
        return directive[0] + digits if digits else ""
    if directive in _MADE_OF:
        return "".join(literal + _written(inner, shown, rest_ns) for literal, inner in _pieces(_MADE_OF[directive]))
    return _WRITTEN[directive](shown)
