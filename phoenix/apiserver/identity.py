"""Whether a write is about what it says it is about: form, name, namespace, uid and resourceVersion, preconditions."""

from __future__ import annotations

from typing import Any

from phoenix.api.schema import unknown_fields
from phoenix.api.validation import shown
from phoenix.apimachinery.errors import BadRequest, Cause, Conflict, Invalid
from phoenix.apimachinery.meta import GROUP, Resource
from phoenix.apiserver.admission import invalid, other_type
from phoenix.apiserver.options import DeleteOptions, FieldValidation, WriteOptions
from phoenix.apiserver.repeated import strict_error
from phoenix.apiserver.strategy import strategy_of
from phoenix.apiserver.target import Target


def check_form(kind: type[Resource], wanted: Any, options: WriteOptions, *, patch: bool) -> None:
    """What is wrong with an object wanted before anything in it is compared. Raises BadRequest, Invalid."""
    if not patch:
        if options.field_validation is FieldValidation.STRICT and (unknown := unknown_fields(kind, wanted)):
            raise strict_error(kind, [f'unknown field "{path}"' for path in unknown])
        return
    if not isinstance(wanted, dict) or not wanted.get("kind"):
        raise not_a_result("it leaves no object with a kind")
    info = kind.info
    if info.group == GROUP and wanted.get("apiVersion") != info.api_version:
        raise other_type(kind, wanted, "apiVersion", info.api_version)


def not_a_result(why: str) -> Invalid:
    """The answer to a patch that makes something no object can be."""
    return Invalid(
        f'"" is invalid: patch: {why}', causes=[Cause("FieldValueInvalid", f"Invalid value: {why}", "patch")]
    )


def check_namespace(target: Target, metadata: dict[str, Any]) -> None:
    """Give a new object the namespace of its URL. Raises BadRequest: it names another."""
    if not target.kind.info.namespaced:
        metadata.pop("namespace", None)  # as upstream: tools set one on all objects of a directory
        return
    given = metadata.get("namespace") or target.namespace
    if given != target.namespace:
        msg = (
            f"the namespace of the object ({given}) does not match the namespace on the URL ({target.namespace}): "
            "send it to its own namespace"
        )
        raise BadRequest(msg)
    metadata["namespace"] = target.namespace


def check_identity(target: Target, metadata: dict[str, Any], live: dict[str, Any], *, patch: bool) -> None:
    """An update is of the object on its URL, and of the revision it was made of.

    Raises BadRequest, Invalid, Conflict.
    """
    if not target.kind.info.namespaced:
        metadata.pop("namespace", None)
    if not metadata.get("name"):
        msg = f"the name of the object ({target.name} by its URL) must be there: set metadata.name"
        raise BadRequest(msg)
    for field, on_url in (("name", target.name), ("namespace", target.namespace)):
        given = metadata.get(field)
        if given and given != on_url:
            msg = f"the {field} of the object ({given}) does not match the {field} on the URL ({on_url})"
            raise BadRequest(msg)
    version = metadata.get("resourceVersion")
    if version in (None, "", "0"):
        if (patch and not version) or strategy_of(target.kind).unconditional_update:
            return
        message = "Invalid value: 0: must be specified for an update"
        cause = Cause("FieldValueInvalid", message, "metadata.resourceVersion")
        raise invalid(target.kind, target.name, [cause])
    if version != live["resourceVersion"]:
        reason = "the object has been modified; please apply your changes to the latest version and try again"
        raise conflict(target, reason)
    if metadata.get("uid") and metadata["uid"] != live["uid"]:
        if patch:
            message = f"Invalid value: {shown(metadata['uid'])}: field is immutable"
            raise invalid(target.kind, target.name, [Cause("FieldValueInvalid", message, "metadata.uid")])
        raise conflict(target, f"uid {metadata['uid']} is not that of the live object ({live['uid']})")


def check_preconditions(target: Target, live: dict[str, Any], options: DeleteOptions) -> None:
    """Raises Conflict: the object to delete is not the one meant."""
    for name, wanted, found, why in (
        ("UID", options.uid, live["uid"], "deleted and then recreated"),
        ("ResourceVersion", options.resource_version, live["resourceVersion"], "modified"),
    ):
        if wanted and wanted != found:
            info = target.kind.info
            # Of this conflict alone upstream names the kind, not the resource.
            qualified = f"{info.kind}.{info.group}" if info.group else info.kind
            raise Conflict(
                f'Operation cannot be fulfilled on {qualified} "{target.name}": the {name} in the '
                f"precondition ({wanted}) does not match the {name} in record ({found}). "
                f"The object might have been {why}",
                name=target.name,
                group=info.group,
                kind=info.kind,
            )


def conflict(target: Target, reason: str) -> Conflict:
    """The answer to a write that was made of something else than what is stored."""
    info = target.kind.info
    return Conflict(
        f'Operation cannot be fulfilled on {target.qualified} "{target.name}": {reason}',
        name=target.name,
        group=info.group,
        kind=info.plural,
    )
