"""One manifest file as values small enough to keep for ten thousand of them. Pure: bytes in, documents out.

Reading YAML is what costs, so it is done once a content, in a thread or a child process; what comes back holds the
objects as bytes. Lines of fields are looked up again when a fault needs them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import orjson
import xxhash

from phoenix.api.schema import unknown_fields
from phoenix.gitops.faults import Fault
from phoenix.manifest.errors import InvalidManifests
from phoenix.manifest.objects import ManifestObject, load_text


@dataclass(frozen=True, slots=True)
class ManifestDocument:
    """One object of a file.

    Args:
        wire: the object as canonical JSON.
        digest: of `wire`.
        line: where it begins, from 1.
        name_line: where its name is.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    wire: bytes
    digest: str
    line: int
    name_line: int


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file: sha256 (hex) of its bytes, its objects in their order, and what is wrong with the rest."""

    path: str
    sha256: str
    documents: tuple[ManifestDocument, ...]
    faults: tuple[Fault, ...]


def parse_file(path: str, content: bytes) -> ManifestFile:
    """The objects of a file and its faults. About 1 s per MB."""
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return ManifestFile(path, sha256, (), (Fault(path, line, "the text is not UTF-8: save the file as UTF-8"),))
    faults: tuple[Fault, ...] = ()
    try:
        objects = load_text(text, path)
    except InvalidManifests as invalid:
        objects = invalid.objects
        faults = tuple(
            Fault(path, error.line, error.message + (f" ({error.hint})" if error.hint else ""))
            for error in invalid.errors
        )
    unknown = [list(_unknown_fields(path, found)) for found in objects]
    faults += tuple(fault for found in unknown for fault in found)
    right = (found for found, wrong in zip(objects, unknown, strict=True) if not wrong)
    return ManifestFile(path, sha256, tuple(map(_document, right)), faults)


def _unknown_fields(path: str, found: ManifestObject) -> Iterator[Fault]:
    """Fields nobody knows: the API would refuse them, but does not know the lines."""
    for field in unknown_fields(found.kind, found.wire):
        message = "there is no such field: see `phoenixctl explain` for those there are"
        yield Fault(path, found.position_of(field), message, found.ref, field)


def _document(found: ManifestObject) -> ManifestDocument:
    wire = orjson.dumps(found.wire, option=orjson.OPT_SORT_KEYS)
    return ManifestDocument(
        api_version=found.wire["apiVersion"],
        kind=found.wire["kind"],
        namespace=found.key.namespace,
        name=found.key.name,
        wire=wire,
        digest=xxhash.xxh3_128_hexdigest(wire),
        line=found.line,
        name_line=found.position_of("metadata.name"),
    )


def line_of(path: str, content: bytes, document: ManifestDocument, field: str) -> int:
    """The line of a field of a document; of the document where the content is no longer what was parsed."""
    try:
        objects = load_text(content.decode("utf-8-sig", "replace"), path)
    except InvalidManifests as invalid:
        objects = invalid.objects
    for found in objects:
        if found.line == document.line and found.wire.get("kind") == document.kind:
            return found.position_of(field)
    return document.line
