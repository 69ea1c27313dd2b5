"""Bills, redone by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from phoenix.analysis.cost import MONTH_S, Usage, can_price, collector_cost, compare_cost, price, usage_of
from phoenix.analysis.totals import totals_of
from phoenix.analysis.usage import usage_of_run
from phoenix.analysis.windows import join
from phoenix.api.analysis import CostSpec
from phoenix.api.pricebook import PriceBook, PriceBookSpec, WindowStatistic
from phoenix.samples.model import OutputSample
from tests.unit.analysis.runs import START, WINDOW, Run

CATALOG = Path(__file__).parents[3] / "resources" / "catalog" / "pricebooks.yaml"


def book(*meters: dict[str, Any]) -> PriceBookSpec:
    return PriceBookSpec.from_wire({"version": "v1", "meters": list(meters)})


def total(unit: str, units: float, *tiers: dict[str, Any], included: float = 0) -> float:
    usage = Usage(*(units if name == unit else 0 for name in ("activeSeries", "samples", "bytes")))
    return round(price(book({"unit": unit, "included": included, "tiers": list(tiers)}), usage).total, 2)


# docs: 50 000 → 12 500 series, 0.1 sample/s each, 30 days: 12.96 and 3.24 thousand million samples.
SAMPLES = (50_000 * 0.1 * 86_400 * 30, 12_500 * 0.1 * 86_400 * 30)
PER_10M = 10_000_000
TWO_TIERS = ({"upTo": 2e9, "price": 0.9, "per": PER_10M}, {"price": 0.35, "per": PER_10M})


@pytest.mark.parametrize(
    ("unit", "units", "tiers", "included", "bill"),
    [
        ("activeSeries", 50_000, ({"price": 5, "per": 100},), 0, 2500.00),
        ("activeSeries", 12_500, ({"price": 5, "per": 100},), 0, 625.00),
        ("activeSeries", 300_000, ({"price": 6.5, "per": 1000},), 10_000, 1885.00),
        ("activeSeries", 75_000, ({"price": 6.5, "per": 1000},), 10_000, 422.50),
        ("activeSeries", 9_999, ({"price": 6.5, "per": 1000},), 10_000, 0.00),
        ("samples", SAMPLES[0], ({"upTo": 50e9, "price": 0.06, "per": 1e6},), 0, 777.60),
        ("samples", SAMPLES[1], ({"upTo": 50e9, "price": 0.06, "per": 1e6},), 0, 194.40),
        ("samples", SAMPLES[0], TWO_TIERS, 0, 563.60),
        ("samples", SAMPLES[1], TWO_TIERS, 0, 223.40),
        ("samples", SAMPLES[0], ({"price": 0.16, "per": PER_10M},), 0, 207.36),
        ("samples", SAMPLES[1], ({"price": 0.16, "per": PER_10M},), 0, 51.84),
        # What is included are the first units: 1.5 of the first 2, then 3 of the next.
        ("bytes", 5, ({"upTo": 2, "price": 10}, {"price": 1}), 0.5, 18.00),
        ("bytes", 5, ({"upTo": 2, "price": 10}, {"price": 1}), 3, 2.00),
        # Past the last bound the last price holds.
        ("bytes", 5, ({"upTo": 2, "price": 10}, {"upTo": 3, "price": 1}), 0, 23.00),
    ],
)  # fmt: skip
def test_bills(unit: str, units: float, tiers: tuple[dict[str, Any], ...], included: float, bill: float) -> None:
    assert total(unit, units, *tiers, included=included) == bill


def test_usage_is_what_was_measured_for_a_month_of_30_days_and_a_fleet() -> None:
    assert MONTH_S == 2_592_000
    usage = usage_of(active_series=1000, samples=6000, size_bytes=60_000, measured_s=60, hosts=200)
    assert usage == Usage(200_000, 6000 / 60 * 2_592_000 * 200, 60_000 / 60 * 2_592_000 * 200)


def test_a_person_can_redo_the_sum() -> None:
    meters = (
        {"unit": "activeSeries", "included": 100, "tiers": [{"price": 5, "per": 100}]},
        {"unit": "samples", "tiers": [{"upTo": 1000, "price": 2, "per": 1000}, {"price": 1, "per": 1000}]},
    )
    cost = compare_cost("b", book(*meters), Usage(300, 3000, 0), Usage(80, 500, 0), hosts=7)
    assert (cost.price_book, cost.baseline, cost.candidate, cost.saving) == ("b@v1", 14.0, 1.0, 13.0)
    assert cost.inputs == {
        "hosts": 7, "monthSeconds": 2_592_000, "baseline.activeSeries": 300, "candidate.activeSeries": 80,
        "baseline.samples": 3000, "candidate.samples": 500,
    }  # fmt: skip
    assert cost.formula == (
        "baseline: activeSeries: (300 − 100 included) × 5/100 + samples: 1,000 × 2/1,000 + (3,000 − 1,000) × 1/1,000 "
        "= 14.00; "
        "candidate: activeSeries: 80 are included + samples: 500 × 2/1,000 = 1.00"
    )


def test_the_book_that_ships_says_that_it_is_made_up() -> None:
    wire = next(iter(YAML(typ="safe").load_all(CATALOG.read_text())))
    shipped = PriceBook.from_wire(wire)
    assert (shipped.metadata.name, shipped.spec.confidence.value) == ("illustrative", "illustrative")
    assert "illustrative" in shipped.spec.product
    # (50 000 − 10 000) · 5/1000 + 10 000 M · 0.10/M + 2 960 M · 0.05/M
    assert price(shipped.spec, Usage(50_000, SAMPLES[0], 0)).total == pytest.approx(200 + 1000 + 148)


def shipped(name: str, **meter: float) -> PriceBookSpec:
    """A shipped book, with fields of its one meter changed as the worked check asks."""
    books = {wire["metadata"]["name"]: wire for wire in YAML(typ="safe").load_all(CATALOG.read_text())}
    found = PriceBook.from_wire(books[name]).spec
    return found.model_copy(update={"meters": [found.meters[0].model_copy(update=meter)]})


@pytest.mark.parametrize(
    ("name", "changed", "baseline", "candidate"),
    [
        ("datadog-timeseries", {"included_per_host": 0}, 2500.00, 625.00),
        ("grafana-cloud", {}, 1885.00, 422.50),
        ("google-prometheus", {}, 777.60, 194.40),
        ("amazon-prometheus", {"included": 0}, 563.60, 223.40),
        ("azure-prometheus", {}, 207.36, 51.84),
    ],
)
def test_the_worked_check_of_the_vendors_books(
    name: str, changed: dict[str, float], baseline: float, candidate: float
) -> None:
    before, after = (Usage(series, samples, 0) for series, samples in zip((50_000, 12_500), SAMPLES, strict=True))
    result = compare_cost(name, shipped(name, **changed), before, after, hosts=1)
    assert (round(result.baseline, 2), round(result.candidate, 2)) == (baseline, candidate)


def test_an_allotment_may_swallow_the_saving() -> None:
    result = compare_cost("d", shipped("datadog-timeseries"), Usage(90_000, 0, 0), Usage(10_000, 0, 0), hosts=1_000)
    assert (result.baseline, result.candidate, result.saving) == (0, 0, 0)


def test_points_are_billed_as_series_only_above_what_is_included() -> None:
    book_ = shipped("grafana-cloud", included=0)
    slow, fast = (Usage(1_000, 1_000 * a_minute * 43_200, 0) for a_minute in (0.5, 6))
    assert price(book_, slow).total == pytest.approx(6.5)
    assert price(book_, fast).total == pytest.approx(39.0)
    assert "6,000 a minute / 1 included" in price(book_, fast).formula


def test_an_uncertain_mapping_gives_a_range_and_collectors_are_netted() -> None:
    book_ = shipped("new-relic", included=0)
    result = compare_cost("n", book_, Usage(0, 0, 100e9), Usage(0, 0, 50e9), hosts=1, added=3.0)
    assert (result.saving, result.saving_low, result.saving_high) == (20.0, 10.0, 100.0)
    assert (result.collector_cost, result.net_saving) == (3.0, 17.0)


def test_collectors_cost_what_they_take_and_nothing_is_made_up() -> None:
    spec = CostSpec(core_month=20.0, gib_month=4.0, hosts=10)
    assert collector_cost(spec, 0.5, float(1 << 29)) == pytest.approx(120.0)
    assert collector_cost(spec, None, 1.0) is None
    assert collector_cost(CostSpec(), 0.5, 1.0) is None


def test_metric_names_are_billed_and_bring_points_that_are_free() -> None:
    # Datadog's metric-name pricing with made-up rates: names a month, and points beyond ten million for each of them.
    by_name = book(
        {"unit": "metricNames", "tiers": [{"price": 2.0}]},
        {"unit": "samples", "includedPerMetricName": 10e6, "tiers": [{"price": 0.10, "per": 1e6}]},
    )
    bill = price(by_name, Usage(50_000, 900e6, 0, metric_names=40))
    assert bill.total == pytest.approx(40 * 2.0 + (900 - 400) * 0.10)
    assert "metricNames: 40 × 2/1" in bill.formula
    assert can_price(by_name, Usage(1, 1, 1, metric_names=1))
    assert not can_price(by_name, Usage(1, 1, 1))
    # Fewer series of the same names and points save nothing there.
    result = compare_cost("n", by_name, Usage(9, 1e6, 0, metric_names=4), Usage(1, 1e6, 0, metric_names=4), hosts=1)
    assert result.saving == 0


def churning(windows: int, new: int, *, stay: int = 100) -> Usage:
    """`stay` series throughout, and in each window of 2 s `new` others that are gone in the next."""
    run = Run(windows=windows)
    for index, sample in enumerate(run.of(OutputSample, "cand")):
        ended = [(START + at * WINDOW, new) for at in range(index)]
        sample.active_series_by_last_window = [*ended, (sample.window_start, stay + new)]
        sample.metric_names = 3 + index % 2
    inputs = run.input()
    joined = join(inputs)
    totals = totals_of(inputs, joined, "cand")
    assert totals is not None
    return usage_of_run(inputs, joined, "cand", totals)


@pytest.mark.parametrize(
    ("statistic", "series"),
    # 40 windows of 2 s in billing windows of 20 s: each has 100 series and ten times 5.
    [("Mean", 150.0), ("P95", 150.0), ("P99", 150.0), ("Max", 150.0)],
)
def test_series_are_counted_exactly_in_billing_windows(statistic: str, series: float) -> None:
    usage = churning(40, 5)
    assert usage.active_series == 100 + 40 * 5
    assert usage.metric_names == 4
    meter = {"unit": "activeSeries", "window": "20s", "statistic": statistic, "tiers": [{"price": 1}]}
    bill = price(book(meter), usage)
    assert bill.total == series
    assert f"{statistic.lower()} of counts by 20s: 150 × 1/1" in bill.formula


def test_percentiles_drop_the_highest_windows() -> None:
    counts = churning(40, 0).counts
    assert counts is not None
    for index, sample in enumerate(counts.by_host[0]):
        sample.active_series_by_last_window = [(sample.window_start, 1000 if index == 7 else index)]
    over = {statistic: counts.over(2.0, statistic) for statistic in WindowStatistic}
    assert over == {"Mean": (sum(range(40)) - 7 + 1000) / 40, "P95": 38.0, "P99": 1000.0, "Max": 1000.0}


def test_a_run_shorter_than_the_billing_window_says_so_and_gives_a_range_for_what_comes_new() -> None:
    hourly = book({"unit": "activeSeries", "window": "1h", "statistic": "Mean", "tiers": [{"price": 1}]})
    result = compare_cost("h", hourly, churning(10, 5), churning(10, 0), hosts=1)
    # Measured 20 s: 100 + 50 series; the rest of the hour, 3,580 s, adds 2.5 a second.
    assert (result.baseline, result.candidate) == (150.0, 100.0)
    assert (result.saving, result.saving_low, result.saving_high) == (50.0, 50.0, 50.0 + 2.5 * 3580)
    assert result.assumptions[:3] == [
        "the 20 s measured repeat for a month of 30 days",
        "this run is all there is (cost.hosts 1)",
        "it is the whole account: tiers and what is included are not used up by others",
    ]
    assert result.assumptions[3].startswith(
        "series are billed as the mean of counts by 1h; this run is shorter than one"
    )
    assert result.assumptions[3].endswith("series that come new at its pace would add to it: the range has them")
    still = compare_cost("h", hourly, churning(10, 0), churning(10, 0, stay=50), hosts=3)
    assert (still.saving, still.saving_low) == (50.0, None)
    assert still.assumptions[1] == "the fleet sends 3 times what this run did"


def test_a_billing_window_is_of_series() -> None:
    with pytest.raises(ValueError, match="window 1h: only activeSeries are counted by windows"):
        book({"unit": "samples", "window": "1h", "tiers": [{"price": 1}]})
