"""Durations and sizes keep their text and know their number."""

import pytest

from phoenix.apimachinery.units import ByteSize, Duration, format_seconds, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("30s", 30), ("1m30s", 90), ("500ms", 0.5), ("1.5h", 5400), ("2h45m", 9900)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)
    assert Duration(text).seconds == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "10", "1d", "s", "-1s", "1s junk", "1 s"])
def test_what_is_no_duration_says_what_one_is(text: str) -> None:
    with pytest.raises(ValueError, match="write a number and a unit"):
        parse_duration(text)


def test_format_is_read_back() -> None:
    for seconds in (0.0, 0.25, 1.0, 90.0, 3600.0, 3661.0):
        assert parse_duration(format_seconds(seconds)) == pytest.approx(seconds)


def test_sizes() -> None:
    assert ByteSize("64Mi").bytes == 64 * 2**20
    assert ByteSize("1.5k").bytes == 1500
