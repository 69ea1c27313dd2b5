"""Which files of a directory are manifests: names, include patterns, and ignore patterns in gitignore's words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pathspec import GitIgnoreSpec

from phoenix.manifest.tree import is_manifest_name

IGNORE_FILE = ".phoenixignore"


def ignore_spec(lines: Sequence[str]) -> GitIgnoreSpec:
    """Patterns of one ignore file. Raises ValueError naming a pattern that cannot be."""
    return GitIgnoreSpec.from_lines(lines)


@dataclass(frozen=True, slots=True)
class Rules:
    """What is read below one directory.

    Args:
        recurse: whether directories below are looked into.
        include: patterns of files to read; none: every .yaml, .yml and .json file.
        ignore: patterns of what to leave out, besides those of ignore files.
    """

    recurse: bool = True
    include: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


@dataclass(slots=True)
class Selection:
    """Rules at work, with the ignore files met so far. Paths are relative to the directory, with `/`.

    As in git the ignore file nearest to a path has the word, and what is below an ignored directory stays ignored.
    Raises ValueError where a pattern of the rules cannot be.
    """

    rules: Rules
    _include: GitIgnoreSpec | None = None
    _specs: dict[str, GitIgnoreSpec] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._include = ignore_spec(self.rules.include) if self.rules.include else None
        self._top = ignore_spec(self.rules.ignore) if self.rules.ignore else None

    _top: GitIgnoreSpec | None = None

    def add_ignore_file(self, folder: str, lines: Sequence[str]) -> None:
        """An ignore file was found in `folder` (empty: the directory itself). Raises ValueError."""
        self._specs[folder] = ignore_spec(lines)

    def takes_folder(self, path: str) -> bool:
        """Whether a directory is looked into; hidden ones are not."""
        return self.rules.recurse and not _last(path).startswith(".") and not self._ignored(path + "/")

    def takes_file(self, path: str) -> bool:
        """Whether a file is a manifest."""
        name = _last(path)
        if self._include is None:
            named = is_manifest_name(name)
        else:
            named = self._include.match_file(path) and not _is_temporary(name)
        return named and not self._ignored(path)

    def _ignored(self, path: str) -> bool:
        folder = path.rstrip("/").rpartition("/")[0]
        while True:
            if folder in self._specs:
                inside = path[len(folder) + 1 :] if folder else path
                said = self._specs[folder].check_file(inside).include
                if said is not None:
                    return said
            if not folder:
                break
            folder = folder.rpartition("/")[0]
        return self._top is not None and bool(self._top.check_file(path).include)


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _is_temporary(name: str) -> bool:
    """Whether an editor leaves files of this name beside the one that is edited."""
    return name.startswith((".", "#", "~")) or name.endswith(("~", ".swp", ".tmp")) or "___jb_" in name
