"""Flags of whoever serves: what they mean, and that nonsense is refused with what to give instead."""

from __future__ import annotations

import argparse

import pytest

from phoenix.apiserver.flags import ServingOptions, add_flags, options_of, port


def parsed(*arguments: str) -> ServingOptions:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return options_of(parser, parser.parse_args(arguments))


def test_without_flags_what_is_kept_is_what_kubernetes_and_the_store_keep() -> None:
    found = parsed()
    assert (found.event_ttl_s, found.history) == (3600.0, 20_000)
    assert found.settings()["history"] == 20_000
    assert "event_ttl_s" not in found.settings()  # the controllers', not the server's


def test_less_may_be_kept() -> None:
    found = parsed("--event-ttl=90s", "--history=500")
    assert (found.event_ttl_s, found.history) == (90.0, 500)


@pytest.mark.parametrize(
    "wrong", ["--event-ttl=soon", "--event-ttl=0s", "--history=-1", "--history=0", "--history=1.5", "--history=many"]
)
def test_nonsense_is_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parsed(wrong)
    assert wrong.partition("=")[0] in capsys.readouterr().err


def test_a_port_is_one_that_can_be_listened_on() -> None:
    assert (port("0"), port("65535")) == (0, 65535)
    for wrong in ("65536", "99999", "-1", "7443x", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="1 to 65535"):
            port(wrong)
