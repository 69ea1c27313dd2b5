"""Roles decide as a slow reading of Kubernetes' rules does, for any roles, bindings and requests."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from phoenix.api.rbac import RBAC_GROUP
from phoenix.apiserver.access.identity import MASTERS, named
from phoenix.apiserver.access.policy import Roles
from phoenix.apiserver.access.rules import Attributes, Rule, uncovered
from phoenix.store.interface import Record

Wire = dict[str, Any]
VERBS = ["get", "list", "create", "delete"]
GROUPS = ["phoenix.io", RBAC_GROUP, ""]
RESOURCES = ["experiments", "hosts", "events"]
SUBRESOURCES = ["", "status", "log"]
NAMESPACES = ["", "a", "b"]
NAMES = ["", "x", "y"]
PATHS = ["/metrics", "/api", "/api/v1", "/apis"]
PEOPLE = ["ann", "bob"]
TEAMS = ["red", "blue"]


class Objects:
    """A store with nothing but objects to read."""

    def __init__(self, objects: dict[str, Wire]) -> None:
        self.objects = objects

    def get(self, key: str) -> Record | None:
        return Record(key, orjson.dumps(self.objects[key]), 1, 1) if key in self.objects else None

    def list(self, prefix: str) -> list[Record]:
        return [Record(key, orjson.dumps(wire), 1, 1) for key, wire in self.objects.items() if key.startswith(prefix)]


def some(values: list[str], *more: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from([*values, *more]), min_size=1, max_size=3, unique=True)


resource_rules = st.fixed_dictionaries(
    {
        "verbs": some(VERBS, "*"),
        "apiGroups": some(GROUPS, "*"),
        "resources": some([*RESOURCES, "experiments/status", "hosts/status"], "*", "*/status"),
    },
    optional={"resourceNames": some(["x", "y"])},
)
url_rules = st.fixed_dictionaries({"verbs": some(VERBS, "*"), "nonResourceURLs": some(PATHS, "*", "/api/*", "/api*")})
rules = st.lists(resource_rules | url_rules, max_size=3)
role_keys = st.tuples(st.sampled_from(NAMESPACES), st.sampled_from(["r1", "r2"]))
subjects = st.lists(
    st.tuples(st.sampled_from(["User", "Group", "ServiceAccount"]), st.sampled_from(PEOPLE + TEAMS)), max_size=2
)
bindings = st.lists(
    st.tuples(
        st.sampled_from(NAMESPACES), st.sampled_from(["Role", "ClusterRole"]), st.sampled_from(["r1", "r2", "gone"]),
        subjects,
    ),
    max_size=4,
)  # fmt: skip
requests = st.builds(
    Attributes,
    st.sampled_from(VERBS), st.sampled_from(GROUPS), st.sampled_from(RESOURCES), st.sampled_from(SUBRESOURCES),
    st.sampled_from(NAMESPACES), st.sampled_from(NAMES),
) | st.builds(Attributes, st.sampled_from(VERBS), path=st.sampled_from(PATHS))  # fmt: skip


def slowly_allowed(asked: Attributes, person: str, teams: list[str], roles: dict[tuple[str, str], list[Wire]],
                   bound: list[tuple[str, str, str, list[tuple[str, str]]]]) -> bool:  # fmt: skip
    """The documentation of RBAC, word by word."""
    for namespace, kind, name, people in bound:
        if not any((k == "User" and n == person) or (k == "Group" and n in teams) for k, n in people):
            continue
        if namespace and (asked.path or asked.namespace != namespace):
            continue
        for rule in roles.get((namespace if kind == "Role" else "", name), []):
            if slowly_matches(rule, asked):
                return True
    return False


def slowly_matches(rule: Wire, asked: Attributes) -> bool:
    if "*" not in rule["verbs"] and asked.verb not in rule["verbs"]:
        return False
    if asked.path:
        for url in rule.get("nonResourceURLs", []):
            if url in {"*", asked.path} or (url[-1] == "*" and asked.path.startswith(url[:-1])):
                return True
        return False
    if "nonResourceURLs" in rule or ("*" not in rule["apiGroups"] and asked.group not in rule["apiGroups"]):
        return False
    if rule.get("resourceNames") and asked.name not in rule["resourceNames"]:
        return False
    for resource in rule["resources"]:
        if resource == "*":
            return True
        main, _, sub = resource.partition("/")
        if sub == asked.subresource and main in (asked.resource, "*") and (main != "*" or sub):
            return True
    return False


def stored(roles: dict[tuple[str, str], list[Wire]], bound: list[Any]) -> Roles:
    objects: dict[str, Wire] = {}
    for (namespace, name), found in roles.items():
        key = f"/{RBAC_GROUP}/roles/{namespace}/{name}" if namespace else f"/{RBAC_GROUP}/clusterroles/{name}"
        objects[key] = {"metadata": {"name": name, "namespace": namespace}, "rules": found}
    for number, (namespace, kind, name, people) in enumerate(bound):
        plural = f"rolebindings/{namespace}" if namespace else "clusterrolebindings"
        objects[f"/{RBAC_GROUP}/{plural}/b{number}"] = {
            "metadata": {"name": f"b{number}", "namespace": namespace},
            "roleRef": {"kind": kind if namespace else "ClusterRole", "name": name},
            "subjects": [{"kind": k, "name": n} for k, n in people],
        }
    made = Roles()
    made.load(Objects(objects))  # type: ignore[arg-type]  # the one method that is asked
    return made


@settings(max_examples=400, deadline=None)
@given(
    st.dictionaries(role_keys, rules, max_size=5),
    bindings,
    st.sampled_from(PEOPLE),
    st.lists(st.sampled_from(TEAMS), max_size=2, unique=True),
    st.lists(requests, min_size=1, max_size=20),
)
def test_roles_decide_as_the_documentation_says(
    roles: dict[tuple[str, str], list[Wire]], bound: list[Any], person: str, teams: list[str], asked: list[Attributes]
) -> None:
    bound = [(ns, kind if ns else "ClusterRole", name, people) for ns, kind, name, people in bound]
    policy = stored(roles, bound).policy(named(person, teams))
    for one in asked:
        expected = slowly_allowed(one, person, teams, roles, bound)
        assert policy.allows(one) is expected, one
        if not one.path:
            for _ in range(2):  # decided, then remembered
                found = policy.allows_on(one.verb, one.group, one.resource, one.subresource, one.namespace, one.name)
                assert found is expected, one


@settings(max_examples=300, deadline=None)
@given(rules, rules, st.lists(requests, max_size=30))
def test_what_is_covered_allows_no_more(owned: list[Wire], wanted: list[Wire], asked: list[Attributes]) -> None:
    mine, theirs = [Rule.from_wire(rule) for rule in owned], [Rule.from_wire(rule) for rule in wanted]
    assert uncovered(theirs, theirs) == [], "everybody has what he has"
    if uncovered(mine, theirs):
        return
    for one in asked:
        if any(rule.allows(one) for rule in theirs):
            assert any(rule.allows(one) for rule in mine), one


def test_masters_may_do_everything_whatever_roles_there_are() -> None:
    policy = stored({}, []).policy(named("x", (MASTERS,)))
    assert policy.allows(Attributes("fly", "any", "thing", "", "", ""))
    assert policy.allows(Attributes("get", path="/x"))


def test_a_star_below_does_not_reach_up() -> None:
    rule = Rule.from_wire({"verbs": ["get"], "apiGroups": ["phoenix.io"], "resources": ["*/log"]})
    assert rule.allows(Attributes("get", "phoenix.io", "meters", "log", "a", "m"))
    assert not rule.allows(Attributes("get", "phoenix.io", "meters", "", "a", "m"))
    assert uncovered([rule], [Rule.from_wire({"verbs": ["get"], "apiGroups": ["phoenix.io"], "resources": ["*"]})])


def test_the_hosts_group_without_a_host_is_left_out() -> None:
    assert named("mallory", ("system:hosts", "red")).groups == ("red", "system:authenticated")
    assert named("system:host:a", ("system:hosts",)).host == "a"
    assert named("system:host:a", ()).host == ""
