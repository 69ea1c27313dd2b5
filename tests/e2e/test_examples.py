"""Every example is applied as a user would, runs on real processes and ends with its verdict."""

from __future__ import annotations

import pytest

from phoenix.api.pipeline import PipelineDeployment
from phoenix.api.results import VariantResult, Verdict
from phoenix.apimachinery.conditions import is_true
from phoenix.manifest.loader import load_file
from tests.harness.cluster import EXAMPLES, FAST_TIMING, Cluster, example
from tests.harness.eventually import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def by_name(variants: list[VariantResult], name: str) -> VariantResult:
    return next(variant for variant in variants if variant.name == name)


async def test_http_microservices_is_promoted(phoenix: Cluster) -> None:
    done = await phoenix.judged(example("http-microservices.yaml"))
    assert done.status.phase == "Completed", done.status.conditions
    assert done.status.verdict == Verdict.PROMOTE, done.status.verdict_reason
    results = done.status.results
    assert results is not None
    assert results.final
    assert results.input.parity is True
    assert len(set(results.input.digest.values())) == 1
    candidate = by_name(results.variants, "candidate")
    assert candidate.vs_baseline is not None
    assert candidate.vs_baseline.cardinality_reduction is not None
    assert 0.5 <= candidate.vs_baseline.cardinality_reduction <= 0.9
    assert candidate.vs_baseline.signal_loss == 0
    assert candidate.vs_baseline.critical_coverage == 1
    assert candidate.duplicates == 0
    bill = candidate.cost[0]
    assert bill.saving == pytest.approx(bill.baseline - bill.candidate)
    assert bill.saving > 0
    await phoenix.quiet()

    async def edge() -> PipelineDeployment:
        return await phoenix.client.get(PipelineDeployment, "edge", "default")

    promoted = await eventually(
        edge, lambda found: is_true(found.status.conditions, "Available"), within_s=40, what="edge is available"
    )
    assert promoted.status.pipeline_hash == done.status.pipeline_hash["candidate"]


async def test_events_tell_the_life_of_a_run_in_order_with_data(phoenix: Cluster) -> None:
    await phoenix.judged(example("http-microservices.yaml"))

    async def look() -> list[tuple[str, dict[str, str]]]:
        return await phoenix.events_of("http-lean")

    events = await eventually(
        look, lambda found: any(reason == "ExperimentPromoted" for reason, _ in found), within_s=40, what="promotion"
    )
    reasons = [reason for reason, _ in events]
    expected = [
        "ExperimentStarted", "VariantReady", "LoadStarted", "MeasurementStarted", "KPIComputed",
        "ExperimentAnalyzed", "ExperimentCompleted", "ExperimentPromoted",
    ]  # fmt: skip
    places = [reasons.index(reason) for reason in expected]
    assert places == sorted(places), reasons
    analyzed = dict(events)["ExperimentAnalyzed"]
    assert analyzed["verdict"] == "Promote"
    assert float(analyzed["candidate.cardinalityReduction"]) > 0.5


async def test_the_negative_control_is_rejected_and_the_loss_is_named(phoenix: Cluster) -> None:
    done = await phoenix.judged(example("negative-control.yaml"))
    assert done.status.verdict == Verdict.REJECT, done.status.verdict_reason
    assert "user_id" in done.status.verdict_reason or "duplicate" in done.status.verdict_reason
    results = done.status.results
    assert results is not None
    candidate = by_name(results.variants, "candidate")
    assert candidate.duplicates is not None
    assert candidate.duplicates > 0
    assert candidate.counter_resets is not None
    assert sum(signal.duplicates for signal in candidate.signals) > 0
    assert any("user_id" in signal.reason for signal in candidate.signals), candidate.signals
    assert done.status.promotion is None


