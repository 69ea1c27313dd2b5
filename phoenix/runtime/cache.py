"""What an informer knows: objects by key, with indexes. Changes are synchronous, so that no reader sees half of one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from phoenix.apimachinery.meta import ObjectKey, Resource

R = TypeVar("R", bound=Resource)


class Cache(Generic[R]):
    """Objects by key, by label and by owner's uid. Holds the one true copy: give out copies or trust the reader."""

    def __init__(self) -> None:
        self._objects: dict[ObjectKey, R] = {}
        self._by_label: defaultdict[tuple[str, str], set[ObjectKey]] = defaultdict(set)
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
        for item in obj.metadata.labels.items():
            self._by_label[item].add(obj.key)
        for owner in obj.metadata.owner_references:
            self._by_owner[owner.uid].add(obj.key)
        return old

    def pop(self, key: ObjectKey) -> R | None:
        """Forget an object; what was there."""
        old = self._objects.pop(key, None)
        if old is not None:
            for item in old.metadata.labels.items():
                _discard(self._by_label, item, key)
            for owner in old.metadata.owner_references:
                _discard(self._by_owner, owner.uid, key)
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

    def with_label(self, label: str, value: str) -> Iterator[R]:
        """Objects whose label has this value."""
        return (self._objects[key] for key in self._by_label.get((label, value), ()))

    def owned_by(self, uid: str) -> Iterator[R]:
        """Objects with an owner reference to this uid."""
        return (self._objects[key] for key in self._by_owner.get(uid, ()))


IndexKey = TypeVar("IndexKey")


def _discard(index: defaultdict[IndexKey, set[ObjectKey]], at: IndexKey, key: ObjectKey) -> None:
    keys = index[at]
    keys.discard(key)
    if not keys:
        # NB: label values such as run numbers only grow; an index that kept empty sets would too.
        del index[at]
