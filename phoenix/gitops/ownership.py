"""Which source an object was applied by, as the object itself says. Pure.

A label selects an object's source; an annotation proves it. The annotation names the object, too: people copy objects
with all their labels and annotations, and a copy was applied by nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phoenix.apimachinery.meta import ObjectMeta
from phoenix.gitops.drift import SERVER_FIELDS
from phoenix.gitops.ids import ObjectId

LABEL = "phoenix.io/manifestsource"
"""Label: name of the source."""
PROOF = "phoenix.io/applied-from"
"""Annotation: uid of the source and id of this very object."""
DIGEST = "phoenix.io/applied-digest"
"""Annotation: digest of the manifest that was applied, by which drift is told from a changed manifest."""

FIELD_MANAGER = "phoenix-manifestsource"


@dataclass(frozen=True, slots=True)
class Owner:
    """A source: its name, and the uid that a later one of the same name has not."""

    name: str
    uid: str

    def proof(self, ident: ObjectId) -> str:
        """What the annotation of an object applied by this source says."""
        return f"{self.uid}_{ident}"


def stamped(wire: Mapping[str, Any], owner: Owner, ident: ObjectId, digest: str) -> dict[str, Any]:
    """The manifest with what makes the object the source's; status, which is nobody's to apply, is left out."""
    made = {key: value for key, value in wire.items() if key != "status"}
    # What is left from an export is the server's.
    meta = {key: value for key, value in made["metadata"].items() if key not in SERVER_FIELDS}
    meta["name"] = ident.name
    if ident.namespace:
        meta["namespace"] = ident.namespace
    meta["labels"] = {**(meta.get("labels") or {}), LABEL: owner.name}
    meta["annotations"] = {**(meta.get("annotations") or {}), PROOF: owner.proof(ident), DIGEST: digest}
    made["metadata"] = meta
    return made


def is_owned(meta: ObjectMeta, owner: Owner, ident: ObjectId) -> bool:
    """Whether the object says, by label and proof, that this source applied it."""
    return meta.labels.get(LABEL) == owner.name and meta.annotations.get(PROOF) == owner.proof(ident)


def owner_uid(meta: ObjectMeta, ident: ObjectId) -> str:
    """Uid of the source that applied this object; empty: none did (a copy's proof is of another object)."""
    uid, _, rest = meta.annotations.get(PROOF, "").partition("_")
    return uid if rest == str(ident) else ""
