"""Names of objects across kinds, as inventories write them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phoenix.api.scheme import KINDS
from phoenix.apimachinery.meta import KindInfo, Resource

_BY_KIND: dict[tuple[str, str], type[Resource]] = {(kind.info.group, kind.info.kind): kind for kind in KINDS}


@dataclass(frozen=True, slots=True, order=True)
class ObjectId:
    """One object, whatever its version: group (empty for core), kind, namespace (empty: cluster-scoped), name."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """`NAMESPACE_NAME_GROUP_KIND`, as other tools' inventories have it. Only names may have underscores."""
        return f"{self.namespace}_{self.name}_{self.group}_{self.kind}"

    @property
    def shown(self) -> str:
        """`experiment/http-lean`, with its namespace where that is not `default`."""
        where = f" in {self.namespace}" if self.namespace not in ("", "default") else ""
        return f"{self.kind.lower()}/{self.name}{where}"

    @property
    def model(self) -> type[Resource] | None:
        """The kind's model; None for a kind this version does not know."""
        return _BY_KIND.get((self.group, self.kind))

    @classmethod
    def parse(cls, text: str) -> ObjectId | None:
        """The inverse of `str`; None where the text is none."""
        namespace, _, rest = text.partition("_")
        parts = rest.rsplit("_", 2)
        if len(parts) != 3 or not parts[0] or not parts[2]:
            return None
        return cls(parts[1], parts[2], namespace, parts[0])


def id_of(info: KindInfo, namespace: str, name: str) -> ObjectId:
    """The id of an object of a known kind; a cluster-scoped one has no namespace."""
    return ObjectId(info.group, info.kind, namespace if info.namespaced else "", name)


def id_of_wire(wire: Mapping[str, Any], namespace: str = "") -> ObjectId:
    """The id of a JSON object of a known kind; `namespace` where it names none. Raises KeyError for an unknown kind."""
    group = str(wire["apiVersion"]).rpartition("/")[0]
    meta = wire["metadata"]
    info = _BY_KIND[group, str(wire["kind"])].info
    return id_of(info, str(meta.get("namespace") or namespace), str(meta.get("name") or ""))


def id_of_object(obj: Resource) -> ObjectId:
    """The id of a model."""
    return id_of(obj.info, obj.metadata.namespace, obj.metadata.name)
