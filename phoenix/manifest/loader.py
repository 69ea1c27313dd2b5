"""The room's door: everything others need to load manifests."""

from __future__ import annotations

from phoenix.manifest.errors import InvalidManifests, ManifestError
from phoenix.manifest.objects import ManifestObject, load_file, load_text
from phoenix.manifest.tree import apply_order, digest, load_tree

__all__ = [
    "InvalidManifests",
    "ManifestError",
    "ManifestObject",
    "apply_order",
    "digest",
    "load_file",
    "load_text",
    "load_tree",
]
