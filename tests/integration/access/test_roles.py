"""Roles over HTTP: what each of the built-in ones lets through, in the words Kubernetes refuses with."""

from __future__ import annotations

import pytest
from yarl import URL

from tests.integration.access.conftest import BINDINGS, RBAC, USERS, People
from tests.integration.apiserver.conftest import EXPERIMENTS, GROUP_PATH, experiment

OTHER = f"{GROUP_PATH}/namespaces/other/experiments"
ROLE = {"metadata": {"name": "r"}, "rules": [{"verbs": ["get"], "apiGroups": ["phoenix.io"], "resources": ["hosts"]}]}
# What (method, path, body) → the roles that may. Everything else must be 403.
MATRIX: list[tuple[str, str, object, set[str]]] = [
    ("GET", EXPERIMENTS, None, {"view", "edit", "admin", "cluster-admin"}),
    ("GET", f"{EXPERIMENTS}/x", None, {"view", "edit", "admin", "cluster-admin"}),
    ("GET", f"{EXPERIMENTS}/x/samples?run=1", None, {"view", "edit", "admin", "cluster-admin"}),
    ("GET", f"{GROUP_PATH}/namespaces/default/meters/m/log", None, {"view", "edit", "admin", "cluster-admin"}),
    ("POST", EXPERIMENTS, experiment("new"), {"edit", "admin", "cluster-admin"}),
    ("PATCH", f"{EXPERIMENTS}/x", {"spec": {"suspend": True}}, {"edit", "admin", "cluster-admin"}),
    ("PATCH", f"{EXPERIMENTS}/x/status", {"status": {}}, {"cluster-admin"}),
    ("POST", f"{EXPERIMENTS}/x/samples", {"samples": []}, {"cluster-admin"}),
    ("DELETE", f"{EXPERIMENTS}/gone", None, {"edit", "admin", "cluster-admin"}),
    ("DELETE", f"{EXPERIMENTS}?labelSelector=a%3Db", None, {"edit", "admin", "cluster-admin"}),
    ("GET", f"{RBAC}/namespaces/default/roles", None, {"admin", "cluster-admin"}),
    ("POST", f"{RBAC}/namespaces/default/roles", ROLE, {"admin", "cluster-admin"}),
    ("GET", OTHER, None, set()),
    ("GET", f"{GROUP_PATH}/experiments", None, set()),
    ("GET", f"{GROUP_PATH}/hosts", None, set()),
    ("GET", USERS, None, set()),
    ("POST", USERS, {"metadata": {"name": "mallory"}}, set()),
    ("GET", f"{RBAC}/clusterroles", None, set()),
    ("GET", "/metrics", None, set()),
    ("GET", "/apis", None, {"nobody", "view", "edit", "admin", "cluster-admin"}),
    ("GET", "/openapi/v3", None, {"nobody", "view", "edit", "admin", "cluster-admin"}),
]


@pytest.mark.parametrize("role", ["nobody", "view", "edit", "admin", "cluster-admin"])
async def test_each_role_in_a_namespace_lets_through_what_it_says_and_no_more(people: People, role: str) -> None:
    await people("POST", EXPERIMENTS, experiment("x"))
    token = await people.join("ann")
    if role != "nobody":
        await people.bind(role, "ann")
    for method, path, body, roles in MATRIX:
        content = {"content_type": "application/merge-patch+json"} if method == "PATCH" else {}
        got = await people(method, path, body, Authorization=f"Bearer {token}", **content)
        if role in roles:
            assert got.code not in (401, 403), (role, method, path, got.body)
        else:
            assert got.code == 403, (role, method, path, got.body)
            assert got.body["reason"] == "Forbidden"


