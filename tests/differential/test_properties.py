"""Cases nobody thought of: drawn by hypothesis, the same ones at every run.

Without a Collector they are held to laws that its own results obey; where there is one, both engines run what is drawn.
"""

from __future__ import annotations

import asyncio
import json
import string
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.differential import real
from tests.differential.cases import Case
from tests.differential.embedded import run
from tests.harness.otelcol import required

BOUNDED = settings(
    max_examples=60, derandomize=True, deadline=None, database=None, phases=(Phase.explicit, Phase.generate)
)
_TEXT = st.text(string.ascii_letters + string.digits + " .-_/:=,Üß✓", max_size=12)
_VALUES = st.one_of(
    st.just("nil"), st.booleans().map(lambda one: str(one).lower()), st.integers(0, 10**6).map(str),
    st.floats(0, 1e6, allow_nan=False).map(lambda one: f"{one:.3f}"), _TEXT.map(json.dumps),
    st.sampled_from([f'datapoint.attributes["{key}"]' for key in ("num", "neg", "half", "ok", "list", "map", "no")]),
)  # fmt: skip
_TEXTS = _TEXT.map(lambda one: json.dumps(one, ensure_ascii=False))
_ONE = st.sampled_from(
    ["Len", "String", "Int", "Double", "IsString", "IsInt", "IsMap", "IsEmpty", "ToUpperCase", "ToSnakeCase", "Hex",
     "SHA256", "Murmur3Hash", "Base64Encode", "FNV", "Trim", "IsBool", "Log"]
)  # fmt: skip
_TWO = st.sampled_from(["Split", "HasPrefix", "HasSuffix", "TrimPrefix", "TrimSuffix", "Index"])
EXPRESSIONS = st.one_of(
    st.builds(lambda name, value: f"{name}({value})", _ONE, _VALUES),
    st.builds(lambda name, one, other: f"{name}({one}, {other})", _TWO, _TEXTS, _TEXTS),
    st.builds(lambda values, by: f"Concat([{', '.join(values)}], {by})", st.lists(_VALUES, max_size=4), _TEXTS),
    st.builds(lambda text: f"ParseKeyValue({text})", _TEXTS),
    st.builds(lambda text, head: f"ParseCSV({text}, {head})", _TEXTS, _TEXTS),
    st.builds(lambda text, at, size: f"Substring({text}, {at}, {size})", _TEXTS, st.integers(0, 9), st.integers(0, 9)),
)  # fmt: skip
CONDITIONS = st.builds(
    lambda left, op, right: f"{left} {op} {right}",
    _VALUES,
    st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
    _VALUES,
)


def _case(expression: str, condition: str, number: int = 0) -> Case:
    statement = f'set(datapoint.attributes["x"], {expression}) where {condition}'
    group = [{"context": "datapoint", "statements": [statement.replace("$", "$$")]}]
    return Case(
        f"{number} {statement}", "few", (("transform", {"error_mode": "propagate", "metric_statements": group}),)
    )


@BOUNDED
@given(EXPRESSIONS, CONDITIONS)
def test_a_statement_either_changes_one_attribute_or_nothing(expression: str, condition: str) -> None:
    did = asyncio.run(run(_case(expression, condition)))
    if "refused" in did or did["rejected"]:
        return
    for before, after in zip(map(json.loads, did["gone"]), map(json.loads, did["came"]), strict=True):
        kept = {key: value for key, value in after["attributes"].items() if key != "x"}
        assert kept == before.get("attributes", {})
        assert {**after, "attributes": {}} == {**before, "attributes": {}}


@BOUNDED
@given(st.lists(st.sampled_from(["code", "ok", "user.id", "http.route"]), unique=True))
def test_a_roll_up_keeps_the_total(kept: list[str]) -> None:
    keys = ", ".join(f'"{key}"' for key in kept)
    group = [
        {"context": "metric", "statements": [f'aggregate_on_attributes("sum", [{keys}]) where name == "http.calls"']}
    ]
    case = Case("roll-up", "rich", (("transform", {"metric_statements": group}),))
    did = asyncio.run(run(case))
    assert _total(did["came"]) == _total(did["gone"])
    assert all(set(json.loads(row).get("attributes", {})) <= set(kept) for row in did["came"])


def _total(rows: list[str]) -> int:
    return sum(json.loads(row)["as_int"] for row in rows)


def test_what_is_drawn_is_the_same_on_the_real_collector() -> None:
    binary = required()
    drawn: list[Case] = []

    @settings(BOUNDED, max_examples=120)
    @given(EXPRESSIONS, CONDITIONS)
    def draw(expression: str, condition: str) -> None:
        drawn.append(_case(expression, condition, len(drawn)))

    draw()
    theirs = asyncio.run(real.run(binary, drawn))
    for case, real_one in zip(drawn, theirs, strict=True):
        ours = asyncio.run(run(case))
        assert _shown(ours) == _shown(real_one), case.name


def _shown(result: dict[str, Any]) -> dict[str, Any]:
    return {"refused": True} if "refused" in result else result
