"""Object metadata, owner references, keys and the generic resource every kind is built from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NewType

from pydantic import ConfigDict, Field

from phoenix.apimachinery.conditions import Condition
from phoenix.apimachinery.model import ONE_FIELD, SET, Model, map_by

GROUP = "phoenix.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

Uid = NewType("Uid", str)


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """Where an object is: namespace (empty for cluster-scoped kinds) and name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class PrinterColumn:
    """One column of `get`: `path` is a JSONPath such as `.status.phase`; priority 1 shows only with `-o wide`."""

    name: str
    path: str
    type: str = "string"  # string | integer | number | boolean | date
    priority: int = 0
    description: str = ""


@dataclass(frozen=True, slots=True)
class KindInfo:
    """What discovery, routes, CRDs and printers need to know of a kind."""

    kind: str
    plural: str
    group: str = GROUP
    version: str = VERSION
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: tuple[PrinterColumn, ...] = ()
    has_status: bool = True
    description: str = ""

    @property
    def singular(self) -> str:
        """Lower-case name of one: `experiment`."""
        return self.kind.lower()

    @property
    def api_version(self) -> str:
        """`group/version`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def base_path(self) -> str:
        """Path all routes of this kind's group begin with: `/apis/phoenix.io/v1alpha1` or `/api/v1`."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of a collection (no name), an object, or its subresource; no namespace means all of them."""
        parts = [self.base_path]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part]
        return "/".join(parts)


class OwnerReference(Model):
    """A link from a dependent to the object that owns it; deleting the owner deletes the dependent."""

    model_config = ConfigDict(json_schema_extra=ONE_FIELD)

    api_version: str = Field(description="group/version of the owner")
    kind: str = Field(description="Kind of the owner")
    name: str = Field(description="name of the owner, in the same namespace or cluster-scoped")
    uid: str = Field(description="uid of the owner: a new object of the same name is not the owner")
    controller: bool | None = Field(default=None, description="true for the one owner that manages the dependent")
    block_owner_deletion: bool | None = Field(
        default=None, description="true: with foreground deletion the owner stays until this dependent is gone"
    )


class ObjectMeta(Model):
    """Standard object metadata, as in Kubernetes."""

    name: str = Field(
        default="",
        description="unique within its kind and namespace: lower-case letters, digits, - and .; 63 characters for what "
        "children name in labels, else 253",
    )
    generate_name: str | None = Field(default=None, description="prefix from which the server makes a name")
    namespace: str = Field(default="", description="namespace; empty for cluster-scoped kinds")
    uid: str = Field(default="", description="set by the server; differs for each object ever made")
    resource_version: str = Field(default="", description="opaque version, for optimistic concurrency and watch")
    generation: int = Field(default=0, description="grows by one when the spec changes")
    creation_timestamp: str | None = Field(default=None, description="RFC 3339 UTC, set by the server")
    deletion_timestamp: str | None = Field(default=None, description="RFC 3339 UTC; set while finalizers hold it")
    deletion_grace_period_seconds: int | None = Field(default=None, description="seconds; always 0 in Phoenix")
    labels: dict[str, str] = Field(default_factory=dict, description="key-value pairs to select by")
    annotations: dict[str, str] = Field(default_factory=dict, description="key-value pairs for tools")
    owner_references: list[OwnerReference] = Field(
        default_factory=list, description="objects that own this one", json_schema_extra=map_by("uid")
    )
    finalizers: list[str] = Field(
        default_factory=list, description="each must be removed before the object goes", json_schema_extra=SET
    )
    managed_fields: list[dict[str, Any]] | None = Field(default=None, description="who set which field")


class ObjectReference(Model):
    """A pointer to an object, as Events carry it."""

    model_config = ConfigDict(json_schema_extra=ONE_FIELD)

    api_version: str = Field(default="", description="group/version")
    kind: str = Field(default="", description="Kind")
    namespace: str = Field(default="", description="namespace")
    name: str = Field(default="", description="name")
    uid: str = Field(default="", description="uid")
    resource_version: str = Field(default="", description="version of the object the event is about")
    field_path: str = Field(default="", description="part of the object")


class Status(Model):
    """What the controllers observed; part of every kind's status."""

    observed_generation: int = Field(default=0, description="metadata.generation this status speaks of")
    conditions: list[Condition] = Field(
        default_factory=list,
        description="latest observations by type",
        json_schema_extra=map_by("type"),
    )


class Resource(Model):
    """Base of all kinds: apiVersion, kind, metadata. Kinds add `spec` and `status` and set `info`."""

    info: ClassVar[KindInfo]

    api_version: str = Field(default="", description="group/version of the kind")
    kind: str = Field(default="", description="name of the kind")
    metadata: ObjectMeta = Field(default_factory=ObjectMeta, description="standard object metadata")

    def model_post_init(self, context: Any) -> None:
        """Fill in apiVersion and kind, so that `Experiment(metadata=…)` is complete."""
        info = type(self).info
        self.api_version = self.api_version or info.api_version
        self.kind = self.kind or info.kind

    @property
    def key(self) -> ObjectKey:
        """Namespace and name."""
        return ObjectKey(self.metadata.namespace, self.metadata.name)

    @property
    def ref(self) -> str:
        """`experiment/http-lean`: how messages and the command line name it."""
        return f"{type(self).info.singular}/{self.metadata.name}"


def owner_reference(owner: Resource, *, controller: bool = True) -> OwnerReference:
    """The reference a dependent carries so that it is deleted with `owner`."""
    return OwnerReference(
        api_version=owner.api_version,
        kind=owner.kind,
        name=owner.metadata.name,
        uid=owner.metadata.uid,
        controller=controller,
        block_owner_deletion=True,
    )


def controller_of(resource: Resource) -> OwnerReference | None:
    """The owner that manages `resource`, or None."""
    return next((ref for ref in resource.metadata.owner_references if ref.controller), None)
