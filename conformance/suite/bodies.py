"""Bodies that are no objects, field validation, and values the schema does not allow."""

from __future__ import annotations

from typing import Any

from conformance.steps import (
    COLLECTORS,
    EXPERIMENTS,
    PRICEBOOKS,
    collector,
    experiment,
    patch,
    post,
    pricebook,
    put,
    scenario,
)

_DUPLICATE = (
    b'{"apiVersion":"phoenix.io/v1alpha1","kind":"Collector","metadata":{"name":"dup"},"spec":{"host":"a","host":"b"}}'
)


def _criteria(*criteria: Any) -> Any:
    return experiment("x", analysis={"criteria": list(criteria)})


def _book(**meter: Any) -> Any:
    return pricebook("conf-x", meters=[meter])


SCENARIOS = (
    scenario(
        "bodies",
        post(COLLECTORS, b""),
        post(COLLECTORS, b"{"),
        post(COLLECTORS, b"[]"),
        post(COLLECTORS, b"null"),
        post(COLLECTORS, b'"text"'),
        post(COLLECTORS, b"5"),
        post(COLLECTORS, b"{}"),
        post(COLLECTORS, b'{"kind":"Collector"} trailing'),
        post(COLLECTORS, b"\xff\xfe"),
        post(COLLECTORS, b"kind: Collector\n"),
        post(COLLECTORS, collector("yes"), content_type=None),
        post(COLLECTORS, collector("charset"), content_type="application/json; charset=utf-8"),
        post(COLLECTORS, collector("text"), content_type="text/plain"),
        post(COLLECTORS, b"a=b", content_type="application/x-www-form-urlencoded"),
        post(COLLECTORS, collector("merge"), content_type="application/merge-patch+json"),
        post(
            COLLECTORS,
            b'{"apiVersion":"phoenix.io/v1alpha1","kind":"Collector","metadata":{"name":"deep"},"spec":{"config":'
            + b'{"a":' * 600
            + b"1"
            + b"}" * 600
            + b"}}",
            pick={"code": "$.code", "kind": "$.kind"},
        ),
        post(COLLECTORS, collector("big", annotations={}, spec={"config": {"text": "x" * (3 << 20)}})),
        post(COLLECTORS, collector("yaml"), content_type="application/yaml"),
    ),
    scenario(
        "bodies-numbers",
        post(
            COLLECTORS,
            b'{"apiVersion":"phoenix.io/v1alpha1","kind":"Collector","metadata":{"name":"f"},'
            b'"spec":{"measurement":{"experiment":"e","run":2.0}}}',
        ),
        post(
            COLLECTORS,
            b'{"apiVersion":"phoenix.io/v1alpha1","kind":"Collector","metadata":{"name":"g"},'
            b'"spec":{"measurement":{"experiment":"e","run":2.5}}}',
        ),
        post(
            COLLECTORS,
            b'{"apiVersion":"phoenix.io/v1alpha1","kind":"Collector","metadata":{"name":"h"},'
            b'"spec":{"measurement":{"experiment":"e","run":99999999999999999999}}}',
        ),
        post(
            COLLECTORS,
            b'{"apiVersion":"phoenix.io/v1alpha1","kind":"Collector","metadata":{"name":"i"},'
            b'"spec":{"config":{"a":1e400}}}',
        ),
        post(
            COLLECTORS,
            b'{"apiVersion":"phoenix.io/v1alpha1","kind":"Collector","metadata":{"name":"j"},'
            b'"spec":{"config":{"a":1.5,"b":-0,"c":9007199254740993,"d":"\\u00fc","e":[null]}}}',
        ),
        post(
            COLLECTORS,
            b'{"apiVersion":"phoenix.io/v1alpha1","kind":"Collector","metadata":{"name":"k"},'
            b'"spec":{"config":{"a":NaN}}}',
        ),
    ),
    scenario(
        "validation",
        post(f"{COLLECTORS}?fieldValidation=Strict", collector("a", spec={"bogus": 1})),
        post(f"{COLLECTORS}?fieldValidation=Strict", {**collector("a"), "extra": 1}),
        post(f"{COLLECTORS}?fieldValidation=Strict", collector("a", nonsense=1)),
        post(
            f"{COLLECTORS}?fieldValidation=Strict",
            collector("a", spec={"bogus": 1, "measurement": {"experiment": "e", "z": 1}}),
        ),
        post(f"{COLLECTORS}?fieldValidation=Strict", _DUPLICATE),
        post(f"{COLLECTORS}?fieldValidation=Strict", collector("a", spec={"config": {"anything": {"goes": 1}}})),
        post(f"{COLLECTORS}?fieldValidation=Warn", collector("b", spec={"bogus": 1, "more": 2})),
        post(COLLECTORS, collector("c", spec={"bogus": 1})),
        post(f"{COLLECTORS}?fieldValidation=Warn", _DUPLICATE),
        post(f"{COLLECTORS}?fieldValidation=Ignore", collector("d", spec={"bogus": 1})),
        post(f"{COLLECTORS}?fieldValidation=ignore", collector("e")),
        post(f"{COLLECTORS}?fieldValidation=", collector("f")),
        put(f"{COLLECTORS}/b?fieldValidation=Strict", collector("b", spec={"bogus": 1})),
        patch(f"{COLLECTORS}/b?fieldValidation=Strict", {"spec": {"bogus": 1}}),
        patch(f"{COLLECTORS}/b?fieldValidation=Warn", {"spec": {"bogus": 1}}),
        patch(
            f"{COLLECTORS}/b?fieldValidation=Strict",
            [{"op": "add", "path": "/spec/bogus", "value": 1}],
            "application/json-patch+json",
        ),
    ),
    scenario(
        "schema-types",
        post(COLLECTORS, collector("a", spec="text")),
        post(COLLECTORS, collector("a", spec=[])),
        post(COLLECTORS, collector("a", spec={"host": 5})),
        post(COLLECTORS, collector("a", spec={"host": ["x"]})),
        post(COLLECTORS, collector("a", spec={"measurement": {"experiment": "e", "run": "1"}})),
        post(COLLECTORS, collector("a", spec={"measurement": {"experiment": "e", "run": True}})),
        post(COLLECTORS, collector("a", spec={"config": "text"})),
        post(COLLECTORS, collector("a", spec={"config": None})),
        post(COLLECTORS, collector("a", spec={"endpoints": {"meter": 5}})),
        post(EXPERIMENTS, experiment("a", variants={"name": "x"})),
        post(EXPERIMENTS, experiment("a", variants=["text", "text"])),
        post(EXPERIMENTS, experiment("a", suspend="yes")),
        post(EXPERIMENTS, experiment("a", suspend=1)),
    ),
    scenario(
        "schema-values",
        post(COLLECTORS, collector("a", spec={"role": "Nonsense"})),
        post(COLLECTORS, collector("a", spec={"role": ""})),
        post(COLLECTORS, collector("a", spec={"stopGrace": "soon"})),
        post(COLLECTORS, collector("a", spec={"measurement": {}})),
        post(COLLECTORS, collector("a", spec={"measurement": {"experiment": "e", "run": 0}})),
        post(COLLECTORS, collector("a", spec={"role": "X", "engine": "Y", "stopGrace": "z"})),
        post(EXPERIMENTS, {**experiment("a"), "spec": {}}),
        post(EXPERIMENTS, {"apiVersion": "phoenix.io/v1alpha1", "kind": "Experiment", "metadata": {"name": "a"}}),
        post(EXPERIMENTS, experiment("a", variants=[])),
        post(
            EXPERIMENTS,
            experiment(
                "a",
                variants=[
                    {"name": "Bad_Name", "role": "Baseline", "pipeline": {"config": {}}},
                    {"role": "Candidate", "pipeline": {"config": {}}},
                ],
            ),
        ),
        post(
            EXPERIMENTS,
            experiment(
                "a",
                variants=[
                    {"name": "n" * 31, "role": "Baseline", "pipeline": {"config": {}}},
                    {"name": "b", "role": "Boss", "pipeline": {"config": {}}},
                ],
            ),
        ),
        post(EXPERIMENTS, experiment("a", source={"load": {"profileRef": {"name": ""}, "seed": -1, "scale": 0}})),
        post(EXPERIMENTS, experiment("a", source={"host": {"scrapers": ["disk"]}})),
        post(EXPERIMENTS, experiment("a", source={"otlp": {"port": 70000}})),
        post(
            EXPERIMENTS,
            experiment(
                "a",
                variants=[
                    {"name": "b", "role": "Baseline", "pipeline": {"config": {}}},
                    {"name": "b", "role": "Candidate", "pipeline": {"config": {}}},
                ],
            ),
        ),
        post(EXPERIMENTS, _criteria({"metric": "nonsense", "min": 0})),
        post(EXPERIMENTS, _criteria({"min": 0})),
        post(PRICEBOOKS, _book(unit="samples", tiers=[])),
        post(PRICEBOOKS, _book(unit="samples", tiers=[{"price": -1}])),
        post(PRICEBOOKS, _book(unit="samples", tiers=[{"price": 1, "per": 0}])),
        post(PRICEBOOKS, _book(tiers=[{"price": 1}])),
    ),
    scenario(
        "rules-beyond-schema",
        post(EXPERIMENTS, experiment("a", source={})),
        post(EXPERIMENTS, experiment("b", source={"host": {}, "otlp": {}})),
        post(
            EXPERIMENTS,
            experiment(
                "c",
                variants=[
                    {"name": "b", "role": "Candidate", "pipeline": {"config": {}}},
                    {"name": "d", "role": "Candidate", "pipeline": {"config": {}}},
                ],
            ),
        ),
        post(EXPERIMENTS, experiment("d", timing={"duration": "1s", "interval": "1s"})),
        post(EXPERIMENTS, _criteria({"metric": "signalLoss"})),
    ),
)
