"""What a directory asks for: one manifest an object, faults where it asks for what cannot be. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from phoenix.api.scheme import BY_GVK
from phoenix.gitops.faults import Fault
from phoenix.gitops.files import ManifestDocument, ManifestFile
from phoenix.gitops.ids import ObjectId, id_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """One object asked for, and the file that asks."""

    ident: ObjectId
    file: str
    document: ManifestDocument

    @property
    def digest(self) -> str:
        """Of the manifest."""
        return self.document.digest


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything asked for, by id.

    Args:
        objects: in order of files and places in them.
        claimed: ids that a manifest names although it cannot be applied (given twice, or in a wrong place): nobody
            knows what is wanted of them, so they are neither applied nor deleted.
    """

    objects: Mapping[ObjectId, Wanted]
    claimed: frozenset[ObjectId]
    faults: tuple[Fault, ...]


def build(files: Iterable[ManifestFile], *, target_namespace: str = "") -> Desired:
    """What the files ask for. Faults of the files themselves are among the faults.

    Args:
        files: ordered by path.
        target_namespace: where namespaced objects go that name no namespace, and the only one others may name;
            empty: `default`, and any.
    """
    objects: dict[ObjectId, Wanted] = {}
    claimed: set[ObjectId] = set()
    faults: list[Fault] = []
    for file in files:
        faults += file.faults
        for document in file.documents:
            info = BY_GVK[document.api_version, document.kind].info
            ident = id_of(info, document.namespace or target_namespace or "default", document.name)
            wanted = Wanted(ident, file.path, document)
            if fault := _misplaced(wanted, target_namespace, namespaced=info.namespaced):
                faults.append(fault)
                if document.name:
                    claimed.add(ident)
                continue
            earlier = objects.setdefault(ident, wanted)
            if earlier is not wanted:
                claimed.add(ident)
                # Within one file the loader has said so already.
                faults += [_twice(wanted, earlier), _twice(earlier, wanted)] if earlier.file != wanted.file else []
    for ident in claimed:
        objects.pop(ident, None)
    return Desired(objects, frozenset(claimed), tuple(dict.fromkeys(faults)))


def _misplaced(wanted: Wanted, target_namespace: str, *, namespaced: bool) -> Fault | None:
    document, ident = wanted.document, wanted.ident
    if not document.name:
        message = "a directory that is kept applied needs metadata.name: generateName would make a new object each time"
        return Fault(wanted.file, document.line, message, document.kind.lower(), "metadata.generateName")
    if namespaced and target_namespace and document.namespace not in ("", target_namespace):
        message = (
            f"it names namespace {document.namespace}, but the source keeps to {target_namespace}: leave the namespace "
            "out, or change spec.targetNamespace of the source"
        )
        return Fault(wanted.file, document.line, message, ident.shown, "metadata.namespace")
    return None


def _twice(here: Wanted, there: Wanted) -> Fault:
    message = f"it is defined twice, also at {there.file}:{there.document.name_line}: keep one"
    return Fault(here.file, here.document.name_line, message, here.ident.shown)