async def test_a_candidate_that_drops_everything_is_rejected_not_invalid(phoenix: Cluster) -> None:
    (found,) = load_file(EXAMPLES / "negative-control.yaml")
    config = {
        "processors": {"filter": {"error_mode": "ignore", "metrics": {"metric": ['name != ""']}}},
        "service": {"pipelines": {"metrics": {"processors": ["filter"]}}},
    }
    variants = [
        found.wire["spec"]["variants"][0],
        {"name": "candidate", "role": "Candidate", "pipeline": {"config": config}},
    ]
    spec = {**found.wire["spec"], "variants": variants, "timing": FAST_TIMING}
    done = await phoenix.judged({**found.wire, "spec": spec})
    assert done.status.verdict == Verdict.REJECT, done.status.verdict_reason
    results = done.status.results
    assert results is not None
    candidate = by_name(results.variants, "candidate")
    assert (candidate.streams, candidate.active_series, candidate.points) == (0, 0, 0)
    assert candidate.vs_baseline is not None
    assert candidate.vs_baseline.signal_loss == 1
    assert "signalLoss" in done.status.verdict_reason


async def test_an_a_a_run_shows_no_difference(phoenix: Cluster) -> None:
    done = await phoenix.judged(example("aa.yaml"))
    results = done.status.results
    assert results is not None, done.status.conditions
    baseline, same = results.variants
    assert same.vs_baseline is not None
    assert same.vs_baseline.cardinality_reduction == 0
    assert same.vs_baseline.sample_reduction == 0
    assert same.vs_baseline.signal_loss == 0
    assert (baseline.streams, baseline.active_series, baseline.samples, baseline.bytes) == (
        same.streams,
        same.active_series,
        same.samples,
        same.bytes,
    )
    assert done.status.verdict == Verdict.PROMOTE, done.status.verdict_reason
    assert done.status.promotion is None


async def test_this_hosts_own_processes_through_the_tee(phoenix: Cluster) -> None:
    done = await phoenix.judged(example("host-processes.yaml", {"warmup": "2s", "duration": "8s", "interval": "1s"}))
    assert done.status.phase == "Completed", done.status.conditions
    results = done.status.results
    assert results is not None
    assert results.input.parity is True, results.problems
    candidate = by_name(results.variants, "candidate")
    assert candidate.vs_baseline is not None
    assert candidate.vs_baseline.cardinality_reduction is not None
    assert 0.2 < candidate.vs_baseline.cardinality_reduction < 0.8
    assert candidate.vs_baseline.signal_loss == 0, candidate.signals
    assert done.status.verdict == Verdict.PROMOTE, done.status.verdict_reason
    await phoenix.quiet()


async def test_of_three_candidates_the_cheapest_that_passes_ranks_first(phoenix: Cluster) -> None:
    done = await phoenix.judged(example("three-candidates.yaml"))
    assert done.status.verdict == Verdict.PROMOTE, done.status.verdict_reason
    assert done.status.promoted_candidate == "slim"
    assert "slim: cardinalityReduction" in done.status.verdict_reason
    assert "; ranked first of 2: " in done.status.verdict_reason
    assert done.status.results is not None
    ranking = done.status.results.ranking
    assert [(entry.rank, entry.name, entry.verdict) for entry in ranking] == [
        (1, "slim", Verdict.PROMOTE), (2, "lean", Verdict.PROMOTE), (None, "careless", Verdict.REJECT),
    ]  # fmt: skip
    costs = [entry.monthly_cost for entry in ranking[:2]]
    assert None not in costs
    assert costs == sorted(costs, key=lambda cost: cost or 0.0)
    assert "duplicates" in by_name(done.status.results.variants, "careless").reason
    code, out, err = await phoenix.ctl("describe", "experiment/three-candidates")
    assert code == 0, err
    assert [line.split()[:3] for line in out.splitlines() if "Promote" in line and line.split()[0] in "12"] == [
        ["1", "slim", "Promote"], ["2", "lean", "Promote"],
    ]  # fmt: skip


async def test_query_equivalence_names_the_label_a_dashboard_needs(phoenix: Cluster) -> None:
    done = await phoenix.judged(example("query-equivalence.yaml", {**FAST_TIMING, "duration": "8s"}))
    assert done.status.verdict == Verdict.REJECT, done.status.verdict_reason
    assert "depends on the label user_id, which the candidate removed" in done.status.verdict_reason
    assert done.status.results is not None
    queries = by_name(done.status.results.variants, "candidate").queries
    assert {query.name: query.alike for query in queries} == {
        "board/Top users/A": False,
        "board/Requests/A": True,
        "http/http/service:requests:rate5s": True,
        "http/http/Busy": True,
        "http/http/Slow": True,
    }
    assert queries[0].removed_labels == ["user_id"]
    assert next(query for query in queries if query.name == "board/Requests/A").values > 0
