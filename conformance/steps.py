"""Requests as data. A scenario is a sequence of steps in a namespace of its own; a suite is many scenarios.

In paths and bodies `$ns` stands for the namespace, and `$(a.metadata.uid)` for that part of the answer saved as `a`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
GROUP = "/apis/phoenix.io/v1alpha1"
COLLECTORS = f"{GROUP}/namespaces/$ns/collectors"
EXPERIMENTS = f"{GROUP}/namespaces/$ns/experiments"
PRICEBOOKS = f"{GROUP}/pricebooks"

_PLACE = re.compile(r"\$\(([a-z0-9]+)((?:\.[A-Za-z0-9]+)*)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request.

    Args:
        method, path: the path with its query, both as sent (percent-encoded where they must be).
        body: an object is sent as JSON, bytes and text as they are; None: no body.
        content_type: of the body; None: no such header.
        accept: the Accept header.
        headers: further ones; Authorization here replaces the administrator's.
        save: the answer's body is known to later steps by this name.
        pick: of the answer's body, keep only what these JSONPaths find, by name. Empty: all of it.
    """

    method: str
    path: str
    body: Any = None
    content_type: str | None = JSON
    accept: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    save: str = ""
    pick: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Opens a watch and leaves it open: `Events` of the same name reads from it. Its answer is code and headers."""

    path: str
    name: str = "w"
    accept: str = JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Reads the next `count` events of an open watch; fewer when the server ends it."""

    count: int
    name: str = "w"


Step = Request | Watch | Events


@dataclass(frozen=True, slots=True)
class Scenario:
    """Steps that build on one another. `name` is part of its namespace's name: a DNS label."""

    name: str
    steps: tuple[Step, ...]

    @property
    def namespace(self) -> str:
        """Where it happens."""
        return f"conf-{self.name}"

    @property
    def requests(self) -> int:
        """How many requests it sends."""
        return sum(not isinstance(step, Events) for step in self.steps)


def scenario(name: str, *steps: Step) -> Scenario:
    """A scenario."""
    return Scenario(name, steps)


def get(path: str, **rest: Any) -> Request:
    """A GET."""
    return Request(method="GET", path=path, content_type=None, **rest)


def post(path: str, body: Any, **rest: Any) -> Request:
    """A POST."""
    return Request(method="POST", path=path, body=body, **rest)


def put(path: str, body: Any, **rest: Any) -> Request:
    """A PUT."""
    return Request(method="PUT", path=path, body=body, **rest)


def patch(path: str, body: Any, content_type: str | None = MERGE, **rest: Any) -> Request:
    """A PATCH."""
    return Request(method="PATCH", path=path, body=body, content_type=content_type, **rest)


def delete(path: str, body: Any = None, **rest: Any) -> Request:
    """A DELETE."""
    return Request(method="DELETE", path=path, body=body, content_type=JSON if body is not None else None, **rest)


def resolve(value: Any, namespace: str, saved: Mapping[str, Any]) -> Any:
    """A path or body with its places filled in. Raises LookupError: nothing of that name was saved."""
    if isinstance(value, str):
        text = value.replace("$ns", namespace)
        whole = _PLACE.fullmatch(text)
        if whole:
            return _found(whole, saved)
        return _PLACE.sub(lambda match: str(_found(match, saved)), text)
    if isinstance(value, Mapping):
        return {resolve(key, namespace, saved): resolve(item, namespace, saved) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(item, namespace, saved) for item in value]
    return value


def _found(match: re.Match[str], saved: Mapping[str, Any]) -> Any:
    value = saved[match[1]]
    for key in match[2].split(".")[1:]:
        value = value[int(key) if isinstance(value, list) else key]
    return value


def collector(name: str = "", *, labels: Mapping[str, str] | None = None, spec: Any = None, **meta: Any) -> Any:
    """A small valid object of a namespaced kind."""
    metadata: dict[str, Any] = {"name": name} if name else {}
    if labels:
        metadata["labels"] = dict(labels)
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Collector",
        "metadata": metadata | meta,
        "spec": {"host": "h1"} if spec is None else spec,
    }


def experiment(name: str, **spec: Any) -> Any:
    """A valid Experiment; keywords replace parts of its spec."""
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": {
            "source": {"load": {"profileRef": {"name": "realistic"}}},
            "variants": [
                {"name": "baseline", "role": "Baseline", "pipeline": {"templateRef": {"name": "baseline"}}},
                {"name": "lean", "role": "Candidate", "pipeline": {"templateRef": {"name": "http-lean"}}},
            ],
            "timing": {"duration": "20s"},
            **spec,
        },
    }


def pricebook(name: str, **spec: Any) -> Any:
    """A valid object of a kind without namespace."""
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "PriceBook",
        "metadata": {"name": name},
        "spec": {"meters": [{"unit": "samples", "tiers": [{"price": 0.1, "per": 1000}]}], **spec},
    }
