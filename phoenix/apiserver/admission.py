"""What a client sent becomes what is stored: unknown fields reported and dropped, defaults filled in, all checked."""

from __future__ import annotations

from typing import Any

from phoenix.api.schema import complete, plain, repeated_items, unknown_fields, validate
from phoenix.api.validation import shown
from phoenix.apimachinery.errors import BadRequest, Cause, Invalid
from phoenix.apimachinery.meta import GROUP, Resource
from phoenix.apiserver.objectmeta import distinct_owners
from phoenix.apiserver.options import FieldValidation
from phoenix.apiserver.pipelinewarnings import LINTED, pipeline_warnings
from phoenix.apiserver.repeated import strict_error


def default_type(kind: type[Resource], wire: dict[str, Any]) -> dict[str, Any]:
    """Fill in apiVersion and kind from the URL, since typed clients leave them out; they come first in what is stored.

    Raises:
        BadRequest: they are there and say something else, or metadata is no object.
        Invalid: the kind is another, in our own group's version; so upstream, too, has it of custom resources.
    """
    info = kind.info
    found = (wire.get("apiVersion") or info.api_version, wire.get("kind") or info.kind)
    if found != (info.api_version, info.kind):
        if info.group == GROUP and found[0] == info.api_version:
            raise other_type(kind, wire, "kind", info.kind)
        msg = (
            f"the object is {found[1]} of {found[0]}, but this URL is for {info.kind} of {info.api_version}: "
            "send it to its own URL or correct apiVersion and kind"
        )
        raise BadRequest(msg)
    metadata = wire.get("metadata")
    if metadata is None:
        metadata = {}
    if not isinstance(metadata, dict):
        raise BadRequest('metadata must be an object, such as {"name": "example"}')
    head = {"apiVersion": info.api_version, "kind": info.kind, "metadata": metadata}
    return head | wire | head  # the first for the order, the last for the values


def other_type(kind: type[Resource], wire: dict[str, Any], field: str, expected: str) -> Invalid:
    """The answer to an object whose `field`, kind or apiVersion, is not what it must be on this URL."""
    metadata, given = wire.get("metadata"), str(wire.get("kind") or kind.info.kind)
    name = str(metadata.get("name") or "") if isinstance(metadata, dict) else ""
    cause = Cause("FieldValueInvalid", f"Invalid value: {shown(wire.get(field))}: must be {expected}", field)
    msg = f'{given}.{kind.info.group} "{name}" is invalid: {field}: {cause.message}'
    return Invalid(msg, name=name, group=kind.info.group, kind=given, causes=[cause])


def admit(
    kind: type[Resource], wire: dict[str, Any], mode: FieldValidation, old: dict[str, Any] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """Prune, default and validate an object.

    Args:
        old: the stored object it is to replace. What is wrong with that already is no reason to refuse: a rule that
            came later must not stop an object's status, nor a change of something else (upstream: ratcheting).

    Returns:
        The object to store (free-form parts may be shared with `wire`) and warnings.

    Raises:
        BadRequest: strict, and there are unknown fields.
        Invalid: the object breaks rules; one cause a field.
    """
    linted = kind in LINTED and mode is not FieldValidation.IGNORE
    if (right := plain(kind, wire)) is not None:
        return right, pipeline_warnings(kind, right) if linted else []
    warnings: list[str] = []
    admitted, has_unknown = complete(kind, wire)
    if has_unknown and mode is not FieldValidation.IGNORE:
        warnings = [f'unknown field "{path}"' for path in unknown_fields(kind, wire)]
        if mode is FieldValidation.STRICT:
            raise strict_error(kind, warnings)
    warnings += distinct_owners(admitted.get("metadata"))
    if causes := _new_causes(kind, admitted, old):
        metadata = admitted.get("metadata")
        raise invalid(kind, str(metadata.get("name") or "") if isinstance(metadata, dict) else "", causes)
    if linted:
        warnings += pipeline_warnings(kind, admitted)
    return admitted, warnings


def _new_causes(kind: type[Resource], wire: dict[str, Any], old: dict[str, Any] | None) -> list[Cause]:
    causes = validate(kind, wire)
    if not causes or old is None:
        return causes
    known = validate(kind, old)
    if fresh := [cause for cause in causes if cause not in known]:
        return fresh
    known = repeated_items(kind, old)  # which `validate` looks at only where nothing else is wrong
    return [cause for cause in repeated_items(kind, wire) if cause not in known]


def invalid(kind: type[Resource], name: str, causes: list[Cause]) -> Invalid:
    """The 422 that names each field at fault."""
    info = kind.info
    shown = ", ".join(f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in causes[:10])
    more = f", and {len(causes) - 10} more" if len(causes) > 10 else ""
    listed = f"[{shown}{more}]" if len(causes) > 1 else shown
    qualified = f"{info.kind}.{info.group}" if info.group else info.kind
    return Invalid(
        f'{qualified} "{name}" is invalid: {listed}', name=name, group=info.group, kind=info.kind, causes=causes
    )
