"""Questions about access: `kubectl auth can-i` and `auth whoami`, and the same about others and about tokens.

    POST /apis/authorization.k8s.io/v1/{selfsubjectaccessreviews, selfsubjectrulesreviews, subjectaccessreviews}
    POST /apis/authorization.k8s.io/v1/namespaces/NS/localsubjectaccessreviews
    POST /apis/authentication.k8s.io/v1/{selfsubjectreviews, tokenreviews}

Answered from the same policies requests are decided by; nothing is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from phoenix.apimachinery.errors import BadRequest, Cause, Invalid, MethodNotAllowed, Unauthorized
from phoenix.apiserver.access.caller import Caller
from phoenix.apiserver.access.gate import Access
from phoenix.apiserver.access.identity import named
from phoenix.apiserver.access.rules import Attributes
from phoenix.apiserver.target import no_route

Wire = dict[str, Any]
Answer = Callable[[Access, Caller, Wire, str], Wire]
AUTHORIZATION = "authorization.k8s.io"
AUTHENTICATION = "authentication.k8s.io"
GROUPS = (AUTHORIZATION, AUTHENTICATION)


def question(parts: list[str]) -> tuple[str, str, str]:
    """Group, resource and namespace of a review's path. Raises NotFound."""
    match parts:
        case ["apis", group, "v1", resource] if (group, resource) in _ANSWERS and resource != _LOCAL:
            return group, resource, ""
        case ["apis", group, "v1", "namespaces", namespace, resource] if resource == _LOCAL and group == AUTHORIZATION:
            return group, resource, namespace
    raise no_route()


def is_review(parts: list[str]) -> bool:
    """Whether a path is below the groups that reviews are in."""
    return len(parts) > 3 and parts[0] == "apis" and parts[1] in GROUPS


def review(access: Access, caller: Caller, method: str, parts: list[str], body: Wire) -> Wire:
    """Answer a review.

    Raises:
        NotFound, MethodNotAllowed: there is no such question.
        Forbidden: the caller may not ask it.
        BadRequest, Invalid: it cannot be understood.
    """
    group, resource, namespace = question(parts)
    if method != "POST":
        raise MethodNotAllowed(f"{method} is not allowed here; allowed: POST")
    access.check(caller, Attributes("create", group, resource, namespace=namespace))
    kind, answer = _ANSWERS[group, resource]
    if body.get("kind") not in (None, "", kind):
        msg = f"the object is {body['kind']}, but this URL is for {kind}"
        raise BadRequest(msg)
    spec = body.get("spec") or {}
    if not isinstance(spec, dict):
        raise BadRequest("spec must be an object")
    metadata = body.get("metadata") or {"creationTimestamp": None}
    return {
        "kind": kind, "apiVersion": f"{group}/v1", "metadata": metadata, "spec": spec,
        "status": answer(access, caller, spec, namespace),
    }  # fmt: skip


def _self_access(_access: Access, caller: Caller, spec: Wire, _namespace: str) -> Wire:
    return _decision(caller, _asked(spec))


def _access_of(access: Access, _caller: Caller, spec: Wire, namespace: str) -> Wire:
    asked = _asked(spec)
    if namespace and asked.namespace != namespace:
        message = f"Invalid value: must be the namespace of the URL, {namespace}"
        raise Invalid(
            f"spec.resourceAttributes.namespace: {message}",
            causes=[Cause("FieldValueInvalid", message, "spec.resourceAttributes.namespace")],
        )
    user, groups = str(spec.get("user") or ""), spec.get("groups") or []
    if not user and not groups:
        message = "at least one of user or group must be specified"
        raise Invalid(message, causes=[Cause("FieldValueInvalid", message, "spec.user")])
    return _decision(access.caller(named(user, map(str, groups))), asked)


def _decision(caller: Caller, asked: Attributes) -> Wire:
    if caller.policy.allows(asked):
        status: Wire = {"allowed": True}
        host = caller.identity.host
        if host:
            status["reason"] = f'on objects of its own host, "{host}"'
        return status
    return {"allowed": False}


def _asked(spec: Wire) -> Attributes:
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (resource is None) == (path is None):
        message = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise Invalid(message, causes=[Cause("FieldValueInvalid", message, "spec")])
    given = resource if path is None else path
    if not isinstance(given, dict):
        raise BadRequest("resourceAttributes and nonResourceAttributes are objects")
    found = {key: str(value) for key, value in given.items() if isinstance(value, str)}
    if path is not None:
        return Attributes(found.get("verb", ""), path=found.get("path") or "/")
    return Attributes(
        found.get("verb", ""),
        found.get("group", ""),
        found.get("resource", ""),
        found.get("subresource", ""),
        found.get("namespace", ""),
        found.get("name", ""),
    )


def _rules(_access: Access, caller: Caller, spec: Wire, _namespace: str) -> Wire:
    namespace = str(spec.get("namespace") or "")
    if not namespace:
        message = "no namespace on request"
        raise BadRequest(message)
    rules = [rule.to_wire() for rule in caller.policy.rules_in(namespace)]
    return {
        "resourceRules": [rule for rule in rules if "nonResourceURLs" not in rule],
        "nonResourceRules": [rule for rule in rules if "nonResourceURLs" in rule],
        "incomplete": False,
    }


def _who(_access: Access, caller: Caller, _spec: Wire, _namespace: str) -> Wire:
    return {"userInfo": caller.identity.to_wire()}


def _token(access: Access, _caller: Caller, spec: Wire, _namespace: str) -> Wire:
    try:
        identity = access.authenticator.by_token(str(spec.get("token") or ""))
    except Unauthorized as error:
        return {"authenticated": False, "user": {}, "error": error.message}
    return {"authenticated": True, "user": identity.to_wire()}


_LOCAL = "localsubjectaccessreviews"
_ANSWERS: dict[tuple[str, str], tuple[str, Answer]] = {
    (AUTHORIZATION, "selfsubjectaccessreviews"): ("SelfSubjectAccessReview", _self_access),
    (AUTHORIZATION, "selfsubjectrulesreviews"): ("SelfSubjectRulesReview", _rules),
    (AUTHORIZATION, "subjectaccessreviews"): ("SubjectAccessReview", _access_of),
    (AUTHORIZATION, _LOCAL): ("LocalSubjectAccessReview", _access_of),
    (AUTHENTICATION, "selfsubjectreviews"): ("SelfSubjectReview", _who),
    (AUTHENTICATION, "tokenreviews"): ("TokenReview", _token),
}
