"""One directory as it is read again and again: only what changed is opened, only what differs is parsed.

From the file system, to the plan. Remembers per file what stat said and what was in it. It never decides what becomes
of objects; it says honestly whether it saw everything (`Snapshot.complete`).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from phoenix.aio.clock import SYSTEM_CLOCK, Clock
from phoenix.gitops.desired import Desired, Wanted, build
from phoenix.gitops.faults import Fault
from phoenix.gitops.files import ManifestFile, line_of
from phoenix.gitops.parsing import Read, read_all
from phoenix.gitops.scan import Entry, Listing, Signature, read, scan
from phoenix.gitops.selecting import Rules

_RACY_NS = 2 * 10**9
"""A file that changed less than this before it was read may have changed since within the same tick of the clock."""
_LONGEST_SETTLE_S = 3.0
_LOOKS = 3
"""Listings taken where files go before they are read; one that still went then is told as a fault."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What to read: everything but `root` as in ManifestSource.spec."""

    root: Path
    rules: Rules
    target_namespace: str = ""
    debounce_s: float = 0.1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A directory at one moment.

    Args:
        revision: `sha256:…` of paths and contents of its manifest files.
        files: how many there are.
        desired: what they ask for; its faults are those of files and objects.
        faults: what could not be looked at.
        unchanged_s: how long this revision is known to be the directory's.
    """

    revision: str
    files: int
    desired: Desired
    faults: tuple[Fault, ...]
    unchanged_s: float

    @property
    def complete(self) -> bool:
        """Whether every file and directory was read."""
        return not self.faults


@dataclass(frozen=True, slots=True)
class _Known:
    """A file as it was read: `trusted` where another content would have another signature."""

    signature: Signature
    trusted: bool
    file: ManifestFile


class ManifestTree:
    """A directory that is read again and again. One `load` at a time.

    Args:
        allowed: folders the directory, and what links in it lead to, must be below.
        wall_ns: the file system's idea of now, Unix nanoseconds.
    """

    def __init__(
        self,
        settings: Settings,
        allowed: Sequence[Path],
        *,
        clock: Clock = SYSTEM_CLOCK,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.settings = settings
        self._allowed = tuple(allowed)
        self._clock = clock
        self._wall_ns = wall_ns
        self._known: dict[str, _Known] = {}
        self._desired: Desired | None = None
        self._revision, self._since_s = "", 0.0

    async def load(self) -> Snapshot:
        """The directory now.

        Raises:
            DirectoryFault: it cannot be looked at.
            ChildProcessError: a parsing process broke: try again.
        """
        listing, found = await self._look()
        for _ in range(_LOOKS - 1):
            if not any(one.file is None and not os.path.lexists(self.settings.root / one.path) for one in found):
                break  # none went between the listing and the reading: the listing holds
            listing, found = await self._look()
        return await asyncio.to_thread(self._assembled, listing, found)

    async def _look(self) -> tuple[Listing, list[Read]]:
        listing, stale = await self._settled()
        return listing, await read_all(self.settings.root, stale) if stale else []

    async def line_of(self, wanted: Wanted, field: str) -> int:
        """The line a field of a manifest is on."""

        def find() -> int:
            try:
                content, _ = read(self.settings.root, wanted.file)
            except OSError:
                return wanted.document.line
            return line_of(wanted.file, content, wanted.document, field)

        return await asyncio.to_thread(find)

    async def _settled(self) -> tuple[Listing, list[Entry]]:
        """A listing whose changed files nobody has touched for the debounce time; and those files.

        A writer that never pauses is waited for a few seconds only: `read` sees to it that nobody wrote meanwhile.
        """
        deadline_s = self._clock.monotonic() + max(_LONGEST_SETTLE_S, 2 * self.settings.debounce_s)
        while True:
            listing = await asyncio.to_thread(scan, self.settings.root, self.settings.rules, self._allowed)
            stale = [entry for entry in listing.entries if not self._is_known(entry)]
            wait_s = self._unquiet_s(stale)
            if wait_s <= 0 or self._clock.monotonic() + wait_s > deadline_s:
                return listing, stale
            await self._clock.sleep(wait_s)

    def _unquiet_s(self, stale: Sequence[Entry]) -> float:
        changed = [entry for entry in stale if self._differs(entry)]
        if not changed:
            return 0.0
        age_s = (self._wall_ns() - max(entry.changed_unix_nano for entry in changed)) / 1e9
        # NB: a time in the future is a clock set wrong, not a file that will be written.
        return self.settings.debounce_s - age_s if age_s >= 0 else 0.0

    def _is_known(self, entry: Entry) -> bool:
        known = self._known.get(entry.path)
        return known is not None and known.trusted and known.signature == entry.signature

    def _differs(self, entry: Entry) -> bool:
        known = self._known.get(entry.path)
        return known is None or known.signature != entry.signature

    def _assembled(self, listing: Listing, found: Sequence[Read]) -> Snapshot:
        paths = {entry.path for entry in listing.entries}
        known = {path: one for path, one in self._known.items() if path in paths}
        changed = len(known) != len(self._known)
        faults = list(listing.faults)
        now_ns = self._wall_ns()
        for one in found:
            if one.file is None or one.signature is None:
                faults.append(Fault(one.path, 0, f"it cannot be read: {one.failure}"))
                changed |= known.pop(one.path, None) is not None
                continue
            earlier = known.get(one.path)
            file = earlier.file if earlier and earlier.file.sha256 == one.file.sha256 else one.file
            changed |= earlier is None or file is not earlier.file
            trusted = now_ns - max(one.signature[3], one.signature[4]) > _RACY_NS
            known[one.path] = _Known(one.signature, trusted, file)
        self._known = known
        if changed or self._desired is None:
            files = [known[path].file for path in sorted(known)]
            self._desired = build(files, target_namespace=self.settings.target_namespace)
            self._note(revision_of(files))
        unchanged_s = self._clock.monotonic() - self._since_s
        return Snapshot(self._revision, len(known), self._desired, tuple(faults), unchanged_s)

    def _note(self, revision: str) -> None:
        if revision != self._revision:
            self._revision, self._since_s = revision, self._clock.monotonic()


def revision_of(files: Sequence[ManifestFile]) -> str:
    """`sha256:…` of paths and contents, in the order of paths."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.sha256} {file.path}\0".encode())
    return f"sha256:{digest.hexdigest()}"
