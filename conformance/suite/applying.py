"""Server-side apply and managed fields."""

from __future__ import annotations

from typing import Any

from conformance.steps import (
    APPLY,
    COLLECTORS,
    EXPERIMENTS,
    MERGE,
    Request,
    collector,
    experiment,
    get,
    patch,
    post,
    put,
    scenario,
)

_A = f"{COLLECTORS}/a"


def apply(path: str, body: Any, manager: str = "one", query: str = "", **rest: Any) -> Request:
    """An apply patch."""
    return patch(f"{path}?fieldManager={manager}{query}", body, APPLY, **rest)


_VARIANTS = experiment("e")["spec"]["variants"]

SCENARIOS = (
    scenario(
        "apply",
        apply(_A, collector("a", labels={"k": "v"})),
        apply(_A, collector("a", labels={"k": "v"})),
        apply(_A, collector("a", spec={"host": "h2"})),
        apply(_A, collector("a", spec={"host": "h3"}), "two"),
        apply(_A, collector("a", spec={"host": "h3"}), "two", "&force=false"),
        apply(_A, collector("a", spec={"host": "h3"}), "two", "&force=true"),
        apply(_A, collector("a", spec={"host": "h3"}), "three"),
        apply(_A, collector("a", spec={"engine": "Auto"}), "two"),
        apply(_A, collector("a", spec={}), "two"),
        apply(_A, collector("a", spec={}), "one", "&dryRun=All"),
        get(_A),
    ),
    scenario(
        "apply-refused",
        patch(_A, collector("a"), APPLY),
        apply(_A, collector("b")),
        apply(_A, {**collector("a"), "kind": "Meter"}),
        apply(_A, {**collector("a"), "apiVersion": "phoenix.io/v2"}),
        apply(_A, {"metadata": {"name": "a"}, "spec": {}}),
        apply(_A, collector("a", managedFields=[{"manager": "x"}])),
        apply(_A, collector("a", resourceVersion="5")),
        apply(_A, collector("a", spec={"bogus": 1})),
        apply(_A, collector("a", spec={"bogus": 1}), query="&fieldValidation=Strict"),
        apply(_A, collector("a", spec={"bogus": 1}), query="&fieldValidation=Ignore"),
        apply(_A, collector("a", spec={"role": "Nonsense"})),
        apply(_A, collector("a", spec="text")),
        apply(_A, collector("a", spec={"host": 5})),
        apply(_A, b"{"),
        apply(_A, b"[]"),
        apply(_A, b""),
        apply(_A, b"a: b: c"),
        apply(f"{_A}/status", {**collector("a"), "status": {"phase": "Running"}}),
        apply(f"{COLLECTORS}/Bad_Name", collector("Bad_Name")),
        apply("/apis/phoenix.io/v1alpha1/namespaces/conf-none/collectors/a", collector("a")),
    ),
    scenario(
        "apply-yaml",
        apply(_A, b"apiVersion: phoenix.io/v1alpha1\nkind: Collector\nmetadata:\n  name: a\nspec:\n  host: h1\n"),
        apply(
            _A,
            b"# the same\napiVersion: phoenix.io/v1alpha1\nkind: Collector\nmetadata: {name: a}\nspec: {host: h1}\n",
        ),
        apply(_A, b"apiVersion: phoenix.io/v1alpha1\nkind: Collector\nmetadata: {name: a}\nspec: {host: a, host: b}\n"),
    ),
    scenario(
        "apply-beside-updates",
        post(f"{COLLECTORS}?fieldManager=maker", collector("a", labels={"k": "v"})),
        apply(_A, collector("a", spec={"host": "h2"})),
        apply(_A, collector("a", spec={"host": "h2"}), query="&force=true"),
        patch(f"{_A}?fieldManager=other", {"spec": {"host": "h3"}}, MERGE),
        apply(_A, collector("a", spec={"host": "h2"})),
        patch(f"{_A}?fieldManager=other", {"metadata": {"labels": {"k": None, "l": "w"}}}, MERGE),
        patch(f"{_A}/status?fieldManager=agent", {"status": {"phase": "Running"}}, MERGE),
        apply(
            f"{_A}/status",
            {
                "apiVersion": "phoenix.io/v1alpha1",
                "kind": "Collector",
                "metadata": {"name": "a"},
                "status": {"phase": "Failed"},
            },
            "two",
        ),
        apply(
            f"{_A}/status",
            {
                "apiVersion": "phoenix.io/v1alpha1",
                "kind": "Collector",
                "metadata": {"name": "a"},
                "status": {"phase": "Failed"},
            },
            "two",
            "&force=true",
        ),
        patch(_A, {"metadata": {"managedFields": [{}]}}, MERGE),
        patch(f"{_A}?fieldManager=after", {"spec": {"host": "h9"}}, MERGE),
    ),
    scenario(
        "apply-lists",
        apply(f"{EXPERIMENTS}/e", experiment("e")),
        apply(
            f"{EXPERIMENTS}/e",
            {
                "apiVersion": "phoenix.io/v1alpha1",
                "kind": "Experiment",
                "metadata": {"name": "e"},
                "spec": {
                    "variants": [{"name": "third", "role": "Candidate", "pipeline": {"templateRef": {"name": "x"}}}]
                },
            },
            "two",
        ),
        apply(f"{EXPERIMENTS}/e", experiment("e", variants=_VARIANTS[:1])),
        apply(
            f"{EXPERIMENTS}/e",
            {
                "apiVersion": "phoenix.io/v1alpha1",
                "kind": "Experiment",
                "metadata": {"name": "e"},
                "spec": {"variants": [{"name": "baseline", "pipeline": {"templateRef": {"name": "y"}}}]},
            },
            "two",
        ),
        apply(
            f"{EXPERIMENTS}/e",
            {
                "apiVersion": "phoenix.io/v1alpha1",
                "kind": "Experiment",
                "metadata": {"name": "e"},
                "spec": {"variants": [{"name": "a"}, {"name": "a"}]},
            },
            "two",
        ),
        apply(
            f"{EXPERIMENTS}/e",
            {"apiVersion": "phoenix.io/v1alpha1", "kind": "Experiment", "metadata": {"name": "e"}},
            "two",
        ),
    ),
    scenario(
        "managers",
        post(COLLECTORS, collector("a"), headers={"User-Agent": "program/1.0 (linux)"}),
        post(f"{COLLECTORS}?fieldManager=named", collector("b"), save="b"),
        put(
            f"{COLLECTORS}/b?fieldManager=putter",
            collector("b", resourceVersion="$(b.metadata.resourceVersion)", spec={"host": "h2"}, labels={"k": "v"}),
        ),
        patch(
            f"{COLLECTORS}/b?fieldManager=named",
            {"metadata": {"annotations": {"k": "v"}, "finalizers": ["example.com/x"]}},
        ),
        patch(
            f"{COLLECTORS}/b",
            {
                "metadata": {
                    "ownerReferences": [
                        {
                            "apiVersion": "v1",
                            "kind": "Namespace",
                            "name": "x",
                            "uid": "11111111-1111-4111-8111-111111111111",
                        }
                    ]
                }
            },
            headers={"User-Agent": "owner"},
        ),
        patch(f"{COLLECTORS}/b?fieldManager=named", {"metadata": {"finalizers": None}}),
    ),
)
