"""`--watch DIR` and `--manifest-root DIR` of the server programs: what they mean, and the source `--watch` makes."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xxhash

from phoenix.api.manifestsource import ManifestSource

FIELD_MANAGER = "phoenix-up"
MADE_BY = "phoenix.io/made-by"
_MAX_NAME_CHARS = 40


def add_manifest_flags(parser: argparse.ArgumentParser) -> None:
    """--watch and --manifest-root."""
    parser.add_argument(
        "--watch", action="append", default=[], type=_directory, metavar="DIR",
        help="keep the manifests of a directory applied, and prune what leaves it; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--manifest-root", action="append", default=[], type=_directory, metavar="DIR",
        help="folder below which ManifestSources may read (default: those of --watch); may be repeated",
    )  # fmt: skip


def _directory(text: str) -> Path:
    path = Path(text).absolute()
    if not path.is_dir():
        why = "is no directory" if path.exists() else "is not there: make the directory first"
        msg = f"{path} {why}"
        raise argparse.ArgumentTypeError(msg)
    return path


def roots_of(watch: Sequence[Path], roots: Sequence[Path]) -> tuple[Path, ...]:
    """Folders sources may read below."""
    return tuple(dict.fromkeys([*watch, *roots]))


def source_name(directory: Path) -> str:
    """`manifests-1f2e3d4c`: the directory's name, and a digest of its whole path, so that two of one name differ."""
    slug = re.sub(r"[^a-z0-9]+", "-", directory.name.lower())[:_MAX_NAME_CHARS].strip("-") or "manifests"
    return f"{slug}-{xxhash.xxh32_hexdigest(str(directory).encode())}"


def source_manifest(directory: Path) -> dict[str, Any]:
    """The ManifestSource `--watch` applies. What it leaves out is for people to set, and stays as they set it."""
    return {
        "apiVersion": ManifestSource.info.api_version,
        "kind": ManifestSource.info.kind,
        "metadata": {"name": source_name(directory), "labels": {MADE_BY: "watch"}},
        "spec": {"path": str(directory), "prune": True},
    }
