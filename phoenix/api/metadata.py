"""Rules for metadata that hold for every kind: names, labels, annotations, finalizers, owners."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from phoenix.api.structural import JsonObject
from phoenix.api.validation import shown
from phoenix.apimachinery.errors import Cause
from phoenix.apimachinery.meta import KindInfo

MAX_NAME_CHARS = 253
MAX_LABEL_CHARS = 63
MAX_ANNOTATIONS_BYTES = 256 * 1024

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_WORD = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?\Z")
_API_VERSION = re.compile(r"([^/]+/)?[^/]+\Z")
_INVALID = "FieldValueInvalid"

NAMED_IN_LABELS = frozenset({"Namespace", "Experiment", "PipelineDeployment", "Host", "ManifestSource"})
"""Kinds whose names their children carry as label values, which are shorter than names may be."""

NAMED_FREELY = frozenset({"User", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})
"""Kinds whose names may be anything that fits in a URL path, such as `system:host` and `ann@example.com`."""


def metadata_causes(info: KindInfo, metadata: Any) -> list[Cause]:
    """What is wrong with an object's metadata; wrong JSON types are left to the model to report."""
    if not isinstance(metadata, dict):
        return [] if metadata is not None else [_required("metadata.name", "name or generateName is required")]
    causes = list(_name_causes(info, metadata))
    if labels := _mapping(metadata, "labels"):
        causes += _label_causes(labels)
    if annotations := _mapping(metadata, "annotations"):
        causes += _annotation_causes(annotations)
    if finalizers := metadata.get("finalizers"):
        causes += _finalizer_causes(finalizers)
    if owners := metadata.get("ownerReferences"):
        causes += _owner_causes(owners)
    return causes


def _mapping(metadata: JsonObject, name: str) -> JsonObject:
    value = metadata.get(name)
    return value if isinstance(value, dict) else {}


def _required(field: str, message: str) -> Cause:
    return Cause("FieldValueRequired", f"Required value: {message}", field)


def _name_causes(info: KindInfo, metadata: JsonObject) -> Iterator[Cause]:
    name, prefix = metadata.get("name"), metadata.get("generateName")
    label_only = info.kind in NAMED_IN_LABELS
    if info.kind in NAMED_FREELY and isinstance(name, str) and name:
        if problem := path_problem(name):
            yield Cause(_INVALID, f"Invalid value: {shown(name)}: {problem}", "metadata.name")
    elif isinstance(name, str) and name:
        if problem := name_problem(name, label_only=label_only):
            yield Cause(_INVALID, f"Invalid value: {shown(name)}: {problem}", "metadata.name")
    elif isinstance(prefix, str) and prefix:
        # The server adds letters: a prefix may end in what a name may not.
        if problem := name_problem(prefix + "x", label_only=label_only):
            yield Cause(_INVALID, f"Invalid value: {shown(prefix)}: {problem}", "metadata.generateName")
    elif name in (None, "") and prefix in (None, ""):
        yield _required("metadata.name", "name or generateName is required")
    namespace = metadata.get("namespace")
    if isinstance(namespace, str) and namespace:
        if not info.namespaced:
            message = f"{info.kind} is cluster-scoped: leave the namespace out"
            yield Cause("FieldValueForbidden", f"Forbidden: {message}", "metadata.namespace")
        elif problem := name_problem(namespace, label_only=True):
            yield Cause(_INVALID, f"Invalid value: {shown(namespace)}: {problem}", "metadata.namespace")


def name_problem(name: str, *, label_only: bool = False) -> str:
    """Why a text cannot be an object's name; empty when it can. `label_only`: as for namespaces, no dots, 63 chars."""
    most = MAX_LABEL_CHARS if label_only else MAX_NAME_CHARS
    if len(name) > most:
        return f"must be no more than {most} characters, and has {len(name)}"
    if (_DNS_LABEL if label_only else _DNS_SUBDOMAIN).match(name):
        return ""
    allowed = "lower-case letters, digits and -" if label_only else "lower-case letters, digits, - and ."
    return f"must be {allowed}, beginning and ending with a letter or digit, such as http-lean"


