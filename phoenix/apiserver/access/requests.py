"""What a request asks for, in the words of rules; and what is answered when it may not be had. Pure."""

from __future__ import annotations

from phoenix.api.core import Namespace
from phoenix.apimachinery.errors import Forbidden
from phoenix.apiserver.access.identity import Identity
from phoenix.apiserver.access.rules import Attributes
from phoenix.apiserver.target import Target

_OBJECT_VERBS = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create", "HEAD": "get"}
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


def verb_of(method: str, target: Target, *, watch: bool) -> str:
    """The verb rules know a request by; an unknown method is its own verb, in lower case."""
    if target.name or target.subresource:
        return "watch" if watch and not target.subresource else _OBJECT_VERBS.get(method, method.lower())
    match method:
        case "GET" | "HEAD":
            return "watch" if watch else "list"
        case "DELETE":
            return "deletecollection"
    return _OBJECT_VERBS.get(method, method.lower())


def namespace_of(target: Target) -> str:
    """The namespace that roles are looked up in: a Namespace itself is in its own, as upstream has it."""
    return target.name if target.kind is Namespace else target.namespace


def forbidden(identity: Identity, asked: Attributes, why: str = "") -> Forbidden:
    """The refusal in Kubernetes' words, with a reason where there is more to say."""
    if asked.path:
        return Forbidden(f'forbidden: User "{identity.name}" cannot {asked.verb} path "{asked.path}"{_more(why)}')
    qualified = f"{asked.resource}.{asked.group}" if asked.group else asked.resource
    named = f' "{asked.name}"' if asked.name else ""
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    message = (
        f'{qualified}{named} is forbidden: User "{identity.name}" cannot {asked.verb} resource "{asked.combined}" in '
        f'API group "{asked.group}" {where}{_more(why)}'
    )
    return Forbidden(message, name=asked.name, group=asked.group, kind=asked.resource)


def _more(why: str) -> str:
    return f": {why}" if why else ""


def attributes_of(verb: str, target: Target) -> Attributes:
    """A request about a target."""
    info = target.kind.info
    return Attributes(verb, info.group, info.plural, target.subresource, namespace_of(target), target.name)