async def test_refusals_are_in_the_words_of_kubernetes(people: People) -> None:
    token = await people.join("ann")
    for method, path, message in (
        ("POST", EXPERIMENTS, ('experiments.phoenix.io is forbidden: User "ann" cannot create resource "experiments" '
         'in API group "phoenix.io" in the namespace "default"')),
        ("GET", f"{EXPERIMENTS}/x/samples", ('experiments.phoenix.io "x" is forbidden: User "ann" cannot get resource '
         '"experiments/samples" in API group "phoenix.io" in the namespace "default"')),
        ("GET", "/api/v1/namespaces", ('namespaces is forbidden: User "ann" cannot list resource "namespaces" in API '
         'group "" at the cluster scope')),
        ("GET", f"{EXPERIMENTS}?watch=1", ('experiments.phoenix.io is forbidden: User "ann" cannot watch resource '
         '"experiments" in API group "phoenix.io" in the namespace "default"')),
        ("GET", "/metrics", 'forbidden: User "ann" cannot get path "/metrics"'),
    ):  # fmt: skip
        got = await people.asking(token, method, path, {} if method == "POST" else None)
        assert (got.code, got.body["message"], got.body["status"]) == (403, message, "Failure")


async def test_a_change_of_roles_and_users_holds_from_the_next_request_on(people: People) -> None:
    token = await people.join("ann")
    assert (await people.asking(token, "GET", EXPERIMENTS)).code == 403
    await people.bind("view", "ann")
    assert (await people.asking(token, "GET", EXPERIMENTS)).code == 200
    await people("DELETE", f"{BINDINGS}/ann-view")
    assert (await people.asking(token, "GET", EXPERIMENTS)).code == 403
    await people.bind("view", "red", everywhere=True)  # a user named so, not the group
    patch = {"spec": {"groups": ["red"]}}
    merge = "application/merge-patch+json"
    assert (await people("PATCH", f"{USERS}/ann", patch, content_type=merge)).code == 200
    assert (await people.asking(token, "GET", EXPERIMENTS)).code == 403
    await people("PATCH", f"{RBAC}/clusterrolebindings/red-view",
                 {"subjects": [{"kind": "Group", "name": "red"}]}, content_type=merge)  # fmt: skip
    assert (await people.asking(token, "GET", EXPERIMENTS)).code == 200
    await people("PATCH", f"{USERS}/ann", {"spec": {"disabled": True}}, content_type=merge)
    assert (await people.asking(token, "GET", EXPERIMENTS)).code == 401


async def test_nobody_grants_more_than_he_has(people: People) -> None:
    token = await people.join("ann")
    await people.bind("admin", "ann")
    roles = f"{RBAC}/namespaces/default/roles"

    def role(name: str, verb: str, resource: str) -> dict[str, object]:
        rule = {"verbs": [verb], "apiGroups": ["phoenix.io"], "resources": [resource]}
        return {"metadata": {"name": name}, "rules": [rule]}

    def binding(name: str, cluster_role: str) -> dict[str, object]:
        return {
            "metadata": {"name": name}, "roleRef": {"kind": "ClusterRole", "name": cluster_role},
            "subjects": [{"kind": "User", "name": "ann"}],
        }  # fmt: skip

    assert (await people.asking(token, "POST", roles, role("fine", "get", "experiments"))).code == 201
    for body in (role("more", "*", "experiments"), role("all", "get", "*"), role("status", "patch", "hosts/status")):
        got = await people.asking(token, "POST", roles, body)
        assert (got.code, got.body["reason"]) == (403, "Forbidden")
        assert "attempting to grant RBAC permissions not currently held" in got.body["message"]
    assert (await people.asking(token, "PUT", f"{roles}/fine", role("fine", "*", "hosts"))).code == 403
    assert (await people.asking(token, "POST", BINDINGS, binding("v", "view"))).code == 201
    assert (await people.asking(token, "POST", BINDINGS, binding("c", "cluster-admin"))).code == 403
    assert (await people.asking(token, "POST", BINDINGS, binding("n", "not-there"))).code == 403


