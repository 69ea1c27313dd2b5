"""Role, ClusterRole and their bindings, as in Kubernetes rbac.authorization.k8s.io/v1: who may do what, and where.

Names of people and rules are Kubernetes' own, so that `kubectl create rolebinding`, `kubectl auth can-i` and everything
else people know of RBAC holds here.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic.config import JsonDict

from phoenix.apimachinery.meta import KindInfo, PrinterColumn, Resource
from phoenix.apimachinery.model import Model

RBAC_GROUP = "rbac.authorization.k8s.io"
"""API group of the kinds here, and of the users and groups that bindings name."""

_ATOMIC: JsonDict = {"x-kubernetes-list-type": "atomic"}
_AGE = PrinterColumn("Age", ".metadata.creationTimestamp", "date")


class PolicyRule(Model):
    """What is allowed: verbs on resources, or on URL paths that are no resource."""

    verbs: list[str] = Field(
        min_length=1,
        description="get, list, watch, create, update, patch, delete, deletecollection, escalate, bind; * is all",
        json_schema_extra=_ATOMIC,
    )
    api_groups: list[str] = Field(
        default_factory=list,
        description='groups of the resources: phoenix.io, rbac.authorization.k8s.io, or "" for core; * is all',
        json_schema_extra=_ATOMIC,
    )
    resources: list[str] = Field(
        default_factory=list,
        description="plurals, such as experiments; with /SUB the subresource: experiments/status; * is all, */SUB that "
        "subresource of all",
        json_schema_extra=_ATOMIC,
    )
    resource_names: list[str] = Field(
        default_factory=list,
        description="only these objects; empty: every one. Creating and listing name no object and are not covered",
        json_schema_extra=_ATOMIC,
    )
    non_resource_urls: list[str] = Field(
        default_factory=list,
        alias="nonResourceURLs",
        description="URL paths such as /metrics; a * at the end stands for the rest. In a ClusterRole only",
        json_schema_extra=_ATOMIC,
    )

    @model_validator(mode="after")
    def _resources_or_urls(self) -> Self:
        if self.non_resource_urls:
            if self.resources or self.api_groups or self.resource_names:
                msg = "rules cannot apply to both regular resources and non-resource URLs"
                raise ValueError(msg)
        elif not self.api_groups:
            msg = 'resource rules must supply at least one api group (apiGroups: [""] is core)'
            raise ValueError(msg)
        elif not self.resources:
            msg = "resource rules must supply at least one resource"
            raise ValueError(msg)
        return self


class Subject(Model):
    """Who is bound to a role."""

    kind: Literal["User", "Group", "ServiceAccount"] = Field(
        description="User, Group, or ServiceAccount (which Phoenix has none of: it matches nobody)"
    )
    api_group: str = Field(default="", description=f"{RBAC_GROUP} for User and Group; filled in where empty")
    name: str = Field(min_length=1, description="name of the user or group")
    namespace: str = Field(default="", description="of a ServiceAccount; empty otherwise")

    @model_validator(mode="after")
    def _group_and_namespace(self) -> Self:
        if self.kind == "ServiceAccount":
            if not self.namespace:
                msg = "a ServiceAccount needs its namespace"
                raise ValueError(msg)
        elif self.api_group not in ("", RBAC_GROUP):
            msg = f"apiGroup of a {self.kind} is {RBAC_GROUP}"
            raise ValueError(msg)
        return self


class RoleRef(Model):
    """The role that is bound; a binding keeps it for life."""

    api_group: str = Field(default=RBAC_GROUP, description=f"always {RBAC_GROUP}")
    kind: Literal["Role", "ClusterRole"] = Field(description="Role (of the same namespace) or ClusterRole")
    name: str = Field(min_length=1, description="name of the role")

    @model_validator(mode="after")
    def _group(self) -> Self:
        if self.api_group not in ("", RBAC_GROUP):
            msg = f"apiGroup of a role is {RBAC_GROUP}"
            raise ValueError(msg)
        return self


def _info(kind: str, description: str, *columns: PrinterColumn, namespaced: bool) -> KindInfo:
    return KindInfo(
        kind=kind,
        plural=f"{kind.lower()}s",
        group=RBAC_GROUP,
        version="v1",
        namespaced=namespaced,
        columns=(*columns, _AGE),
        has_status=False,
        description=description,
    )


_Rules = Annotated[
    list[PolicyRule],
    Field(default_factory=list, description="what is allowed; everything else is not", json_schema_extra=_ATOMIC),
]
_Subjects = Annotated[
    list[Subject], Field(default_factory=list, description="who gets the role", json_schema_extra=_ATOMIC)
]
_ROLE = PrinterColumn("Role", ".roleRef.name")
_FIRST = PrinterColumn("First", ".subjects[0].name", priority=1)


class Role(Resource):
    """What may be done in one namespace. Bound to people by a RoleBinding."""

    info: ClassVar[KindInfo] = _info("Role", "What may be done in one namespace.", namespaced=True)
    rules: _Rules

    @model_validator(mode="after")
    def _no_urls(self) -> Self:
        if any(rule.non_resource_urls for rule in self.rules):
            msg = "namespaced rules cannot apply to non-resource URLs: write a ClusterRole"
            raise ValueError(msg)
        return self


class ClusterRole(Resource):
    """What may be done, in every namespace or, bound by a RoleBinding, in one."""

    info: ClassVar[KindInfo] = _info("ClusterRole", "What may be done anywhere.", namespaced=False)
    rules: _Rules


class RoleBinding(Resource):
    """Gives people a role in one namespace."""

    info: ClassVar[KindInfo] = _info(
        "RoleBinding", "Gives people a role in one namespace.", _ROLE, _FIRST, namespaced=True
    )
    subjects: _Subjects
    role_ref: RoleRef = Field(description="which role; cannot be changed")


class ClusterRoleBinding(Resource):
    """Gives people a ClusterRole everywhere."""

    info: ClassVar[KindInfo] = _info(
        "ClusterRoleBinding", "Gives people a ClusterRole everywhere.", _ROLE, _FIRST, namespaced=False
    )
    subjects: _Subjects
    role_ref: RoleRef = Field(description="which ClusterRole; cannot be changed")

    @model_validator(mode="after")
    def _cluster_role(self) -> Self:
        if self.role_ref.kind != "ClusterRole":
            msg = "a ClusterRoleBinding gives a ClusterRole: a Role is of one namespace"
            raise ValueError(msg)
        return self
