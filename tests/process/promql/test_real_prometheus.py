"""The built-in evaluator against a real Prometheus, over both variants' series: 200 queries, no difference."""

from __future__ import annotations

import json
from pathlib import Path

from tests.harness.promqueries import AT_MS, queries, series
from tests.harness.realprometheus import ask, serving
from tests.unit.promql.answers import Answer, built_in, difference

GOLDEN = Path(__file__).parents[2] / "unit" / "promql" / "golden.json"


def _theirs(url: str, query: str) -> Answer:
    try:
        return ask(url, query, AT_MS)
    except ValueError:
        return None


def test_two_hundred_queries_are_answered_as_prometheus_answers_them(tmp_path: Path) -> None:
    with serving(tmp_path, series()) as url:
        answers = {query: _theirs(url, query) for query in queries()}
    different = {query: text for query, answer in answers.items() if (text := difference(built_in(query), answer))}
    assert different == {}
    assert len(answers) == 200
    assert sum(bool(answer) for answer in answers.values()) > 150, "most queries must have an answer to compare"


def test_goldens_are_what_prometheus_answers(tmp_path: Path) -> None:
    """What every other machine compares with. To record: `python -m tests.process.promql.test_real_prometheus`."""
    recorded = json.loads(GOLDEN.read_text())["answers"]
    with serving(tmp_path, series()) as url:
        wrong = [query for query, answer in recorded.items() if difference(_theirs(url, query), answer)]
    assert wrong == []


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), series()) as address:
        found = {query: _theirs(address, query) for query in queries()}
    rows = ",\n".join(f"{json.dumps(query)}: {json.dumps(answer)}" for query, answer in found.items())
    GOLDEN.write_text(f'{{"prometheus": "2.42.0", "answers": {{\n{rows}\n}}}}\n')
