"""What comes over the wire is refused where it does not decode, also where no part of the pipeline looks inside."""

from __future__ import annotations

import pytest

from phoenix.engine.receivers.intake import Intake, Unreadable
from tests.unit.engine.harness import Sink, settings
from tests.unit.engine.otlp import number_metric, request

DATA = request(number_metric("sum", "calls", [({"user": "abc"}, 1), ({"user": "d"}, 2)])).SerializeToString()
BROKEN = DATA.replace(b"\x0a\x04user\x12\x05", b"\x0a\x04user\x12\x06")
"""The first attribute's value reaches over the attribute's end, while all that is above points is whole."""


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def intake(sink):
    return Intake(settings("otlp"), sink, "http")


async def test_broken_points_are_refused_however_often_they_come(intake):
    assert BROKEN != DATA
    for _ in range(5):  # from the second on their shape could be known
        with pytest.raises(Unreadable):
            await intake.read(BROKEN)


async def test_others_pass_as_they_came_and_by_their_shape(intake, sink):
    for _ in range(5):
        await intake.hand_on(await intake.read(DATA))
    assert [(taken.points, taken.encoded(), taken.undecoded()) for taken in sink.taken] == [(2, DATA, DATA)] * 5
    assert sink.taken[-1].shape is not None
