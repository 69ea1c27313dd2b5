"""What an informer knows: objects by key, and by owner. Changes are synchronous, so that no reader sees half of one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from phoenix.apimachinery.meta import ObjectKey, Resource

R = TypeVar("R", bound=Resource)


class Cache(Generic[R]):
    """Objects by key and by owner's uid. Holds the one true copy: give out copies or trust the reader."""

    def __init__(self) -> None:
        self._objects: dict[ObjectKey, R] = {}
        self._by_owner: defaultdict[str, set[ObjectKey]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[R]:
        return iter(self._objects.values())

    def get(self, key: ObjectKey) -> R | None:
        """The object or None."""
        return self._objects.get(key)

    def put(self, obj: R) -> R | None:
        """Keep an object; what it replaces."""
        old = self.pop(obj.key)
        self._objects[obj.key] = obj
        for owner in obj.metadata.owner_references:
            self._by_owner[owner.uid].add(obj.key)
        return old

    def pop(self, key: ObjectKey) -> R | None:
        """Forget an object; what was there."""
        old = self._objects.pop(key, None)
        if old is not None:
            for owner in old.metadata.owner_references:
                keys = self._by_owner[owner.uid]
                keys.discard(key)
                if not keys:
                    del self._by_owner[owner.uid]  # owners come and go for ever, and so would empty sets
        return old

    def replace(self, objects: Iterable[R]) -> list[tuple[R | None, R | None]]:
        """Hold exactly these objects from now on; the differences as (old, new), objects that left first.

        One that was made anew under its name left, and another came: what it owned is to go, as a watch would tell.
        """
        fresh = {obj.key: obj for obj in objects}
        gone = [
            key for key, old in self._objects.items() if key not in fresh or fresh[key].metadata.uid != old.metadata.uid
        ]
        changes: list[tuple[R | None, R | None]] = [(self.pop(key), None) for key in gone]
        for obj in fresh.values():
            old = self.get(obj.key)
            if old is None or old.metadata.resource_version != obj.metadata.resource_version:
                changes.append((self.put(obj), obj))
        return changes

    def owned_by(self, uid: str) -> Iterator[R]:
        """Objects with an owner reference to this uid."""
        return (self._objects[key] for key in self._by_owner.get(uid, ()))
