"""Creating: what is made of an object, and what is refused."""

from __future__ import annotations

from conformance.steps import (
    COLLECTORS,
    EXPERIMENTS,
    GROUP,
    PRICEBOOKS,
    collector,
    experiment,
    get,
    post,
    pricebook,
    scenario,
)

_LONG = "a" * 64
_TOO_LONG = "a" * 254

SCENARIOS = (
    scenario(
        "create",
        post(COLLECTORS, collector("a"), save="a"),
        get(f"{COLLECTORS}/a"),
        post(COLLECTORS, collector("a")),
        post(COLLECTORS, collector("b", labels={"team": "x"}, annotations={"note": "n"})),
        post(EXPERIMENTS, experiment("e")),
        get(f"{EXPERIMENTS}/e"),
        post(PRICEBOOKS, pricebook("conf-create")),
        get(f"{PRICEBOOKS}/conf-create"),
    ),
    scenario(
        "create-defaults",
        post(COLLECTORS, {"apiVersion": "phoenix.io/v1alpha1", "kind": "Collector", "metadata": {"name": "bare"}}),
        post(COLLECTORS, collector("null", spec={"host": None, "role": None})),
        post(COLLECTORS, collector("measures", spec={"measurement": {"experiment": "e"}})),
        post(
            f"{GROUP}/loadprofiles",
            {"apiVersion": "phoenix.io/v1alpha1", "kind": "LoadProfile", "metadata": {"name": "conf-defaults"}},
        ),
        post(
            f"{GROUP}/loadprofiles",
            {
                "apiVersion": "phoenix.io/v1alpha1",
                "kind": "LoadProfile",
                "metadata": {"name": "conf-otlp"},
                "spec": {"otlp": {"size": "M"}},
            },
        ),
        post(f"{GROUP}/hosts", {"apiVersion": "phoenix.io/v1alpha1", "kind": "Host", "metadata": {"name": "conf-h"}}),
    ),
    scenario(
        "create-server-set",
        post(
            COLLECTORS,
            collector(
                "a", uid="11111111-1111-4111-8111-111111111111", generation=7, creationTimestamp="2020-01-01T00:00:00Z"
            ),
        ),
        post(COLLECTORS, collector("b", deletionTimestamp="2020-01-01T00:00:00Z", deletionGracePeriodSeconds=3)),
        post(COLLECTORS, collector("c", selfLink="/x")),
        post(COLLECTORS, collector("d", resourceVersion="5")),
        post(COLLECTORS, {**collector("e"), "status": {"phase": "Running"}}),
        get(f"{COLLECTORS}/e"),
        post(COLLECTORS, collector("f", managedFields=[])),
    ),
    scenario(
        "create-names",
        post(COLLECTORS, collector()),
        post(COLLECTORS, collector("Upper")),
        post(COLLECTORS, collector("under_score")),
        post(COLLECTORS, collector("-dash")),
        post(COLLECTORS, collector("a.b.c")),
        post(COLLECTORS, collector(_LONG)),
        post(COLLECTORS, collector(_TOO_LONG)),
        post(COLLECTORS, collector("..")),
        post(COLLECTORS, collector("a/b")),
        post(COLLECTORS, collector("ümlaut")),
        post(COLLECTORS, {**collector(), "metadata": {"name": 5}}),
        post(COLLECTORS, {"apiVersion": "phoenix.io/v1alpha1", "kind": "Collector"}),
        post(COLLECTORS, {**collector(), "metadata": "text"}),
    ),
    scenario(
        "create-generate",
        post(COLLECTORS, collector(generateName="gen-")),
        post(COLLECTORS, collector("named", generateName="gen-")),
        post(COLLECTORS, collector(generateName="Bad_")),
        post(
            COLLECTORS,
            collector(generateName="x" * 240 + "-"),
            pick={"code": "$.code", "name": "$.metadata.generateName"},
        ),
    ),
    scenario(
        "create-namespaces",
        post(COLLECTORS, collector("a", namespace="$ns")),
        post(COLLECTORS, collector("b", namespace="other")),
        post(f"{GROUP}/namespaces/conf-missing/collectors", collector("a")),
        post(f"{GROUP}/collectors", collector("a", namespace="$ns")),
        post(f"{GROUP}/namespaces/Bad_Name/collectors", collector("a")),
        post(PRICEBOOKS, {**pricebook("conf-ns"), "metadata": {"name": "conf-ns", "namespace": "$ns"}}),
        post(f"{GROUP}/namespaces/$ns/pricebooks", pricebook("conf-ns")),
    ),
    scenario(
        "create-types",
        post(COLLECTORS, {"metadata": {"name": "untyped"}, "spec": {}}),
        post(COLLECTORS, {**collector("a"), "kind": "Meter"}),
        post(COLLECTORS, {**collector("a"), "kind": "Nonsense"}),
        post(COLLECTORS, {**collector("a"), "apiVersion": "phoenix.io/v1"}),
        post(COLLECTORS, {**collector("a"), "apiVersion": "other.io/v1alpha1"}),
        post(COLLECTORS, {**collector("a"), "apiVersion": "a/b/c"}),
        post(COLLECTORS, {**collector("a"), "apiVersion": 5}),
        post(COLLECTORS, {**collector("a"), "kind": "CollectorList", "items": []}),
    ),
    scenario(
        "create-dry-run",
        post(f"{COLLECTORS}?dryRun=All", collector("a")),
        get(f"{COLLECTORS}/a"),
        post(COLLECTORS, collector("a")),
        post(f"{COLLECTORS}?dryRun=All", collector("a")),
        post(f"{COLLECTORS}?dryRun=Some", collector("b")),
        post(f"{COLLECTORS}?dryRun=", collector("c")),
        post(f"{COLLECTORS}?dryRun=All&dryRun=All", collector("d")),
    ),
    scenario(
        "create-labels",
        post(COLLECTORS, collector("a", labels={"bad key": "x"})),
        post(COLLECTORS, collector("a", labels={"k": "bad value"})),
        post(COLLECTORS, collector("a", labels={"k": "v" * 64})),
        post(COLLECTORS, collector("a", labels={"UPPER.example.com/k": "v"})),
        post(COLLECTORS, collector("a", labels={"example.com/k": "V_1.x-y", "empty": ""})),
        post(COLLECTORS, {**collector(), "metadata": {"name": "b", "labels": {"k": 5}}}),
        post(COLLECTORS, {**collector(), "metadata": {"name": "b", "labels": ["k"]}}),
        post(COLLECTORS, collector("c", annotations={"Bad Key": "x"})),
        post(COLLECTORS, {**collector(), "metadata": {"name": "c", "annotations": {"k": True}}}),
        post(COLLECTORS, collector("d", annotations={"big": "x" * (256 * 1024 + 1)})),
        post(COLLECTORS, collector("e", finalizers=["example.com/hold"])),
        post(COLLECTORS, collector("f", finalizers=["nodomain"])),
        post(COLLECTORS, collector("g", finalizers=["bad finalizer"])),
    ),
)
