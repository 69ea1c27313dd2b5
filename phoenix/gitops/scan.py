"""Walks a directory: which manifest files there are, as the file system tells without opening them; reads one of them.

Everything here blocks: call it in a thread. What cannot be looked at becomes a fault, never an absence.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from phoenix.gitops.errors import DirectoryFault
from phoenix.gitops.faults import Fault
from phoenix.gitops.selecting import IGNORE_FILE, Rules, Selection

MAX_FILES = 50_000
MAX_FILE_BYTES = 4 * 2**20
MAX_DEPTH = 64
_MAX_FAULTS = 1_000
_MAX_IGNORE_BYTES = 1 << 20
_READS = 3

Signature = tuple[int, int, int, int, int]
"""Device, inode, size, mtime and ctime in nanoseconds: another content has another one, but for what `Entry` says."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One manifest file: path below the directory, and what stat says. Two writes within one tick of the file system's
    clock may have the same signature: see `phoenix.gitops.tree`.
    """

    path: str
    signature: Signature

    @property
    def size_bytes(self) -> int:
        """Of the file."""
        return self.signature[2]

    @property
    def changed_unix_nano(self) -> int:
        """When it last changed, by the file system's clock: a rename counts, a set-back mtime does not."""
        return max(self.signature[3], self.signature[4])


@dataclass(frozen=True, slots=True)
class Listing:
    """Manifest files by path, and what could not be looked at."""

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...]


def scan(root: Path, rules: Rules, allowed: Sequence[Path]) -> Listing:
    """The manifest files below a directory. Links are followed as far as they stay below `allowed`.

    Raises:
        DirectoryFault: the directory itself cannot be looked at, or holds too much.
    """
    check_allowed(root, allowed)
    try:
        selection = Selection(rules)
    except ValueError as error:
        raise DirectoryFault("InvalidPattern", f"spec.include or spec.ignore: {error}") from error
    return _Walk(root, selection, [Path(os.path.realpath(one)) for one in allowed]).run()


def check_allowed(root: Path, allowed: Sequence[Path]) -> None:
    """Raises DirectoryFault where the directory is not below one of those the server was started with."""
    real = Path(os.path.realpath(root))
    if any(real.is_relative_to(os.path.realpath(one)) for one in allowed):
        return
    known = ", ".join(map(str, allowed)) or "none"
    raise DirectoryFault(
        "PathNotAllowed",
        f"{root} is not below a folder manifests may be read from ({known}): start the server with --manifest-root or "
        "--watch",
    )


