"""What references in manifests may point to when no server is asked: the same files, and what Phoenix ships."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from phoenix.api.pipeline import PipelineTemplate
from phoenix.manifest.errors import InvalidManifests
from phoenix.manifest.objects import ManifestObject
from phoenix.manifest.tree import load_tree

SHIPPED = Path(__file__).resolve().parents[2] / "resources" / "catalog"


@dataclass(slots=True)
class Catalogue:
    """Templates by name and alias, with where they were written; names of profiles and price books."""

    templates: dict[str, PipelineTemplate] = field(default_factory=dict)
    origins: dict[str, ManifestObject] = field(default_factory=dict)
    profiles: set[str] = field(default_factory=set)
    price_books: set[str] = field(default_factory=set)

    def add(self, objects: Sequence[ManifestObject]) -> None:
        """Take in what can be referred to; later ones win."""
        for found in objects:
            spec = found.wire.get("spec") or {}
            names = [found.key.name, *(spec.get("aliases") or [] if isinstance(spec, dict) else [])]
            match found.wire["kind"]:
                case "LoadProfile":
                    self.profiles.update(names)
                case "PriceBook":
                    self.price_books.add(found.key.name)
                case "PipelineTemplate":
                    self._add_template(found, names)

    def _add_template(self, found: ManifestObject, names: Sequence[str]) -> None:
        try:
            template = PipelineTemplate.from_wire(found.wire)
        except ValidationError:
            return  # reported as a fault of its own
        self.origins[found.key.name] = found
        self.templates.update(dict.fromkeys(names, template))


def shipped_catalogue() -> Catalogue:
    """What Phoenix ships; empty where it is not installed beside the code."""
    catalogue = Catalogue()
    if SHIPPED.is_dir():
        try:
            catalogue.add(load_tree(SHIPPED))
        except InvalidManifests as invalid:
            catalogue.add(invalid.objects)
    return catalogue