def path_problem(name: str) -> str:
    """Why a text cannot be one segment of a URL path; empty when it can."""
    if len(name) > MAX_NAME_CHARS:
        return f"must be no more than {MAX_NAME_CHARS} characters, and has {len(name)}"
    if name in (".", ".."):
        return f"may not be {name!r}"
    if not name.isprintable() or any(char in name for char in "/% "):
        return "must be printable, without /, % and blanks"
    return ""


def key_problem(key: str) -> str:
    """Why a text cannot be a label or annotation key; empty when it can."""
    prefix, slash, word = key.rpartition("/")
    if slash and (len(prefix) > MAX_NAME_CHARS or not _DNS_SUBDOMAIN.match(prefix)):
        return f"prefix {shown(prefix)} must be a DNS name, such as example.com"
    if len(word) > MAX_LABEL_CHARS or not _WORD.match(word):
        return (
            f"name part {shown(word)} must be 1 to {MAX_LABEL_CHARS} letters, digits, -, _ or ., beginning and ending"
            " with a letter or digit"
        )
    return ""


def _label_causes(labels: JsonObject) -> Iterator[Cause]:
    for key, value in labels.items():
        if problem := key_problem(key):
            yield Cause(_INVALID, f"Invalid value: {shown(key)}: {problem}", "metadata.labels")
        if isinstance(value, str) and value and (len(value) > MAX_LABEL_CHARS or not _WORD.match(value)):
            message = (
                f"Invalid value: {shown(value)}: must be empty or up to {MAX_LABEL_CHARS} letters, digits, -, _ or .,"
                " beginning and ending with a letter or digit"
            )
            yield Cause(_INVALID, message, f"metadata.labels[{key}]")


def _annotation_causes(annotations: JsonObject) -> Iterator[Cause]:
    size_bytes = 0
    for key, value in annotations.items():
        if problem := key_problem(key):
            yield Cause(_INVALID, f"Invalid value: {shown(key)}: {problem}", "metadata.annotations")
        size_bytes += len(key) + (len(value.encode(errors="replace")) if isinstance(value, str) else 0)
    if size_bytes > MAX_ANNOTATIONS_BYTES:
        message = f"Too long: annotations have {size_bytes} bytes, at most {MAX_ANNOTATIONS_BYTES} are kept"
        yield Cause("FieldValueTooLong", message, "metadata.annotations")


def _finalizer_causes(finalizers: Any) -> Iterator[Cause]:
    for index, finalizer in enumerate(finalizers if isinstance(finalizers, list) else ()):
        if isinstance(finalizer, str) and (problem := key_problem(finalizer)):
            yield Cause(_INVALID, f"Invalid value: {shown(finalizer)}: {problem}", f"metadata.finalizers[{index}]")


def _owner_type_causes(owner: JsonObject, at: str) -> Iterator[Cause]:
    version = owner.get("apiVersion")
    if isinstance(version, str) and version and not _API_VERSION.match(version):
        message = f"Invalid value: {shown(version)}: must be VERSION or GROUP/VERSION, such as phoenix.io/v1alpha1"
        yield Cause(_INVALID, message, f"{at}.apiVersion")
    if (version, owner.get("kind")) == ("v1", "Event"):
        yield Cause(_INVALID, "Invalid value: an Event cannot own anything", at)


def _owner_causes(owners: Any) -> Iterator[Cause]:
    controllers: list[str] = []
    for index, owner in enumerate(owners if isinstance(owners, list) else ()):
        if not isinstance(owner, dict):
            continue
        for field in ("apiVersion", "kind", "name", "uid"):
            if owner.get(field) == "":
                yield _required(f"metadata.ownerReferences[{index}].{field}", "must not be empty")
        yield from _owner_type_causes(owner, f"metadata.ownerReferences[{index}]")
        if owner.get("controller") is True:
            controllers.append(str(owner.get("name")))
    if len(controllers) > 1:
        message = f"Invalid value: only one owner can be the controller, not {' and '.join(controllers)}"
        yield Cause(_INVALID, message, "metadata.ownerReferences")
