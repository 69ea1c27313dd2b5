"""The objects of every kind as the informers have them: what is labelled as a source's, and what each is like now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import xxhash

from phoenix.api.core import Event
from phoenix.api.scheme import KINDS
from phoenix.apimachinery.meta import ObjectKey, Resource
from phoenix.gitops.ids import ObjectId, id_of_object
from phoenix.gitops.ownership import DIGEST, LABEL
from phoenix.gitops.plan import Applied, Live
from phoenix.runtime.informer import Informer

APPLICABLE: tuple[type[Resource], ...] = tuple(kind for kind in KINDS if kind is not Event)
"""Kinds whose objects sources apply: events happen, nobody wants them."""


class LiveObjects:
    """Reads of the shared informers; may be a moment old, so nothing is deleted on its word alone."""

    def __init__(self, informers: Mapping[type[Resource], Informer[Any]]) -> None:
        self._informers = informers
        self._live: dict[ObjectId, tuple[Resource, Live]] = {}
        self._labelled: defaultdict[str, set[ObjectId]] = defaultdict(set)
        for informer in informers.values():
            informer.add_handler(self._changed)

    def _changed(self, old: Resource | None, new: Resource | None) -> None:
        """Keep the index of labels: thousands of objects must not be gone through at each look."""
        for obj in (old, new):
            name = obj.metadata.labels.get(LABEL) if obj is not None else None
            if obj is not None and name:
                ident = id_of_object(obj)
                (self._labelled[name].add if obj is new else self._labelled[name].discard)(ident)
        if new is None and old is not None:
            self._live.pop(id_of_object(old), None)

    def get(self, ident: ObjectId) -> Resource | None:
        """The cached object, which must not be altered."""
        model = ident.model
        informer = self._informers.get(model) if model else None
        found: Resource | None = informer.get(ObjectKey(ident.namespace, ident.name), copy=False) if informer else None
        return found

    def live(self, ident: ObjectId) -> Live | None:
        """What the plan needs to know of it."""
        obj = self.get(ident)
        if obj is None:
            return None
        known = self._live.get(ident)
        if known is None or known[0] is not obj:
            version, digest = obj.metadata.resource_version, obj.metadata.annotations.get(DIGEST, "")
            known = obj, Live(digest, int(version) if version.isdigit() else 0, mark_of(obj))
            self._live[ident] = known
        return known[1]

    def version(self, ident: ObjectId) -> str:
        """Its resourceVersion; empty where it is not there."""
        obj = self.get(ident)
        return obj.metadata.resource_version if obj else ""

    def labelled(self, source: str) -> set[ObjectId]:
        """Everything with the label of a source."""
        return set(self._labelled.get(source, ()))

    def strangers_in(self, namespace: str, source: str) -> Sequence[ObjectId]:
        """Objects in a namespace that would go with it although the source did not apply them; but others' children."""
        return [
            id_of_object(obj)
            for kind, informer in self._informers.items()
            if kind.info.namespaced
            for obj in informer.list(namespace, copy=False)
            if obj.metadata.labels.get(LABEL) != source and not obj.metadata.owner_references
        ]


def mark_of(obj: Resource) -> str:
    """A digest of everything but status: spec by its generation, labels, annotations, and whether it is going."""
    meta = obj.metadata
    return _mark(meta.generation, meta.labels, meta.annotations, meta.deletion_timestamp)


def applied_of(digest: str, wire: Mapping[str, Any]) -> Applied:
    """What is remembered of an object the server has just answered."""
    meta = wire["metadata"]
    version = str(meta.get("resourceVersion", ""))
    mark = _mark(
        meta.get("generation", 0),
        meta.get("labels") or {},
        meta.get("annotations") or {},
        meta.get("deletionTimestamp"),
    )
    return Applied(digest, int(version) if version.isdigit() else 0, mark)


def _mark(generation: int, labels: Mapping[str, str], annotations: Mapping[str, str], going: str | None) -> str:
    said = repr((generation, sorted(labels.items()), sorted(annotations.items()), going))
    return xxhash.xxh3_64_hexdigest(said.encode())