class _Walk:
    def __init__(self, root: Path, selection: Selection, allowed: Sequence[Path]) -> None:
        self._root, self._selection, self._allowed = root, selection, allowed
        self._entries: list[Entry] = []
        self._faults: list[Fault] = []
        self._seen: set[tuple[int, int]] = set()

    def run(self) -> Listing:
        try:
            state = os.stat(self._root)
        except OSError as error:
            raise _of_root(self._root, error) from error
        if not stat.S_ISDIR(state.st_mode):
            raise DirectoryFault("NotADirectory", f"{self._root} is no directory: give the directory it is in")
        self._seen.add((state.st_dev, state.st_ino))
        folders = [""]
        while folders:
            folders += reversed(self._folder(folders.pop()))
        return Listing(tuple(sorted(self._entries, key=lambda one: one.path)), tuple(self._faults))

    def _folder(self, folder: str) -> list[str]:
        """Look into a directory; those below it to look into."""
        try:
            with os.scandir(self._root / folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            if not folder:
                raise _of_root(self._root, error) from error
            self._fault(folder, f"the directory cannot be read: {error.strerror}")
            return []
        if any(entry.name == IGNORE_FILE for entry in entries):
            self._ignore_file(folder)
        below: list[str] = []
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if self._is_folder(entry, path):
                below.append(path)
        return below

    def _is_folder(self, entry: os.DirEntry[str], path: str) -> bool:
        """Note a manifest file; whether this is a directory to look into."""
        try:
            is_folder = entry.is_dir()
            takes = self._selection.takes_folder(path) if is_folder else self._selection.takes_file(path)
            if not takes:
                return False
            path.encode()
            if entry.is_symlink() and not self._stays(path):
                self._fault(path, "the link leads out of the folders manifests may be read from: copy the file here")
                return False
            state = entry.stat()
        except UnicodeEncodeError:
            self._fault(path.encode(errors="replace").decode(), "the name is not UTF-8: rename it")
            return False
        except OSError as error:
            # NB: a link to nowhere is no directory and cannot be told from a file that went this moment.
            why = "the link leads nowhere" if error.errno in (errno.ENOENT, errno.ELOOP) else str(error.strerror)
            self._fault(path, f"it cannot be read: {why}")
            return False
        return self._noted(path, state)

    def _noted(self, path: str, state: os.stat_result) -> bool:
        if stat.S_ISDIR(state.st_mode):
            return self._is_new_folder(path, state)
        if not stat.S_ISREG(state.st_mode):
            self._fault(path, "it is no regular file: replace it by one, or ignore it")
            return False
        self._entries.append(Entry(path, signature_of(state)))
        if len(self._entries) > MAX_FILES:
            message = f"{self._root} has more than {MAX_FILES:,} manifest files: make several sources of it"
            raise DirectoryFault("TooManyFiles", message)
        return False

    def _is_new_folder(self, path: str, state: os.stat_result) -> bool:
        identity = (state.st_dev, state.st_ino)
        if identity in self._seen:
            return False  # a link in a circle, or a second way to the same place
        self._seen.add(identity)
        if path.count("/") >= MAX_DEPTH:
            self._fault(path, f"it is more than {MAX_DEPTH} directories deep")
            return False
        return True

    def _stays(self, path: str) -> bool:
        real = Path(os.path.realpath(self._root / path))
        return any(real.is_relative_to(one) for one in self._allowed)

    def _ignore_file(self, folder: str) -> None:
        path = f"{folder}/{IGNORE_FILE}" if folder else IGNORE_FILE
        try:
            content = _content(self._root / path, _MAX_IGNORE_BYTES)[0]
            self._selection.add_ignore_file(folder, content.decode("utf-8-sig").splitlines())
        except OSError as error:
            self._fault(path, f"it cannot be read: {error.strerror or error}")
        except ValueError as error:
            self._fault(path, f"it cannot be understood: {error}")

    def _fault(self, path: str, message: str) -> None:
        self._faults.append(Fault(path, 0, message))
        if len(self._faults) > _MAX_FAULTS:
            raise DirectoryFault("PathUnreadable", f"more than {_MAX_FAULTS} faults in {self._root}, such as {path}")


def read(root: Path, path: str) -> tuple[bytes, Signature]:
    """A file's content, read while nobody wrote it, and the signature it had.

    Raises:
        OSError: it cannot be read; its strerror says why (also: it is too large, or changes all the time).
    """
    for _ in range(_READS):
        content, before, after = _content(root / path, MAX_FILE_BYTES)
        if before == after:
            return content, after
    raise OSError(errno.EBUSY, "somebody writes to it all the time")


def _content(path: Path, limit_bytes: int) -> tuple[bytes, Signature, Signature]:
    """Content, and the signatures before and after it was read."""
    # NB: a FIFO put in the file's place must not be waited for.
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        content = file.read(limit_bytes + 1)
        if len(content) > limit_bytes:
            raise OSError(errno.EFBIG, f"it has more than {limit_bytes:,} bytes")
        return content, signature_of(before), signature_of(os.fstat(file.fileno()))


def signature_of(state: os.stat_result) -> Signature:
    """What tells one content from another without reading."""
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def _of_root(root: Path, error: OSError) -> DirectoryFault:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return DirectoryFault("PathNotFound", f"{root} is not there: make it, or change spec.path; nothing is deleted")
    return DirectoryFault("PathUnreadable", f"{root} cannot be read: {error.strerror}; nothing is deleted")