async def test_who_may_make_users_cannot_make_himself_master(people: People) -> None:
    token = await people.join("ann")
    rules = [{"verbs": ["*"], "apiGroups": ["phoenix.io"], "resources": ["users", "users/token", "hosts/token"]}]
    await people("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "users"}, "rules": rules})
    await people.bind("users", "ann", everywhere=True)
    await people.join("boss")
    await people.bind("cluster-admin", "boss", everywhere=True)
    got = await people.asking(token, "POST", f"{USERS}/boss/token", {})
    assert (got.code, "permissions not currently held" in got.body["message"]) == (403, True)
    assert (await people.asking(token, "POST", f"{GROUP_PATH}/hosts/h/token", {})).code == 403
    for groups in (["system:masters"], ["system:hosts"]):
        made = await people.asking(token, "POST", USERS, {"metadata": {"name": "m"}, "spec": {"groups": groups}})
        assert made.code == 422, made.body
    assert (await people.asking(token, "POST", USERS, {"metadata": {"name": "friend"}})).code == 201
    assert (await people.asking(token, "POST", f"{USERS}/friend/token", {})).code == 201


async def test_role_ref_cannot_be_changed(people: People) -> None:
    await people.bind("view", "ann")
    got = await people("PATCH", f"{BINDINGS}/ann-view", {"roleRef": {"name": "edit"}},
                       content_type="application/merge-patch+json")  # fmt: skip
    assert got.code == 422
    assert "cannot change roleRef" in got.body["message"]


async def test_an_apply_that_creates_needs_the_right_to_create(people: People) -> None:
    token = await people.join("ann")
    rule = {"verbs": ["patch"], "apiGroups": ["phoenix.io"], "resources": ["experiments"]}
    await people("POST", f"{RBAC}/namespaces/default/roles", {"metadata": {"name": "p"}, "rules": [rule]})
    body = {"metadata": {"name": "p"}, "roleRef": {"kind": "Role", "name": "p"},
            "subjects": [{"kind": "User", "name": "ann"}]}  # fmt: skip
    await people("POST", BINDINGS, body)
    wire = {"apiVersion": "phoenix.io/v1alpha1", "kind": "Experiment", **experiment("x")}
    got = await people("PATCH", f"{EXPERIMENTS}/x?fieldManager=m", wire, content_type="application/apply-patch+yaml",
                       Authorization=f"Bearer {token}")  # fmt: skip
    assert (got.code, "cannot create" in got.body["message"]) == (403, True), got.body


async def test_acting_as_somebody_else_needs_the_right_to(people: People) -> None:
    token = await people.join("ann")
    await people.bind("view", "ann")
    asked = await people("GET", EXPERIMENTS, Impersonate_User="ann")
    assert asked.code == 200
    assert (await people("POST", EXPERIMENTS, experiment("x"), Impersonate_User="ann")).code == 403
    got = await people("GET", EXPERIMENTS, Authorization=f"Bearer {token}", Impersonate_User="boss")
    assert (got.code, 'cannot impersonate resource "users"' in got.body["message"]) == (403, True)
    assert (await people("GET", EXPERIMENTS, Impersonate_Group="red")).code == 400


async def test_built_in_roles_are_put_right_at_the_next_start(people: People) -> None:
    merge = "application/merge-patch+json"
    await people("PATCH", f"{RBAC}/clusterroles/view", {"rules": []}, content_type=merge)
    kept = {"metadata": {"annotations": {"rbac.authorization.kubernetes.io/autoupdate": "false"}}, "rules": []}
    await people("PATCH", f"{RBAC}/clusterroles/edit", kept, content_type=merge)
    await people("DELETE", f"{RBAC}/clusterroles/admin")
    await people.server.stop()
    await people.server.start()
    for name, rules in (("view", True), ("edit", False), ("admin", True)):
        assert bool((await people("GET", f"{RBAC}/clusterroles/{name}")).body.get("rules")) is rules, name


@pytest.mark.parametrize(("query", "accept"), [("", "text/event-stream"), ("?w%61tch=1", "*/*"), ("?watch=1", "*/*")])
async def test_who_may_list_may_not_watch_however_it_is_asked(people: People, query: str, accept: str) -> None:
    token = await people.join("ann")
    rule = {"verbs": ["get", "list"], "apiGroups": ["phoenix.io"], "resources": ["experiments"]}
    await people("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "lister"}, "rules": [rule]})
    await people.bind("lister", "ann")
    assert (await people.asking(token, "GET", EXPERIMENTS)).code == 200
    headers = {"Authorization": f"Bearer {token}", "Accept": accept}
    for path in (EXPERIMENTS, f"{EXPERIMENTS}/x"):
        url = URL(f"{people.server.url}{path}{query}", encoded=True)
        async with people.session.get(url, headers=headers) as got:
            assert got.status == 403, (path, query)
            assert 'cannot watch resource "experiments"' in (await got.json())["message"]
