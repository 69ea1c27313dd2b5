"""Phoenix answers as a kube-apiserver did, but for what is listed with its reason."""

from __future__ import annotations

from conformance import golden, report
from conformance.differences import Judged, groups
from conformance.suite import FILES, SCENARIOS


def test_nothing_differs_that_is_not_listed(judged: Judged) -> None:
    assert [
        f"{one.place}: kube-apiserver {one.kube!r:.200}, Phoenix {one.phoenix!r:.200}" for one in judged.unlisted
    ] == []


def test_nothing_is_listed_that_differs_no_longer(judged: Judged) -> None:
    assert judged.stale == []


def test_the_page_is_as_it_would_be_written(judged: Judged) -> None:
    assert report.PAGE.read_text(encoding="utf-8") == report.document(judged), "run `python -m conformance page`"


def test_every_scenario_was_recorded_and_no_other() -> None:
    assert {path.stem for path in golden.FOLDER.glob("*.json")} == {one.name for one in SCENARIOS}
    assert golden.version().startswith("v1.")


def test_the_suite_is_as_wide_as_it_is_meant_to_be() -> None:
    assert sum(one.requests for one in SCENARIOS) >= 250
    assert len({one.name for one in SCENARIOS}) == len(SCENARIOS) == sum(map(len, FILES.values()))


def test_namespaces_of_scenarios_are_dns_labels() -> None:
    assert [one.namespace for one in SCENARIOS if len(one.namespace) > 63] == []


def test_every_difference_has_a_reason_in_whole_sentences() -> None:
    assert [group.title for group in groups() if len(group.reason) < 60 or not group.reason.endswith(".")] == []
