"""Watches: what begins them, what they say of each change, how they end."""

from __future__ import annotations

from conformance.steps import COLLECTORS, Events, Watch, collector, delete, get, patch, post, scenario

_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
_PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"
_NAME = {"name": "$.metadata.name"}
_WATCH = f"{COLLECTORS}?watch=true"

SCENARIOS = (
    scenario(
        "watch",
        Watch(path=_WATCH),
        post(COLLECTORS, collector("a"), pick=_NAME),
        patch(f"{COLLECTORS}/a", {"spec": {"host": "h2"}}, pick=_NAME),
        patch(f"{COLLECTORS}/a", {"spec": {"host": "h2"}}, pick=_NAME),
        patch(f"{COLLECTORS}/a/status", {"status": {"phase": "Running"}}, pick=_NAME),
        delete(f"{COLLECTORS}/a", pick={"status": "$.status"}),
        Events(count=4),
    ),
    scenario(
        "watch-initial",
        post(COLLECTORS, collector("a"), save="a", pick=_NAME),
        post(COLLECTORS, collector("b"), save="b", pick=_NAME),
        Watch(path=_WATCH, name="none"),
        Events(count=2, name="none"),
        Watch(path=f"{_WATCH}&resourceVersion=0", name="zero"),
        Events(count=2, name="zero"),
        Watch(path=f"{_WATCH}&resourceVersion=$(a.metadata.resourceVersion)", name="after"),
        Events(count=1, name="after"),
        post(COLLECTORS, collector("c"), pick=_NAME),
        Events(count=1, name="none"),
        Events(count=1, name="zero"),
        Events(count=1, name="after"),
    ),
    scenario(
        "watch-finalizers",
        post(COLLECTORS, collector("a", finalizers=["example.com/hold"]), save="a", pick=_NAME),
        Watch(path=f"{_WATCH}&resourceVersion=$(a.metadata.resourceVersion)"),
        delete(f"{COLLECTORS}/a", pick=_NAME),
        patch(f"{COLLECTORS}/a", {"metadata": {"finalizers": None}}, pick=_NAME),
        post(COLLECTORS, collector("a"), pick=_NAME),
        Events(count=3),
    ),
    scenario(
        "watch-selectors",
        post(COLLECTORS, collector("a", labels={"k": "in"}), save="a", pick=_NAME),
        post(COLLECTORS, collector("b", labels={"k": "out"}), save="b", pick=_NAME),
        Watch(path=f"{_WATCH}&labelSelector=k%3Din&resourceVersion=$(b.metadata.resourceVersion)", name="labels"),
        Watch(
            path=f"{_WATCH}&fieldSelector=metadata.name%3Db&resourceVersion=$(b.metadata.resourceVersion)",
            name="fields",
        ),
        patch(f"{COLLECTORS}/a", {"metadata": {"labels": {"k": "out"}}}, pick=_NAME),
        patch(f"{COLLECTORS}/b", {"metadata": {"labels": {"k": "in"}}}, pick=_NAME),
        patch(f"{COLLECTORS}/b", {"spec": {"host": "h2"}}, pick=_NAME),
        delete(f"{COLLECTORS}/b", pick=_NAME),
        post(COLLECTORS, collector("c", labels={"k": "in"}), pick=_NAME),
        Events(count=5, name="labels"),
        Events(count=3, name="fields"),
    ),
    scenario(
        "watch-forms",
        Watch(path=_WATCH, name="table", accept=_TABLE),
        Watch(path=_WATCH, name="partial", accept=_PARTIAL),
        post(COLLECTORS, collector("a", labels={"k": "v"}), pick=_NAME),
        patch(f"{COLLECTORS}/a", {"spec": {"host": "h2"}}, pick=_NAME),
        delete(f"{COLLECTORS}/a", pick={"status": "$.status"}),
        Events(count=3, name="table"),
        Events(count=3, name="partial"),
    ),
    scenario(
        "watch-one",
        post(COLLECTORS, collector("a"), save="a", pick=_NAME),
        Watch(path=f"{COLLECTORS}/a?watch=true&resourceVersion=$(a.metadata.resourceVersion)"),
        post(COLLECTORS, collector("b"), pick=_NAME),
        patch(f"{COLLECTORS}/a", {"spec": {"host": "h2"}}, pick=_NAME),
        Events(count=1),
        Watch(path="/apis/phoenix.io/v1alpha1/watch/namespaces/$ns/collectors", name="old"),
    ),
    scenario(
        "watch-list",
        post(COLLECTORS, collector("a"), save="a", pick=_NAME),
        Watch(path=f"{_WATCH}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"),
        Events(count=2),
        post(COLLECTORS, collector("b"), pick=_NAME),
        Events(count=1),
        get(f"{_WATCH}&sendInitialEvents=true&timeoutSeconds=1"),
        get(f"{_WATCH}&sendInitialEvents=true&resourceVersionMatch=Exact&timeoutSeconds=1"),
        get(f"{_WATCH}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1"),
        get(f"{_WATCH}&resourceVersionMatch=NotOlderThan&resourceVersion=0&timeoutSeconds=1"),
        get(f"{_WATCH}&sendInitialEvents=nonsense&timeoutSeconds=1"),
    ),
    scenario(
        "watch-ends",
        post(COLLECTORS, collector("a"), save="a", pick=_NAME),
        get(f"{_WATCH}&timeoutSeconds=1"),
        get(f"{_WATCH}&timeoutSeconds=1&resourceVersion=$(a.metadata.resourceVersion)"),
        get(f"{_WATCH}&resourceVersion=1&timeoutSeconds=1"),
        get(f"{_WATCH}&resourceVersion=nonsense&timeoutSeconds=1"),
        get(f"{_WATCH}&labelSelector=bad+selector&timeoutSeconds=1"),
        get(f"{_WATCH}&fieldSelector=nonsense%3D1&timeoutSeconds=1"),
        get(f"{COLLECTORS}?watch=1&timeoutSeconds=1"),
        get(f"{_WATCH}&timeoutSeconds=x"),
        get(f"{COLLECTORS}/missing?watch=true&timeoutSeconds=1"),
    ),
)
