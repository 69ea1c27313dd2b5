"""Merge and JSON patches; strategic ones, which custom resources refuse and core kinds take."""

from __future__ import annotations

from conformance.steps import (
    COLLECTORS,
    EXPERIMENTS,
    JSON,
    JSON_PATCH,
    MERGE,
    STRATEGIC,
    collector,
    experiment,
    get,
    patch,
    post,
    scenario,
)

_A = f"{COLLECTORS}/a"
_NS = "/api/v1/namespaces/$ns"

SCENARIOS = (
    scenario(
        "patch-merge",
        post(COLLECTORS, collector("a", labels={"k": "v", "l": "w"}), save="a"),
        patch(_A, {"spec": {"config": {"x": {"y": 1, "z": 2}}}}),
        patch(_A, {"spec": {"config": {"x": {"y": None}}}}),
        patch(_A, {"metadata": {"labels": {"k": None}}}),
        patch(_A, {"metadata": {"labels": None}}),
        patch(_A, {}),
        patch(_A, {"metadata": {"resourceVersion": "$(a.metadata.resourceVersion)"}, "spec": {"host": "late"}}),
        patch(_A, {"metadata": {"resourceVersion": "$(a.metadata.resourceVersion)", "uid": "$(a.metadata.uid)"}}),
        patch(_A, {"metadata": {"uid": "$(a.metadata.uid)"}, "spec": {"host": "h5"}}),
        patch(_A, {"spec": "text"}),
        patch(_A, {"spec": {"role": "Nonsense"}}),
        patch(_A, {"metadata": {"labels": {"k": 5}}}),
        patch(_A, b"[1]"),
        patch(_A, b"{"),
        patch(_A, b""),
        patch(_A, b"null"),
        patch(f"{COLLECTORS}/missing", {"spec": {}}),
        patch(COLLECTORS, {"spec": {}}),
        patch(f"{_A}?dryRun=All", {"spec": {"host": "dry"}}),
        patch(f"{_A}?force=true", {"spec": {"host": "forced"}}),
        patch(f"{_A}?fieldManager={'m' * 129}", {"spec": {"host": "m"}}),
        patch(f"{_A}?fieldManager=%01", {"spec": {"host": "m"}}),
        get(_A),
    ),
    scenario(
        "patch-json",
        post(COLLECTORS, collector("a"), save="a"),
        patch(_A, [{"op": "replace", "path": "/spec/host", "value": "h2"}], JSON_PATCH),
        patch(_A, [{"op": "add", "path": "/metadata/labels", "value": {"k": "v"}}], JSON_PATCH),
        patch(_A, [{"op": "add", "path": "/metadata/labels/example.com~1x", "value": "v"}], JSON_PATCH),
        patch(
            _A,
            [{"op": "test", "path": "/spec/host", "value": "h2"}, {"op": "remove", "path": "/metadata/labels"}],
            JSON_PATCH,
        ),
        patch(_A, [{"op": "test", "path": "/spec/host", "value": "other"}], JSON_PATCH),
        patch(_A, [{"op": "remove", "path": "/spec/missing"}], JSON_PATCH),
        patch(_A, [{"op": "replace", "path": "/spec/missing", "value": 1}], JSON_PATCH),
        patch(_A, [{"op": "nonsense", "path": "/spec/host"}], JSON_PATCH),
        patch(_A, [{"op": "add", "path": "/a/b/c", "value": 1}], JSON_PATCH),
        patch(_A, [{"op": "copy", "from": "/spec/host", "path": "/spec/configHash"}], JSON_PATCH),
        patch(_A, [{"op": "move", "from": "/spec/configHash", "path": "/spec/pipelineHash"}], JSON_PATCH),
        patch(
            _A,
            [
                {"op": "test", "path": "/metadata/resourceVersion", "value": "$(a.metadata.resourceVersion)"},
                {"op": "replace", "path": "/spec/host", "value": "x"},
            ],
            JSON_PATCH,
        ),
        patch(_A, [], JSON_PATCH),
        patch(_A, {}, JSON_PATCH),
        patch(_A, b"{", JSON_PATCH),
        patch(_A, [{"op": "replace", "path": "/kind", "value": "Meter"}], JSON_PATCH),
        patch(_A, [{"op": "remove", "path": "/metadata/name"}], JSON_PATCH),
        patch(_A, [{"op": "replace", "path": "", "value": {}}], JSON_PATCH),
    ),
    scenario(
        "patch-lists",
        post(EXPERIMENTS, experiment("e")),
        patch(f"{EXPERIMENTS}/e", [{"op": "replace", "path": "/spec/variants/1/name", "value": "other"}], JSON_PATCH),
        patch(
            f"{EXPERIMENTS}/e",
            [
                {
                    "op": "add",
                    "path": "/spec/variants/-",
                    "value": {"name": "third", "role": "Candidate", "pipeline": {"templateRef": {"name": "x"}}},
                }
            ],
            JSON_PATCH,
        ),
        patch(f"{EXPERIMENTS}/e", [{"op": "remove", "path": "/spec/variants/2"}], JSON_PATCH),
        patch(f"{EXPERIMENTS}/e", [{"op": "remove", "path": "/spec/variants/9"}], JSON_PATCH),
        patch(f"{EXPERIMENTS}/e", {"spec": {"variants": [{"name": "only"}]}}),
    ),
    scenario(
        "patch-types",
        post(COLLECTORS, collector("a")),
        patch(_A, {"spec": {"host": "x"}}, STRATEGIC),
        patch(_A, {"spec": {"host": "x"}}, JSON),
        patch(_A, {"spec": {"host": "x"}}, None),
        patch(_A, {"spec": {"host": "x"}}, "text/plain"),
        patch(_A, {"spec": {"host": "y"}}, MERGE + "; charset=utf-8"),
        patch(_NS, {"metadata": {"labels": {"k": "v"}}}, STRATEGIC),
        patch(_NS, {"metadata": {"labels": {"k": "w"}}}, MERGE),
        patch(_NS, [{"op": "remove", "path": "/metadata/labels/k"}], JSON_PATCH),
        patch(_NS, {"metadata": {"finalizers": ["example.com/a"]}}, STRATEGIC),
        patch(_NS, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}}, STRATEGIC),
        patch(_NS, {"metadata": {"labels": {"$patch": "replace", "only": "this"}}}, STRATEGIC),
    ),
)
