"""Deletion: preconditions, finalizers, propagation, collections, owners."""

from __future__ import annotations

from typing import Any

from conformance.steps import COLLECTORS, PRICEBOOKS, collector, delete, get, patch, post, pricebook, put, scenario

_A = f"{COLLECTORS}/a"
_HELD = collector("a", finalizers=["example.com/hold"])


def _options(**options: Any) -> Any:
    return {"apiVersion": "v1", "kind": "DeleteOptions", **options}


SCENARIOS = (
    scenario(
        "delete",
        post(COLLECTORS, collector("a")),
        delete(_A),
        get(_A),
        delete(_A),
        post(COLLECTORS, collector("a")),
        delete(_A, _options(propagationPolicy="Background")),
        post(COLLECTORS, collector("a")),
        delete(_A, {"propagationPolicy": "Background"}),
        post(COLLECTORS, collector("a")),
        delete(f"{_A}?propagationPolicy=Background&gracePeriodSeconds=0"),
        delete(f"{COLLECTORS}/missing"),
        post(PRICEBOOKS, pricebook("conf-del")),
        delete(f"{PRICEBOOKS}/conf-del"),
    ),
    scenario(
        "delete-options",
        post(COLLECTORS, collector("a"), save="a"),
        delete(f"{_A}?dryRun=All"),
        delete(_A, _options(dryRun=["All"])),
        delete(_A, _options(dryRun=["Other"])),
        delete(_A, _options(preconditions={"uid": "11111111-1111-4111-8111-111111111111"})),
        delete(_A, _options(preconditions={"resourceVersion": "1"})),
        delete(_A, _options(propagationPolicy="Nonsense")),
        delete(f"{_A}?propagationPolicy=Nonsense"),
        delete(_A, _options(gracePeriodSeconds=-1)),
        delete(_A, _options(orphanDependents=True, propagationPolicy="Orphan")),
        delete(_A, _options(gracePeriodSeconds="soon")),
        delete(_A, b"{"),
        delete(_A, b"[]"),
        delete(_A, {"apiVersion": "v1", "kind": "Pod"}),
        delete(_A, {"unknown": 1}),
        get(_A, pick={"name": "$.metadata.name"}),
        delete(
            _A, _options(preconditions={"uid": "$(a.metadata.uid)", "resourceVersion": "$(a.metadata.resourceVersion)"})
        ),
    ),
    scenario(
        "finalizers",
        post(COLLECTORS, _HELD),
        delete(_A, save="going"),
        delete(_A),
        get(_A),
        patch(_A, {"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}),
        patch(_A, {"spec": {"host": "still-writable"}}),
        post(COLLECTORS, _HELD),
        patch(f"{_A}/status", {"status": {"phase": "Stopping"}}),
        patch(_A, {"metadata": {"finalizers": None}}),
        get(_A),
    ),
    scenario(
        "finalizers-put",
        post(COLLECTORS, _HELD),
        delete(_A, save="going"),
        put(_A, collector("a", resourceVersion="$(going.metadata.resourceVersion)", deletionTimestamp=None)),
        get(_A),
        post(COLLECTORS, collector("b", finalizers=["example.com/x", "example.com/x"])),
        patch(f"{COLLECTORS}/b", {"metadata": {"finalizers": ["nodomain"]}}),
        patch(f"{COLLECTORS}/b", {"metadata": {"finalizers": "text"}}),
    ),
    scenario(
        "propagation",
        post(COLLECTORS, collector("a")),
        delete(_A, _options(propagationPolicy="Foreground")),
        get(_A),
        patch(_A, {"metadata": {"finalizers": None}}),
        post(COLLECTORS, collector("b")),
        delete(f"{COLLECTORS}/b?propagationPolicy=Orphan"),
        get(f"{COLLECTORS}/b"),
        post(COLLECTORS, collector("c")),
        delete(f"{COLLECTORS}/c", _options(orphanDependents=True)),
        post(COLLECTORS, collector("d")),
        delete(f"{COLLECTORS}/d", _options(orphanDependents=False)),
    ),
    scenario(
        "owners",
        post(COLLECTORS, collector("owner"), save="owner"),
        post(
            COLLECTORS,
            collector(
                "child",
                ownerReferences=[
                    {
                        "apiVersion": "phoenix.io/v1alpha1",
                        "kind": "Collector",
                        "name": "owner",
                        "uid": "$(owner.metadata.uid)",
                        "controller": True,
                        "blockOwnerDeletion": True,
                    }
                ],
            ),
        ),
        post(COLLECTORS, collector("x", ownerReferences=[{"kind": "Collector", "name": "owner", "uid": "1"}])),
        post(
            COLLECTORS,
            collector("x", ownerReferences=[{"apiVersion": "phoenix.io/v1alpha1", "name": "owner", "uid": "1"}]),
        ),
        post(
            COLLECTORS,
            collector("x", ownerReferences=[{"apiVersion": "phoenix.io/v1alpha1", "kind": "Collector", "uid": "1"}]),
        ),
        post(
            COLLECTORS,
            collector("x", ownerReferences=[{"apiVersion": "phoenix.io/v1alpha1", "kind": "Collector", "name": "o"}]),
        ),
        post(
            COLLECTORS,
            collector(
                "x",
                ownerReferences=[
                    {"apiVersion": "v1", "kind": "A", "name": "a", "uid": "1", "controller": True},
                    {"apiVersion": "v1", "kind": "A", "name": "b", "uid": "2", "controller": True},
                ],
            ),
        ),
        post(
            COLLECTORS,
            collector(
                "x",
                ownerReferences=[
                    {"apiVersion": "v1", "kind": "A", "name": "a", "uid": "1"},
                    {"apiVersion": "v1", "kind": "A", "name": "a", "uid": "1"},
                ],
            ),
        ),
        post(
            COLLECTORS, collector("x", ownerReferences=[{"apiVersion": "v1", "kind": "Event", "name": "e", "uid": "1"}])
        ),
        post(COLLECTORS, collector("x", ownerReferences="text")),
        post(
            COLLECTORS, collector("y", ownerReferences=[{"apiVersion": "a/b/c", "kind": "A", "name": "a", "uid": "1"}])
        ),
    ),
    scenario(
        "delete-collection",
        *(post(COLLECTORS, collector(name, labels={"k": name}), pick={"name": "$.metadata.name"}) for name in "abcd"),
        delete(f"{COLLECTORS}?labelSelector=k%3Da"),
        get(COLLECTORS, pick={"names": "$.items[*].metadata.name"}),
        delete(f"{COLLECTORS}?fieldSelector=metadata.name%3Db", _options(propagationPolicy="Background")),
        delete(f"{COLLECTORS}?dryRun=All"),
        get(COLLECTORS, pick={"names": "$.items[*].metadata.name"}),
        delete(f"{COLLECTORS}?labelSelector=bad+selector"),
        delete(f"{COLLECTORS}?fieldSelector=nonsense%3D1"),
        patch(f"{COLLECTORS}/c", {"metadata": {"finalizers": ["example.com/hold"]}}, pick={"name": "$.metadata.name"}),
        delete(COLLECTORS),
        get(COLLECTORS, pick={"names": "$.items[*].metadata.name"}),
        delete("/apis/phoenix.io/v1alpha1/collectors"),
    ),
)
