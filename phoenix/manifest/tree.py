"""Directories of manifests: which files count, in what order objects are applied, and a digest of the whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import orjson

from phoenix.manifest.errors import InvalidManifests, ManifestError
from phoenix.manifest.objects import ManifestObject, duplicates, load_text, read_text

SUFFIXES = (".yaml", ".yml", ".json")

_ORDER = {
    kind: rank
    for rank, kind in enumerate(
        (
            "Namespace", "PipelineTemplate", "LoadProfile", "PriceBook", "Host", "PipelineRevision",
            "PipelineDeployment", "Experiment",
        )
    )
}  # fmt: skip
"""What others refer to comes first."""


def load_tree(directory: Path | str) -> list[ManifestObject]:
    """The objects of all manifest files under a directory, in the order to apply them.

    Raises:
        InvalidManifests: with the faults of every file; `objects` are those of documents that are right.
    """
    root = Path(directory)
    objects: list[ManifestObject] = []
    errors: list[ManifestError] = []
    if not root.is_dir():
        raise InvalidManifests([ManifestError(str(root), 0, 0, "there is no such directory", "check the path")], [])
    for path in manifest_files(root):
        try:
            objects += load_text(read_text(path), str(path))
        except InvalidManifests as invalid:
            objects += invalid.objects
            errors += invalid.errors
        except ManifestError as error:
            errors.append(error)
    # Those within one file were reported with it; the names of the rest must differ over all files.
    known = {str(error) for error in errors}
    errors += [error for error in duplicates(objects) if str(error) not in known]
    ordered = apply_order(objects)
    if errors:
        raise InvalidManifests(errors, ordered)
    return ordered


def manifest_files(root: Path) -> Iterator[Path]:
    """Manifest files under a directory, by path; a directory that links lead to twice, or in a circle, counts once.

    Left out: hidden files and directories, and what editors leave beside a file while it is written.
    """
    seen: set[tuple[int, int]] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        state = os.stat(folder)
        if (state.st_dev, state.st_ino) in seen:
            folders.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(files) if is_manifest_name(name))


def is_manifest_name(name: str) -> bool:
    """Whether a file of this name is read: it ends in .yaml, .yml or .json and is no editor's temporary file."""
    return name.endswith(SUFFIXES) and not name.startswith((".", "#", "~")) and "___jb_" not in name


def apply_order(objects: Iterable[ManifestObject]) -> list[ManifestObject]:
    """Namespaces, then the catalogue, then deployments, then experiments; otherwise as they came."""
    return sorted(objects, key=lambda obj: _ORDER.get(obj.wire["kind"], len(_ORDER)))


def digest(objects: Sequence[ManifestObject]) -> str:
    """SHA-256 (hex) of what the objects say: files, order, comments and style do not matter."""
    texts = sorted(orjson.dumps(obj.wire, option=orjson.OPT_SORT_KEYS) for obj in objects)
    return hashlib.sha256(b"\n".join(texts)).hexdigest()
