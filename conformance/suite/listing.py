"""Lists: selectors, pages, revisions, forms."""

from __future__ import annotations

from conformance.steps import COLLECTORS, EXPERIMENTS, GROUP, Request, collector, experiment, get, patch, post, scenario

_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
_NAMES = {"kind": "$.kind", "apiVersion": "$.apiVersion", "names": "$.items[*].metadata.name", "metadata": "$.metadata",
          "message": "$.message", "reason": "$.reason", "code": "$.code", "details": "$.details"}  # fmt: skip
_FIVE = tuple(
    post(
        COLLECTORS,
        collector(name, labels=labels, spec={"host": f"h-{name}"}),
        save=name,
        pick={"name": "$.metadata.name"},
    )
    for name, labels in (
        ("a", {"team": "x", "tier": "1"}),
        ("b", {"team": "y"}),
        ("c", {"team": "x", "tier": "2"}),
        ("d", {}),
        ("e", {"tier": "1"}),
    )
)


def _list(query: str) -> Request:
    return get(f"{COLLECTORS}?{query}", pick=_NAMES)


SCENARIOS = (
    scenario(
        "list",
        get(COLLECTORS),
        *_FIVE,
        get(COLLECTORS, pick=_NAMES),
        get(f"{COLLECTORS}?limit=1"),
        get(f"{GROUP}/collectors?labelSelector=nobody%3Dhas", pick=_NAMES),
        get(f"{GROUP}/namespaces/conf-nowhere/collectors"),
        get(f"{COLLECTORS}/"),
        get(f"{COLLECTORS}/missing"),
        get(f"{COLLECTORS}/a?resourceVersion=0", pick={"name": "$.metadata.name"}),
        get(f"{COLLECTORS}/a?resourceVersion=$(a.metadata.resourceVersion)", pick={"name": "$.metadata.name"}),
        get(f"{COLLECTORS}/a?resourceVersion=999999999999"),
        get(f"{COLLECTORS}/a?resourceVersion=nonsense"),
        get(f"{COLLECTORS}/Bad_Name"),
    ),
    scenario(
        "list-labels",
        *_FIVE,
        *(
            _list(f"labelSelector={selector}")
            for selector in (
                "team%3Dx",
                "team%3D%3Dx",
                "team!%3Dx",
                "team",
                "!team",
                "team+in+(x,y)",
                "team+notin+(x)",
                "team%3Dx,tier%3D2",
                "team%3Dx,tier",
                "tier+in+(1),!team",
                "",
                "team%3D",
                "team+in+()",
                "team%3Dx%3Dy",
                "bad+key",
                "%3Dx",
                "team+between+(a)",
                "tier>1",
                "tier<2",
                "tier>x",
                "team%3Dbad+value",
                "team%3Dx,",
            )
        ),
    ),
    scenario(
        "list-fields",
        *_FIVE,
        *(
            _list(f"fieldSelector={selector}")
            for selector in (
                "metadata.name%3Da",
                "metadata.name!%3Da",
                "metadata.namespace%3D$ns",
                "metadata.namespace%3Dother",
                "metadata.name%3Da,metadata.namespace%3D$ns",
                "metadata.name%3D%3Da",
                "spec.host%3Dh-a",
                "nonsense%3D1",
                "metadata.name",
                "metadata.name%3D",
                "metadata.name+in+(a)",
                "metadata.name%3Da,",
                "status.phase%3DRunning",
                "metadata.uid%3D1",
            )
        ),
        _list("fieldSelector=metadata.name%3Da&labelSelector=team%3Dy"),
    ),
    scenario(
        "list-pages",
        *_FIVE,
        get(f"{COLLECTORS}?limit=2", pick=_NAMES, save="one"),
        get(f"{COLLECTORS}?limit=2&continue=$(one.metadata.continue)", pick=_NAMES, save="two"),
        get(f"{COLLECTORS}?limit=2&continue=$(two.metadata.continue)", pick=_NAMES),
        get(f"{COLLECTORS}?continue=$(one.metadata.continue)", pick=_NAMES),
        get(f"{COLLECTORS}?limit=2&labelSelector=team%3Dx", pick=_NAMES),
        get(f"{COLLECTORS}?limit=1&labelSelector=team%3Dx", pick=_NAMES),
        get(f"{COLLECTORS}?limit=5", pick=_NAMES),
        get(f"{COLLECTORS}?limit=0", pick=_NAMES),
        get(f"{COLLECTORS}?limit=-1", pick=_NAMES),
        get(f"{COLLECTORS}?limit=x"),
        get(f"{COLLECTORS}?continue=nonsense"),
        get(f"{COLLECTORS}?limit=2&continue=$(one.metadata.continue)&resourceVersion=5", pick=_NAMES),
        get(f"{COLLECTORS}?limit=2&continue=$(one.metadata.continue)&resourceVersionMatch=Exact", pick=_NAMES),
    ),
    scenario(
        "list-revisions",
        *_FIVE,
        patch(f"{COLLECTORS}/a", {"spec": {"host": "changed"}}, save="a2"),
        get(f"{COLLECTORS}?resourceVersion=0", pick=_NAMES),
        get(f"{COLLECTORS}?resourceVersion=$(a.metadata.resourceVersion)", pick=_NAMES),
        get(
            f"{COLLECTORS}?resourceVersion=$(e.metadata.resourceVersion)&resourceVersionMatch=NotOlderThan", pick=_NAMES
        ),
        get(f"{COLLECTORS}?resourceVersion=$(c.metadata.resourceVersion)&resourceVersionMatch=Exact", pick=_NAMES),
        get(f"{COLLECTORS}?resourceVersionMatch=Exact", pick=_NAMES),
        get(f"{COLLECTORS}?resourceVersionMatch=NotOlderThan", pick=_NAMES),
        get(f"{COLLECTORS}?resourceVersion=0&resourceVersionMatch=Exact", pick=_NAMES),
        get(f"{COLLECTORS}?resourceVersion=0&resourceVersionMatch=Nonsense", pick=_NAMES),
        get(f"{COLLECTORS}?resourceVersion=nonsense", pick=_NAMES),
        get(f"{COLLECTORS}?resourceVersion=-1", pick=_NAMES),
        get(f"{COLLECTORS}?resourceVersion=999999999999", pick=_NAMES),
        get(f"{COLLECTORS}?resourceVersion=999999999999&resourceVersionMatch=Exact", pick=_NAMES),
        get(f"{COLLECTORS}?sendInitialEvents=true", pick=_NAMES),
        get(f"{COLLECTORS}?watch=nonsense&timeoutSeconds=1", pick=_NAMES),
        get(f"{COLLECTORS}?timeoutSeconds=x", pick=_NAMES),
        get(f"{COLLECTORS}?unknown=parameter", pick=_NAMES),
    ),
    scenario(
        "tables",
        post(COLLECTORS, collector("a")),
        post(EXPERIMENTS, experiment("e")),
        get(COLLECTORS, accept=_TABLE),
        get(f"{COLLECTORS}/a", accept=_TABLE),
        get(f"{EXPERIMENTS}/e", accept=_TABLE),
        get(f"{EXPERIMENTS}?includeObject=Object", accept=_TABLE),
        get(f"{EXPERIMENTS}?includeObject=None", accept=_TABLE),
        get(f"{EXPERIMENTS}?includeObject=Nonsense", accept=_TABLE),
        get(f"{EXPERIMENTS}?limit=1", accept=_TABLE.replace("v=v1;", "v=v1beta1;")),
        get(f"{COLLECTORS}/missing", accept=_TABLE),
        get("/api/v1/namespaces/$ns", accept=_TABLE),
    ),
    scenario(
        "forms",
        post(COLLECTORS, collector("a", labels={"k": "v"})),
        get(f"{COLLECTORS}/a", accept="application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"),
        get(COLLECTORS, accept="application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"),
        get(f"{COLLECTORS}/a", accept="*/*"),
        get(f"{COLLECTORS}/a", accept=""),
        get(f"{COLLECTORS}/a", accept="application/*"),
        get(f"{COLLECTORS}/a", accept="text/html"),
        get(f"{COLLECTORS}/a", accept="application/yaml"),
        get(f"{COLLECTORS}/a", accept="application/vnd.kubernetes.protobuf,application/json"),
        get(f"{COLLECTORS}/a", accept="application/vnd.kubernetes.protobuf"),
        get(f"{COLLECTORS}/a", accept="application/json;as=Table;v=v2;g=meta.k8s.io"),
        get(f"{COLLECTORS}/a?pretty=true", pick={"name": "$.metadata.name"}),
        post(COLLECTORS, collector("b"), accept=_TABLE),
        post(COLLECTORS, collector("c"), accept="text/html"),
    ),
)
