"""The two core kinds Phoenix serves: namespaces and events."""

from __future__ import annotations

from typing import Any

from conformance.steps import COLLECTORS, collector, delete, get, patch, post, put, scenario

_EVENTS = "/api/v1/namespaces/$ns/events"
_ABOUT = {"apiVersion": "phoenix.io/v1alpha1", "kind": "Collector", "name": "a", "namespace": "$ns"}


def _namespace(name: str, **meta: Any) -> Any:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **meta}}


def _event(name: str, **fields: Any) -> Any:
    return {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name}, "involvedObject": _ABOUT,
            "reason": "Started", "message": "it runs", "type": "Normal", **fields}  # fmt: skip


SCENARIOS = (
    scenario(
        "namespaces",
        post("/api/v1/namespaces", _namespace("conf-extra")),
        post("/api/v1/namespaces", _namespace("conf-extra")),
        get("/api/v1/namespaces/conf-extra"),
        post("/api/v1/namespaces", _namespace("Bad_Name")),
        post("/api/v1/namespaces", _namespace("n" * 64)),
        post("/api/v1/namespaces", _namespace("a.b")),
        post("/api/v1/namespaces", {"metadata": {"generateName": "conf-gen-"}}),
        get("/api/v1/namespaces?labelSelector=kubernetes.io%2Fmetadata.name%3Dconf-extra"),
        get(
            "/api/v1/namespaces?fieldSelector=metadata.name%3Dconf-extra,status.phase%3DActive",
            pick={"names": "$.items[*].metadata.name"},
        ),
        patch("/api/v1/namespaces/conf-extra", {"metadata": {"labels": {"kubernetes.io/metadata.name": "other"}}}),
        patch("/api/v1/namespaces/conf-extra", {"metadata": {"labels": {"k": "v"}}}),
        put("/api/v1/namespaces/conf-extra", _namespace("conf-extra")),
        get("/api/v1/namespaces/missing"),
        delete("/api/v1/namespaces/missing"),
        delete(
            "/api/v1/namespaces/default",
            pick={"status": "$.status", "reason": "$.reason", "code": "$.code", "message": "$.message"},
        ),
        delete("/api/v1/namespaces"),
        get("/api/v1/namespaces/conf-extra/status", pick={"phase": "$.status.phase"}),
    ),
    scenario(
        "namespace-going",
        post(COLLECTORS, collector("a", finalizers=["example.com/hold"]), pick={"name": "$.metadata.name"}),
        delete("/api/v1/namespaces/$ns"),
        post(COLLECTORS, collector("b")),
        get(f"{COLLECTORS}/a", pick={"name": "$.metadata.name"}),
    ),
    scenario(
        "events",
        post(
            _EVENTS,
            _event(
                "one",
                count=1,
                firstTimestamp="2026-01-01T00:00:00Z",
                lastTimestamp="2026-01-01T00:00:00Z",
                source={"component": "test"},
            ),
        ),
        get(f"{_EVENTS}/one"),
        post(_EVENTS, {**_event("two"), "involvedObject": {**_ABOUT, "namespace": "other"}}),
        post(_EVENTS, {**_event("three"), "involvedObject": {}}),
        post(
            _EVENTS,
            _event(
                "micro",
                eventTime="2026-01-01T00:00:00.123456Z",
                reportingComponent="x.io/y",
                reportingInstance="z",
                action="Act",
            ),
        ),
        patch(f"{_EVENTS}/one", {"count": 2}),
        get(
            f"{_EVENTS}?fieldSelector=involvedObject.name%3Da,reason%3DStarted",
            pick={"names": "$.items[*].metadata.name"},
        ),
        get(f"{_EVENTS}?fieldSelector=involvedObject.kind%3DNobody", pick={"names": "$.items[*].metadata.name"}),
        get(f"{_EVENTS}?fieldSelector=type%3DNormal", pick={"names": "$.items[*].metadata.name"}),
        get(f"{_EVENTS}?fieldSelector=nonsense%3Da"),
        post(
            _EVENTS,
            {
                "metadata": {"generateName": "gen-"},
                "involvedObject": _ABOUT,
                "reason": "R",
                "message": "m",
                "type": "Normal",
            },
        ),
        post(f"{_EVENTS}?fieldValidation=Strict", _event("strict", nonsense=1)),
        post(_EVENTS, _event("bad", count="many")),
        delete(f"{_EVENTS}/one"),
    ),
)
