"""kubeconfig files as kubectl reads them: several merged into one, the first that names a thing counts; and edits.

What is read keeps the file it came from: relative paths mean that file's folder, and an edit goes back there.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from phoenix.client.errors import ConfigError

Wire = dict[str, Any]
SECTIONS = {"contexts": "context", "clusters": "cluster", "users": "user"}
"""Each list of a kubeconfig, and the key its entries hold their value under."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A named context, cluster or user, and the file it is from."""

    value: Mapping[str, Any]
    file: Path

    def path_of(self, key: str) -> Path | None:
        """A file the value names, relative to its own file; None where it names none."""
        text = self.value.get(key)
        return self.file.parent / Path(str(text)).expanduser() if text else None


@dataclass(frozen=True, slots=True)
class KubeConfig:
    """Files merged.

    Args:
        files: as given, in order; some may not exist.
        documents: content by file, of those that do.
        contexts, clusters, users: by name.
        current: name of the current context; empty: there is none.
    """

    files: tuple[Path, ...]
    documents: Mapping[Path, Wire] = field(default_factory=dict)
    contexts: Mapping[str, Entry] = field(default_factory=dict)
    clusters: Mapping[str, Entry] = field(default_factory=dict)
    users: Mapping[str, Entry] = field(default_factory=dict)
    current: str = ""

    @property
    def named(self) -> str:
        """The files, for messages."""
        return os.pathsep.join(map(str, self.files))

    def entry(self, section: str, name: str) -> Entry:
        """An entry that must be there. Raises ConfigError naming those there are."""
        entries: Mapping[str, Entry] = getattr(self, section)
        if name in entries:
            return entries[name]
        part = SECTIONS[section]
        close = difflib.get_close_matches(name, list(entries), n=1)
        hint = f'did you mean "{close[0]}"?' if close else self.listed(section)
        msg = f"kubeconfig {self.named} has no {part} {name!r}: {hint}"
        raise ConfigError(msg)

    def listed(self, section: str) -> str:
        """`contexts there: a, b`."""
        names = list(getattr(self, section))
        return f"{section} there: {', '.join(names)}" if names else f"it has no {section}"


def kubeconfig_files(environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """The files kubectl would read without --kubeconfig: $KUBECONFIG's, else ~/.kube/config."""
    named = [part for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    return tuple(Path(part).expanduser() for part in dict.fromkeys(named)) or (Path.home() / ".kube" / "config",)


def load(files: Sequence[Path], *, required: bool = True) -> KubeConfig:
    """Read and merge. A file that does not exist is passed over where there are others, or with `required` off.

    Raises:
        ConfigError: a file cannot be read, is no kubeconfig, or none exists.
    """
    documents: dict[Path, Wire] = {}
    for path in files:
        if path.exists() or (required and len(files) == 1):
            documents[path] = _read(path)
    if required and not documents:
        msg = f"none of {', '.join(map(str, files))} exists: check $KUBECONFIG, or give --kubeconfig"
        raise ConfigError(msg)
    merged: dict[str, dict[str, Entry]] = {section: {} for section in SECTIONS}
    current = ""
    for path, document in documents.items():
        current = current or str(document.get("current-context") or "")
        for section, part in SECTIONS.items():
            for name, value in _entries(document, section, part):
                merged[section].setdefault(name, Entry(value, path))
    return KubeConfig(tuple(files), documents, **merged, current=current)


def _entries(document: Mapping[str, Any], section: str, part: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    entries = document.get(section)
    for entry in entries if isinstance(entries, Sequence) and not isinstance(entries, str) else ():
        if isinstance(entry, Mapping) and isinstance(entry.get(part), Mapping):
            yield str(entry.get("name")), entry[part]


def _read(path: Path) -> Wire:
    try:
        text = path.read_text()
    except FileNotFoundError as error:
        msg = f"kubeconfig {path} does not exist: start Phoenix with `phoenixctl up`, or give --kubeconfig"
        raise ConfigError(msg) from error
    except (OSError, UnicodeDecodeError) as error:
        msg = f"kubeconfig {path} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise ConfigError(msg) from error
    try:
        # NB: `up` writes JSON, which is YAML, too; a tenth of the time.
        config = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            config = YAML(typ="safe", pure=True).load(text)
        except YAMLError as error:
            msg = f"kubeconfig {path} is not YAML: {error}"
            raise ConfigError(msg) from error
    if not isinstance(config, dict):
        msg = f"kubeconfig {path} holds no mapping"
        raise ConfigError(msg)
    return config


# ---- edits ----------------------------------------------------------------------------------------------------------


def home_of(config: KubeConfig, section: str, name: str) -> Path:
    """The file an edit of an entry belongs in: its own, else the first that exists, else the last named."""
    entries: Mapping[str, Entry] = getattr(config, section)
    if name in entries:
        return entries[name].file
    return next(iter(config.documents), config.files[-1])


def put(config: KubeConfig, section: str, name: str, value: Mapping[str, Any] | None) -> Path:
    """Set an entry whole, or remove it (None), and write its file. Raises ConfigError."""
    path = home_of(config, section, name)
    document = _writable(config, path)
    entries = [entry for entry in document.get(section) or () if isinstance(entry, Mapping)]
    at = next((number for number, entry in enumerate(entries) if entry.get("name") == name), len(entries))
    entries[at : at + 1] = [] if value is None else [{"name": name, SECTIONS[section]: dict(value)}]
    document[section] = entries
    write(path, document)
    return path


def set_current(config: KubeConfig, name: str) -> Path:
    """Make a context the current one (empty: none), in the file that says which is. Raises ConfigError."""
    saying = (path for path, document in config.documents.items() if document.get("current-context"))
    path = next(saying, home_of(config, "contexts", ""))
    document = _writable(config, path)
    document["current-context"] = name
    write(path, document)
    return path


def _writable(config: KubeConfig, path: Path) -> Wire:
    empty: Wire = {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
    return dict(config.documents.get(path) or empty)


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Replace a kubeconfig atomically, as YAML; only its owner may read it (0600). Raises ConfigError."""
    buffer = StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.dump(dict(document), buffer)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(buffer.getvalue())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        msg = f"kubeconfig {path} cannot be written: {error.strerror}"
        raise ConfigError(msg) from error
