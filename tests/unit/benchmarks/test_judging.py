"""What benchmarks say of their figures: passes, misses, skips and breaks, and that a page names no machine."""

from pathlib import Path

import pytest

from benchmarks import __main__ as runner
from benchmarks.report import document, printed
from benchmarks.result import Outcome, Row, Setting, Spread, at_least, at_most, ratios

SETTING = Setting(pairs=3, stretch=1.0, directory=Path("/tmp"))


def test_a_ratio_is_taken_pair_by_pair_and_the_median_judged() -> None:
    # The machine got three times slower for the last pair: the ratio does not see it.
    spread = ratios([100, 90, 30], [100, 100, 30])
    assert spread == Spread(1.0, 0.9, 1.0)
    assert at_least(1.0).met(spread)
    assert not at_most(0.99).met(spread)


def test_uneven_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        ratios([1, 2], [1])


def outcome(*rows: Row, **more: str) -> Outcome:
    return Outcome("creates", "Creates", 1.0, list(rows), **more)


@pytest.mark.parametrize(
    ("given", "failed"),
    [
        (outcome(Row("a", "1/s", measured=Spread(0.8, 0.1, 2.0), goal=at_least(0.8))), False),
        (outcome(Row("a", "1/s", measured=Spread(0.79, 0.1, 2.0), goal=at_least(0.8))), True),
        (outcome(Row("a", "1/s", measured=Spread(0.1, 0.1, 0.1))), False),
        (outcome(Row("a", "1/s", note="not compared")), False),
        (outcome(skipped="etcd is not installed"), False),
        (outcome(error="RuntimeError: 9 of 10 were stored"), True),
    ],
    ids=["met", "missed", "no goal", "no peer", "skipped", "broken"],
)
def test_only_a_missed_bar_or_a_broken_benchmark_fails(given: Outcome, failed: bool) -> None:
    assert given.failed is failed


def test_a_row_is_printed_with_ratio_spread_goal_and_verdict() -> None:
    text = printed(outcome(Row("create", "90/s", "etcd 100/s", Spread(0.9, 0.7, 1.1), goal=at_least(0.8), note="n")))
    assert "pass   create: 90/s; etcd 100/s" in text
    assert "0.90x, spread 0.70x to 1.10x, goal at least 0.80x" in text
    assert "MISSED" in printed(outcome(Row("create", "9/s", measured=Spread(0.1, 0.1, 0.1), goal=at_least(0.8))))
    assert "skipped: no etcd" in printed(outcome(skipped="no etcd"))


def test_the_page_names_neither_host_nor_path(tmp_path: Path) -> None:
    row = Row("meter", "9 points/s", measured=Spread(9, 8, 10), unit="points/s", goal=at_least(10))
    page = document([outcome(row, how="How.", limit="The disk.")], Setting(3, 1.0, tmp_path))
    assert (
        "| meter | 9 points/s |  | **9 points/s** (8 points/s to 10 points/s) | at least 10 points/s | MISSED |" in page
    )
    assert "The disk." in page
    assert str(tmp_path) not in page
    assert Path("/etc/hostname").read_text().strip() not in page


def test_what_is_not_installed_is_skipped_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = runner.measure("creates", SETTING)
    assert found.skipped == "wrk is not installed (Debian package wrk): run `make bench-deps`"
    assert not found.failed


def test_an_unknown_benchmark_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        runner.main(["create"])
    assert ended.value.code == 2
    assert "there are: creates, watches" in capsys.readouterr().err
