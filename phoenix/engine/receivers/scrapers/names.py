"""`include` and `exclude` by name, as scrapers have them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from phoenix.engine.config.section import Section
from phoenix.engine.errors import Phase
from phoenix.engine.ottl.errors import OttlSyntaxError
from phoenix.engine.ottl.patterns import RE2, Pattern


@dataclass(frozen=True, slots=True)
class NameFilter:
    """Names that are included (None: all) and not excluded."""

    include: Callable[[str], bool] | None
    exclude: Callable[[str], bool] | None

    def wants(self, name: str) -> bool:
        """Whether the name passes."""
        if self.include is not None and not self.include(name):
            return False
        return self.exclude is None or not self.exclude(name)


def parse_names(section: Section, names: str = "names", of: str = "") -> NameFilter:
    """Read both sides; `match_type` must be written, as in the collector.

    Args:
        section: where `include` and `exclude` are.
        names: the key of the list.
        of: what is behind `include` and `exclude` in their keys, such as `_devices`.
    """
    return NameFilter(_side(section, f"include{of}", names), _side(section, f"exclude{of}", names))


def _side(parent: Section, key: str, names_key: str) -> Callable[[str], bool] | None:
    section = parent.section(key)
    if not parent.has(key):
        return None
    kind = section.string("match_type")
    if kind not in {"strict", "regexp"}:
        section.fault("match_type", f"unrecognized match_type: {kind!r}, valid types are: [regexp strict]",
                      "write match_type: strict or regexp", Phase.BUILD)  # fmt: skip
    names = section.strings(names_key)
    section.raw("regexp")
    section.close()
    if kind != "regexp":
        known = frozenset(names)
        return lambda name: name in known
    patterns: list[Pattern] = []
    for index, name in enumerate(names):
        try:
            patterns.append(Pattern(name))
        except OttlSyntaxError as error:
            section.fault(f"{names_key}[{index}]", str(error), RE2, Phase.BUILD)
    return lambda name: any(pattern.found_in(name) for pattern in patterns)
