"""Replacing: identity, concurrency, generation, immutables, the status subresource."""

from __future__ import annotations

from conformance.steps import COLLECTORS, PRICEBOOKS, collector, delete, get, patch, post, pricebook, put, scenario

_A = f"{COLLECTORS}/a"

SCENARIOS = (
    scenario(
        "update",
        post(COLLECTORS, collector("a"), save="a"),
        put(_A, collector("a", resourceVersion="$(a.metadata.resourceVersion)", spec={"host": "h2"}), save="b"),
        put(_A, collector("a", resourceVersion="$(a.metadata.resourceVersion)", spec={"host": "h3"})),
        put(_A, collector("a", resourceVersion="$(b.metadata.resourceVersion)", spec={"host": "h2"})),
        put(
            _A, collector("a", resourceVersion="$(b.metadata.resourceVersion)", labels={"k": "v"}, spec={"host": "h2"})
        ),
        put(_A, collector("a", spec={"host": "h4"})),
        put(_A, collector("a", resourceVersion="0", spec={"host": "h4"})),
        put(_A, collector("a", resourceVersion="nonsense", spec={"host": "h4"})),
        put(_A, collector("b", resourceVersion="$(b.metadata.resourceVersion)")),
        put(_A, collector("", resourceVersion="$(b.metadata.resourceVersion)")),
        put(f"{COLLECTORS}/missing", collector("missing")),
        put(f"{COLLECTORS}/missing", collector("missing", resourceVersion="1")),
        put(COLLECTORS, collector("a")),
        get(_A),
    ),
    scenario(
        "update-dry-run",
        post(COLLECTORS, collector("a"), save="a"),
        put(f"{_A}?dryRun=All", collector("a", resourceVersion="$(a.metadata.resourceVersion)", spec={"host": "h2"})),
        get(_A),
        put(f"{_A}?dryRun=Other", collector("a", resourceVersion="$(a.metadata.resourceVersion)")),
    ),
    scenario(
        "update-immutable",
        post(COLLECTORS, collector("a"), save="a"),
        put(
            _A,
            collector("a", resourceVersion="$(a.metadata.resourceVersion)", uid="11111111-1111-4111-8111-111111111111"),
        ),
        put(_A, collector("a", resourceVersion="$(a.metadata.resourceVersion)", namespace="other")),
        put(
            _A,
            collector(
                "a",
                resourceVersion="$(a.metadata.resourceVersion)",
                generation=9,
                creationTimestamp="2020-01-01T00:00:00Z",
            ),
        ),
        put(
            _A,
            collector("a", resourceVersion="$(a.metadata.resourceVersion)", deletionTimestamp="2020-01-01T00:00:00Z"),
        ),
        put(_A, {**collector("a", resourceVersion="$(a.metadata.resourceVersion)"), "kind": "Meter"}),
        patch(_A, {"metadata": {"name": "b"}}),
        patch(_A, {"metadata": {"namespace": "b"}}),
        patch(_A, {"metadata": {"uid": "11111111-1111-4111-8111-111111111111"}}),
        patch(_A, {"metadata": {"generation": 50}}),
        patch(_A, {"metadata": {"creationTimestamp": None}}),
        patch(_A, {"kind": "Meter"}),
        patch(_A, {"apiVersion": "phoenix.io/v2"}),
        get(_A),
    ),
    scenario(
        "generation",
        post(COLLECTORS, collector("a")),
        patch(_A, {"metadata": {"labels": {"k": "v"}}}),
        patch(_A, {"spec": {"host": "h2"}}),
        patch(_A, {"spec": {"host": "h2"}}),
        patch(f"{_A}/status", {"status": {"phase": "Running"}}),
        patch(_A, {"status": {"phase": "Failed"}}),
        patch(_A, {"spec": {"host": None}}),
    ),
    scenario(
        "status",
        post(COLLECTORS, collector("a"), save="a"),
        get(f"{_A}/status"),
        put(
            f"{_A}/status",
            {
                **collector("a", resourceVersion="$(a.metadata.resourceVersion)", spec={"host": "no"}),
                "status": {"phase": "Running"},
            },
            save="b",
        ),
        put(
            f"{_A}/status",
            {**collector("a", resourceVersion="$(a.metadata.resourceVersion)"), "status": {"phase": "Failed"}},
        ),
        put(
            f"{_A}/status",
            {
                **collector("a", resourceVersion="$(b.metadata.resourceVersion)", labels={"l": "no"}),
                "status": {"phase": "Running"},
            },
        ),
        patch(f"{_A}/status", {"status": {"observedGeneration": 1}, "spec": {"host": "no"}}),
        patch(f"{_A}/status", {"metadata": {"labels": {"k": "v"}, "annotations": {"k": "v"}}}),
        patch(f"{_A}/status", {"status": {"phase": "Nonsense"}}),
        patch(f"{_A}/status", {"status": {"observedGeneration": "one"}}),
        patch(f"{_A}/status", {"status": {"free": {"form": 1}}}),
        patch(
            f"{_A}/status",
            {"status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Ready", "status": "False"}]}},
        ),
        patch(f"{_A}/status", {"status": {"conditions": [{"type": "Ready", "status": "Maybe"}]}}),
        patch(f"{_A}/status?dryRun=All", {"status": {"phase": "Failed"}}),
        patch(f"{_A}/status", {"status": None}),
        patch(f"{COLLECTORS}/missing/status", {"status": {"phase": "Running"}}),
        post(f"{_A}/status", collector("a")),
        delete(f"{_A}/status"),
        get(f"{_A}/scale"),
        get(f"{_A}/nonsense"),
        get(_A),
    ),
    scenario(
        "update-cluster-scoped",
        post(PRICEBOOKS, pricebook("conf-upd"), save="a"),
        patch(f"{PRICEBOOKS}/conf-upd", {"spec": {"vendor": "v"}}),
        put(
            f"{PRICEBOOKS}/conf-upd",
            {
                **pricebook("conf-upd"),
                "metadata": {"name": "conf-upd", "namespace": "x", "resourceVersion": "$(a.metadata.resourceVersion)"},
            },
        ),
        patch(f"{PRICEBOOKS}/conf-upd", {"spec": {"meters": []}}),
        patch(f"{PRICEBOOKS}/conf-upd", {"spec": {"meters": None}}),
        patch(f"{PRICEBOOKS}/conf-upd", {"spec": None}),
    ),
)
