"""Text and files to manifest objects, all faults at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phoenix.api.scheme import BY_GVK, KINDS
from phoenix.apimachinery.meta import ObjectKey, Resource
from phoenix.manifest.document import parse_document, split_documents
from phoenix.manifest.errors import InvalidManifests, ManifestError
from phoenix.manifest.positions import Position

MAX_FILE_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class ManifestObject:
    """One object as written, ready for the wire; nothing is defaulted.

    Args:
        wire: the object as JSON.
        source: file it is from, as given; `-` for standard input.
        line: line of its file it begins on, from 1.
        positions: where each field is.
    """

    wire: dict[str, Any]
    source: str
    line: int
    positions: Position = field(repr=False)

    @property
    def kind(self) -> type[Resource]:
        """The model of its kind."""
        return BY_GVK[self.wire["apiVersion"], self.wire["kind"]]

    @property
    def key(self) -> ObjectKey:
        """Namespace (empty where none is written) and name."""
        meta = self.wire["metadata"]
        return ObjectKey(meta.get("namespace") or "", meta.get("name") or "")

    @property
    def ref(self) -> str:
        """`experiment/http-lean`."""
        return f"{self.kind.info.singular}/{self.key.name or self.wire['metadata'].get('generateName', '')}"

    def position_of(self, path: str) -> int:
        """The line of a field path as the API names it; of the nearest written parent where it is not written."""
        return self.positions.find(path).line

    def where(self, path: str = "") -> str:
        """`file.yaml:12`, of a field path."""
        return f"{self.source}:{self.position_of(path)}"


def load_text(text: str, source: str = "-") -> list[ManifestObject]:
    """The objects of a YAML stream or JSON text, in their order; lists (`kind: List`) are taken apart.

    Raises:
        InvalidManifests: with every fault of every document, and the objects that have none.
    """
    objects, errors = _load(text, source)
    errors += duplicates(objects)
    if errors:
        raise InvalidManifests(errors, objects)
    return objects


def load_file(path: Path | str) -> list[ManifestObject]:
    """The objects of a file. Raises InvalidManifests, also where the file cannot be read."""
    try:
        text = read_text(Path(path))
    except ManifestError as error:
        raise InvalidManifests([error], []) from error
    return load_text(text, str(path))


def read_text(path: Path) -> str:
    """A file as text. Raises ManifestError."""
    source = str(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ManifestError(source, 0, 0, "there is no such file", "check the path") from error
    except OSError as error:
        raise ManifestError(source, 0, 0, f"it cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise ManifestError(source, 0, 0, f"it has {len(content):,} bytes, the limit is {MAX_FILE_BYTES:,}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ManifestError(source, line, 0, "the text is not UTF-8", "save the file as UTF-8") from error


def _load(text: str, source: str) -> tuple[list[ManifestObject], list[ManifestError]]:
    objects: list[ManifestObject] = []
    errors: list[ManifestError] = []
    for first_line, part in split_documents(text):
        document, faults = parse_document(part, source, first_line)
        errors += faults
        if document is None or document.value is None:
            continue
        for value, positions in _expanded(document.value, document.positions):
            fault = _check(value, positions, source)
            if fault is None:
                objects.append(ManifestObject(value, source, positions.line, positions))
            else:
                errors.append(fault)
    return objects, errors


def _expanded(value: Any, positions: Position) -> Iterator[tuple[Any, Position]]:
    """The value, or the items of a List in its place."""
    if isinstance(value, dict) and str(value.get("kind", "")).endswith("List") and isinstance(value.get("items"), list):
        for index, item in enumerate(value["items"]):
            yield from _expanded(item, positions.children["items"].children[index])
    else:
        yield value, positions


def _check(value: Any, positions: Position, source: str) -> ManifestError | None:
    """What keeps a value from being an object of a kind we know; None where nothing does."""

    def fault(path: str, message: str, hint: str) -> ManifestError:
        at = positions.find(path)
        return ManifestError(source, at.line, at.column, message, hint)

    if not isinstance(value, dict):
        return fault(
            "", f"a manifest is a mapping, this is {_described(value)}", "write apiVersion, kind, metadata, spec"
        )
    for name in ("apiVersion", "kind"):
        if not isinstance(value.get(name), str) or not value[name]:
            return fault(name, f"{name} is missing or not text", f"add a line such as {_EXAMPLES[name]}")
    api_version, kind = value["apiVersion"], value["kind"]
    if (api_version, kind) not in BY_GVK:
        message, hint = _unknown_kind(api_version, kind)
        return fault("apiVersion" if kind in _NAMES else "kind", message, hint)
    meta = value.get("metadata")
    if not isinstance(meta, dict):
        return fault("metadata", "metadata is missing or no mapping", "add metadata with a name")
    for name in ("name", "namespace", "generateName"):
        if name in meta and not isinstance(meta[name], str):
            return fault(f"metadata.{name}", f"metadata.{name} is {_described(meta[name])}, not text", "quote it")
    if not meta.get("name") and not meta.get("generateName"):
        return fault("metadata", "metadata.name is missing", "every object needs a name")
    return None


_EXAMPLES = {"apiVersion": "apiVersion: phoenix.io/v1alpha1", "kind": "kind: Experiment"}
_NAMES = {kind.info.kind: kind for kind in KINDS}
_FOLDED = {name.lower(): name for name in _NAMES}


def _unknown_kind(api_version: str, kind: str) -> tuple[str, str]:
    if kind in _NAMES:
        right = _NAMES[kind].info.api_version
        return f"there is no {kind} in {api_version}", f"write apiVersion: {right}"
    close = difflib.get_close_matches(kind.lower(), _FOLDED, n=1, cutoff=0.6)
    if close:
        return f"there is no kind {kind!r}", f"did you mean {_FOLDED[close[0]]}?"
    return f"there is no kind {kind!r}", f"kinds are {', '.join(_NAMES)}"


def _described(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return f"the number {value}"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "a mapping"


def duplicates(objects: list[ManifestObject]) -> list[ManifestError]:
    """A fault for each object that was defined before: the last one would win, silently."""
    first: dict[tuple[str, ObjectKey], ManifestObject] = {}
    errors = []
    for obj in objects:
        if not obj.key.name:
            continue
        earlier = first.setdefault((obj.wire["kind"], obj.key), obj)
        if earlier is not obj:
            at = obj.positions.find("metadata.name")
            hint = f"it is first defined at {earlier.where('metadata.name')}: keep one"
            errors.append(ManifestError(obj.source, at.line, at.column, f"{obj.ref} is defined twice", hint))
    return errors
