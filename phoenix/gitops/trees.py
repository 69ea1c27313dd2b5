"""The directories of all sources: one tree and one watch a source, for as long as the source is there.

A watch takes a thread, so beyond `MAX_WATCHED` directories further ones are looked at every few seconds instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from phoenix.aio.clock import SYSTEM_CLOCK, Clock
from phoenix.aio.tasks import TaskOwner, cancel_and_wait
from phoenix.gitops import watching
from phoenix.gitops.tree import ManifestTree, Settings

MAX_WATCHED = 24


@dataclass(slots=True)
class _Place:
    tree: ManifestTree
    recurse: bool
    watch: asyncio.Task[None] | None = field(default=None)


class ManifestTrees:
    """Trees by name of source.

    Args:
        allowed: folders all directories must be below.
        changed: told the name of a source whose directory may have changed; must not block.
    """

    def __init__(self, allowed: Sequence[Path], changed: Callable[[str], None], *, clock: Clock = SYSTEM_CLOCK) -> None:
        self.allowed = tuple(allowed)
        self._changed = changed
        self._clock = clock
        self._places: dict[str, _Place] = {}
        self._tasks: TaskOwner | None = None

    def tree(self, name: str, settings: Settings) -> ManifestTree:
        """The tree of a source, made anew where its settings changed; from now on it is watched."""
        place = self._places.get(name)
        if place is None or place.tree.settings != settings:
            self.forget(name)
            tree = ManifestTree(settings, self.allowed, clock=self._clock)
            place = self._places[name] = _Place(tree, settings.rules.recurse)
            self._watch(name, place)
        return place.tree

    def forget(self, name: str) -> None:
        """Stop watching; nothing is remembered of its files."""
        place = self._places.pop(name, None)
        if place is not None and place.watch is not None:
            place.watch.cancel()  # awaited by its owner

    async def run(self) -> None:
        """Watch until cancelled."""
        async with TaskOwner() as tasks:
            self._tasks = tasks
            try:
                for name, place in self._places.items():
                    self._watch(name, place)
                await asyncio.Event().wait()
            finally:
                self._tasks = None
                await cancel_and_wait(*(one.watch for one in self._places.values() if one.watch is not None))

    def _watch(self, name: str, place: _Place) -> None:
        if self._tasks is None:
            return
        root, changed = place.tree.settings.root, lambda: self._changed(name)
        watched = sum(one.watch is not None for one in self._places.values())
        work = (
            watching.follow(root, changed, recurse=place.recurse, clock=self._clock)
            if watched < MAX_WATCHED
            else watching.poll(changed, clock=self._clock)
        )
        place.watch = self._tasks.start(work, name=f"watch {root}")
