"""Which objects of a collection a request means: label and field selectors together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phoenix.api.collector import Collector
from phoenix.api.core import Event, Namespace
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.meter import Meter
from phoenix.apimachinery.errors import BadRequest
from phoenix.apimachinery.meta import Resource
from phoenix.apimachinery.selectors import (
    Requirement,
    field_value,
    parse_field_selector,
    parse_label_selector,
)

_EVERY_KIND = frozenset({"metadata.name", "metadata.namespace"})
_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_BY_KIND: dict[type[Resource], frozenset[str]] = {
    Event: frozenset(
        {f"involvedObject.{part}" for part in _INVOLVED} | {"reason", "type", "source", "reportingComponent"}
    ),
    Namespace: frozenset({"status.phase"}),
    Collector: frozenset({"spec.host"}),
    LoadGenerator: frozenset({"spec.host"}),
    Meter: frozenset({"spec.host"}),
}
_RENAMED = {"source": "source.component"}


@dataclass(frozen=True, slots=True)
class Selection:
    """All terms must hold. Hashable: watchers with equal selections share what is encoded for them."""

    labels: tuple[Requirement, ...] = ()
    fields: tuple[tuple[str, bool, str], ...] = ()

    @property
    def everything(self) -> bool:
        """Whether there is no term at all."""
        return not self.labels and not self.fields

    @property
    def name(self) -> str | None:
        """The one name that can match, where a term says so."""
        return next((value for path, equal, value in self.fields if path == "metadata.name" and equal), None)

    def matches(self, wire: Mapping[str, Any]) -> bool:
        """Whether an object (decoded, as stored) is meant."""
        if self.labels:
            labels = wire["metadata"].get("labels") or {}
            if not all(term.matches(labels) for term in self.labels):
                return False
        return all((field_value(wire, path) == value) is equal for path, equal, value in self.fields)


EVERYTHING = Selection()


def parse_selection(kind: type[Resource], label_selector: str, field_selector: str) -> Selection:
    """Read the two query parameters.

    Raises:
        BadRequest: a term cannot be read, or a field is not one this kind can be selected by.
    """
    if not label_selector and not field_selector:
        return EVERYTHING
    fields = parse_field_selector(field_selector)
    known = _EVERY_KIND | _BY_KIND.get(kind, frozenset())
    for path, _, _ in fields:
        if path not in known:
            msg = f"field label not supported: {path} (of {kind.info.plural}: {', '.join(sorted(known))})"
            raise BadRequest(msg)
    renamed = tuple((_RENAMED.get(path, path), equal, value) for path, equal, value in fields)
    return Selection(parse_label_selector(label_selector), renamed)
