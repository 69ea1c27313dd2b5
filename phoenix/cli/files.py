"""`-f FILE|DIR|-`: what was named on the command line as manifest objects, and every fault there is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from phoenix.cli.errors import UsageError
from phoenix.manifest.errors import InvalidManifests, ManifestError
from phoenix.manifest.objects import ManifestObject, duplicates, load_file, load_text
from phoenix.manifest.tree import load_tree


@dataclass(frozen=True, slots=True)
class Loaded:
    """Objects that can be used, in the order to apply them, and faults with their places."""

    objects: list[ManifestObject]
    errors: list[ManifestError]


def add_files_flag(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """-f/--filename, repeatable."""
    parser.add_argument(
        "-f", "--filename", action="append", default=[], required=required, metavar="FILE|DIR|-",
        help="manifest file, folder of manifests, or - for standard input; may be given more than once",
    )  # fmt: skip


def load(names: Sequence[str]) -> Loaded:
    """Load everything named; one fault does not hide the rest."""
    objects: list[ManifestObject] = []
    errors: list[ManifestError] = []
    for name in names:
        try:
            objects += _load_one(name)
        except InvalidManifests as invalid:
            objects += invalid.objects
            errors += invalid.errors
    known = {str(error) for error in errors}
    errors += [error for error in duplicates(objects) if str(error) not in known]
    return Loaded(objects, errors)


def nothing_in(names: Sequence[str], verb: str) -> UsageError:
    """What to say where nothing that was named holds a manifest."""
    if list(names) == ["-"]:
        return UsageError(
            f"nothing to {verb}: standard input is empty", "does the command before the pipe print a manifest?"
        )
    hint = (
        "no .yaml, .yml or .json file there" if all(Path(name).is_dir() for name in names) else "it holds no manifest"
    )
    return UsageError(f"nothing to {verb} in {', '.join(names)}", hint)


def _load_one(name: str) -> list[ManifestObject]:
    if name.startswith(("https://", "http://")):
        raise UsageError(f"-f {name} is no file", f"read it first: curl -sSL {name} | phoenixctl … -f -")
    if name == "-":
        return load_text(sys.stdin.read())
    return load_tree(name) if Path(name).is_dir() else load_file(name)
