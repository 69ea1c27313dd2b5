"""Paths, methods, credentials, discovery, OpenAPI, health."""

from __future__ import annotations

from conformance.steps import COLLECTORS, GROUP, Request, collector, delete, get, patch, post, put, scenario

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
_PATH = "$.paths.'/apis/phoenix.io/v1alpha1/namespaces/{namespace}/collectors/{name}'"
_OURS = "$.items[?(@.metadata.name=='phoenix.io')]"


def _send(method: str, path: str) -> Request:
    return Request(method=method, path=path, content_type=None)


SCENARIOS = (
    scenario(
        "routes",
        get("/nonsense"),
        get("/apis/nonsense.io"),
        get("/apis/nonsense.io/v1"),
        get("/apis/nonsense.io/v1/things"),
        get("/apis/phoenix.io/v9"),
        get("/apis/phoenix.io/v9/collectors"),
        get(f"{GROUP}/nonsense"),
        get(f"{GROUP}/namespaces/$ns/nonsense"),
        get(f"{GROUP}/namespaces/$ns/nonsense/a"),
        get("/api/v2"),
        get("/api/v1/nonsense"),
        get("/api/v1/namespaces/$ns/nonsense"),
        post("/nonsense", {}),
        post(f"{GROUP}/namespaces/$ns/nonsense", collector("a")),
        delete(f"{GROUP}/namespaces/$ns/nonsense/a"),
        get(f"{COLLECTORS}/a/b/c/d"),
        get(f"{COLLECTORS}//a"),
        get(f"{GROUP}/collectors/a"),
        get(f"{GROUP}/namespaces/$ns/pricebooks"),
        get(f"{COLLECTORS}/%61", accept="application/json"),
    ),
    scenario(
        "methods",
        post(COLLECTORS, collector("a"), pick={"name": "$.metadata.name"}),
        post(f"{COLLECTORS}/a", collector("a")),
        put(COLLECTORS, collector("a")),
        patch(COLLECTORS, {}),
        _send("HEAD", f"{COLLECTORS}/a"),
        _send("OPTIONS", f"{COLLECTORS}/a"),
        _send("TRACE", f"{COLLECTORS}/a"),
        _send("NONSENSE", f"{COLLECTORS}/a"),
        post("/apis", {}),
        delete("/version"),
        post("/healthz", {}),
        put(GROUP, {}, pick={"kind": "$.kind", "code": "$.code"}),
    ),
    scenario(
        "credentials",
        get(COLLECTORS, headers={"Authorization": "Bearer wrong"}),
        get(COLLECTORS, headers={"Authorization": "Basic YTpi"}),
        get(COLLECTORS, headers={"Authorization": "Bearer"}),
        get(COLLECTORS, headers={"Authorization": ""}),
        post(COLLECTORS, collector("a"), headers={"Authorization": "Bearer wrong"}),
        get("/version", headers={"Authorization": ""}, pick={"keys": "$.nonsense"}),
        get("/healthz", headers={"Authorization": ""}),
        get("/livez", headers={"Authorization": ""}),
        get("/readyz", headers={"Authorization": ""}),
        get("/api", headers={"Authorization": ""}),
        get("/healthz", headers={"Authorization": "Bearer wrong"}),
        get("/metrics", headers={"Authorization": ""}),
    ),
    scenario(
        "discovery",
        get("/api", pick={"kind": "$.kind", "versions": "$.versions"}),
        get(
            "/apis", pick={"kind": "$.kind", "apiVersion": "$.apiVersion", "ours": "$.groups[?(@.name=='phoenix.io')]"}
        ),
        get("/apis/phoenix.io"),
        get("/apis/phoenix.io/"),
        get(
            GROUP,
            pick={
                "kind": "$.kind",
                "apiVersion": "$.apiVersion",
                "groupVersion": "$.groupVersion",
                "collectors": "$.resources[?(@.name=='collectors')]",
                "status": "$.resources[?(@.name=='collectors/status')]",
                "pricebooks": "$.resources[?(@.name=='pricebooks')]",
            },
        ),
        get(
            "/api/v1",
            pick={
                "kind": "$.kind",
                "groupVersion": "$.groupVersion",
                "namespaces": "$.resources[?(@.name=='namespaces')]",
                "events": "$.resources[?(@.name=='events')]",
            },
        ),
        get(
            "/apis",
            accept=_AGGREGATED,
            pick={
                "kind": "$.kind",
                "apiVersion": "$.apiVersion",
                "metadata": "$.metadata",
                "name": f"{_OURS}.metadata.name",
                "versions": f"{_OURS}.versions[*].version",
                "freshness": f"{_OURS}.versions[*].freshness",
                "collectors": f"{_OURS}.versions[*].resources[?(@.resource=='collectors')]",
            },
        ),
        get(
            "/api",
            accept=_AGGREGATED,
            pick={
                "kind": "$.kind",
                "apiVersion": "$.apiVersion",
                "namespaces": "$.items[*].versions[*].resources[?(@.resource=='namespaces')]",
            },
        ),
        get("/version", pick={"compiler": "$.nonsense"}),
    ),
    scenario(
        "openapi",
        get("/openapi/v3", pick={"path": "$.paths.'apis/phoenix.io/v1alpha1'.nonsense"}),
        get(
            "/openapi/v3/apis/phoenix.io/v1alpha1",
            pick={
                "openapi": "$.openapi",
                "patch": f"{_PATH}.patch.'x-kubernetes-group-version-kind'",
                "spec": "$.components.schemas.'io.phoenix.v1alpha1.Collector'.properties.spec.properties.role",
                "kinds": "$.components.schemas.'io.phoenix.v1alpha1.Collector'.'x-kubernetes-group-version-kind'",
            },
        ),
        get("/openapi/v3/apis/nonsense.io/v1"),
        get("/openapi/v3/api/v1", pick={"openapi": "$.openapi"}),
        get("/openapi/nonsense"),
    ),
)
