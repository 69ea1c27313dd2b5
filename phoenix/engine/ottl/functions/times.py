"""Converters of times and durations, all in nanoseconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from phoenix.engine.config.durations import parse_duration_ns
from phoenix.engine.ottl.context import Context
from phoenix.engine.ottl.errors import OttlError, OttlSyntaxError
from phoenix.engine.ottl.functions.text import need_int, need_text
from phoenix.engine.ottl.paths import Getter
from phoenix.engine.ottl.signature import Function, by_identity, params
from phoenix.engine.ottl.strptime import reader, writer
from phoenix.engine.ottl.values import Duration, Time, Value, kind_name
from phoenix.engine.ottl.zones import LOCAL, ZERO_TIME_UNIX_NANO, wall_clock


def _need_time(value: Value, name: str) -> Time:
    if not isinstance(value, Time):
        raise OttlError(f"{name} expects a time, not {kind_name(value)}")
    return value


def _need_duration(value: Value, name: str) -> Duration:
    if not isinstance(value, Duration):
        raise OttlError(f"{name} expects a duration, not {kind_name(value)}")
    return value


def _duration(text: Getter) -> Getter:
    def get(context: Context) -> Value:
        try:
            return Duration(parse_duration_ns(need_text(text(context), "Duration")))
        except ValueError as error:
            raise OttlError(str(error)) from error

    return get


def _truncate_time(moment: Getter, length: Getter) -> Getter:
    def get(context: Context) -> Value:
        at, step = _need_time(moment(context), "TruncateTime"), _need_duration(length(context), "TruncateTime")
        return at.moved(at - (at - ZERO_TIME_UNIX_NANO) % step) if step > 0 else at

    return get


def _now() -> Getter:
    return lambda _context: Time.seen_from(time.time_ns(), LOCAL)


def _unix(name: str, divisor: int) -> Callable[[Getter], Getter]:
    def build(moment: Getter) -> Getter:
        return lambda context: int(_need_time(moment(context), name)) // divisor

    return build


def _time_of_unix(seconds: Getter, nanoseconds: Getter | None) -> Getter:
    def get(context: Context) -> Value:
        beyond = 0 if nanoseconds is None else need_int(nanoseconds(context), "Unix")
        return Time.seen_from(need_int(seconds(context), "Unix") * 1_000_000_000 + beyond, LOCAL)

    return get


def _time(text: Getter, form: str, location: str | None, locale: str | None) -> Getter:
    if locale is not None and not locale.lower().startswith("en"):
        raise OttlSyntaxError(
            f"Time: the embedded engine reads English names only, not locale {locale!r}: run this on engine: Otelcol"
        )
    try:
        read = reader(form, location)
    except ValueError as error:
        raise OttlSyntaxError(f"Time: {error}") from error

    def get(context: Context) -> Value:
        try:
            return Time.seen_from(*read(need_text(text(context), "Time")))
        except (ValueError, OverflowError) as error:
            raise OttlError(f"Time: {error}") from error

    return get


def _format_time(moment: Getter, form: str) -> Getter:
    try:
        write = writer(form)
    except ValueError as error:
        raise OttlSyntaxError(f"FormatTime: {error}") from error

    def get(context: Context) -> Value:
        at = _need_time(moment(context), "FormatTime")
        try:
            return write(int(at), at.zone)
        except ValueError as error:
            raise OttlError(f"FormatTime: {error}") from error

    return get


def _part(name: str, part: Callable[[datetime, int], int]) -> Function:
    """A converter of a time to one part of its date or clock, in the time's own zone."""

    def build(moment: Getter) -> Getter:
        def get(context: Context) -> Value:
            at = _need_time(moment(context), name)
            try:
                return part(*wall_clock(int(at), at.zone))
            except ValueError as error:
                raise OttlError(f"{name}: {error}") from error

        return get

    return Function(name, _TIME, build)


def _length(name: str, divisor: int) -> Callable[[Getter], Getter]:
    """Nanoseconds to Milliseconds are whole numbers, Seconds and longer are fractional, as in Go."""

    def build(length: Getter) -> Getter:
        def get(context: Context) -> Value:
            value = int(_need_duration(length(context), name))
            return value // divisor if divisor < 1_000_000_000 else value / divisor

        return get

    return build


_TIME = params("time:moment")
_DURATION = params("duration:length")

TIMES = (
    Function("Now", (), _now),
    # not by identity: what lacks a year is of this one
    Function("Time", params("time:string format:text location:text? locale:text?"), _time),
    *by_identity(
        Function("Duration", params("duration:string"), _duration),
        Function("TruncateTime", params("time:moment duration:length"), _truncate_time),
        Function("FormatTime", params("time:moment format:text"), _format_time),
        Function("Unix", params("seconds:integer nanoseconds:integer?"), _time_of_unix),
        Function("UnixNano", _TIME, _unix("UnixNano", 1)),
        Function("UnixMicro", _TIME, _unix("UnixMicro", 1_000)),
        Function("UnixMilli", _TIME, _unix("UnixMilli", 1_000_000)),
        Function("UnixSeconds", _TIME, _unix("UnixSeconds", 1_000_000_000)),
        _part("Year", lambda at, _rest: at.year),
        _part("Month", lambda at, _rest: at.month),
        _part("Day", lambda at, _rest: at.day),
        _part("Hour", lambda at, _rest: at.hour),
        _part("Minute", lambda at, _rest: at.minute),
        _part("Second", lambda at, _rest: at.second),
        _part("Nanosecond", lambda _at, rest: rest),
        _part("Weekday", lambda at, _rest: at.isoweekday() % 7),
        Function("Nanoseconds", _DURATION, _length("Nanoseconds", 1)),
        Function("Microseconds", _DURATION, _length("Microseconds", 1_000)),
        Function("Milliseconds", _DURATION, _length("Milliseconds", 1_000_000)),
        Function("Seconds", _DURATION, _length("Seconds", 1_000_000_000)),
        Function("Minutes", _DURATION, _length("Minutes", 60_000_000_000)),
        Function("Hours", _DURATION, _length("Hours", 3_600_000_000_000)),
    ),
)
