"""Points of one length that follow one another: their keys digested and looked up together.

Why it exists: taking a slice, hashing it and looking it up costs 0.6 µs a point in Python, one point at a time. Points
of one metric often have one length (ids, addresses and codes are as long as their neighbours). Their keys are then rows
of a matrix: numpy digests a thousand of them in the time of a hundred slices.

A key is known by two 64-bit digests with multipliers of this process's own, drawn at random: sums of mixed words times
odd numbers. For two keys to be taken for one, both sums must agree; no input can be made for that beforehand.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from phoenix.otlp.layout import Offsets

Digests = npt.NDArray[np.uint64]
_Entries = npt.NDArray[np.int32]
_T = TypeVar("_T", bound=np.generic)

MIN_RUN = 16
"""Fewer points than this are quicker one by one."""
MIN_KEY_BYTES, MAX_KEY_BYTES = 8, 4096
_SHIFT = np.uint64(29)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIERS: Digests = (
    np.random.default_rng().integers(0, 1 << 63, (2, MAX_KEY_BYTES // 8 + 1), np.uint64) << np.uint64(1)
) | np.uint64(1)


def even_length(data: bytes, first: int, stop: int) -> tuple[int, int]:
    """(bytes from one point to the next, bytes of tag and length) if all points in data[first:stop] have one length.

    (0, 0) if they have not, or are few. That every point begins where the last one ended is then sure: each row of that
    length begins with the same tag and length.
    """
    if stop - first < 2 or data[first] != 0x0A:
        return 0, 0
    size, header = data[first + 1], 2
    if size > 127:
        if data[first + 2] > 127:
            return 0, 0
        size, header = size - 128 | data[first + 2] << 7, 3
    stride = header + size
    count, rest = divmod(stop - first, stride)
    if rest or count < MIN_RUN or stop > len(data):
        return 0, 0
    even = all(data[at:stop:stride].count(data[at]) == count for at in range(first, first + header))
    return (stride, header) if even else (0, 0)


def digests(data: bytes, start: int, stride: int, count: int, size: int) -> Digests:
    """Two digests of each of `count` keys of `size` bytes (8 to 4096), the first at `start`; shape (2, count)."""
    whole = size // 8
    # Copied first: numpy goes through words in a row, at even addresses, three times as fast.
    words = _mixed(np.ndarray((count, whole), "<u8", data, start, (stride, 8)).copy())
    found = np.empty((2, count), np.uint64)
    for digest, multipliers in zip(found, _MULTIPLIERS, strict=True):
        np.einsum("ij,j->i", words, multipliers[:whole], out=digest)
    if size % 8:
        last = _mixed(np.ndarray((count,), "<u8", data, start + size - 8, (stride,)))
        found += last * _MULTIPLIERS[:, whole, None]
    return found


def _mixed(words: Digests) -> Digests:
    # NB: multiplying never carries down, so what differs in high bits only must first be brought low.
    return words ^ (words >> _SHIFT)


class EvenKeys:
    """Keys of one length under one metric, by their digests: a hash table that is probed for many keys at once.

    The place of a key is given by the high bits of its first digest, which depend on every bit of the key. Of several
    keys for one place the first has it; the others are *crowded out*, and found in an order of their own. So a look-up
    is two steps of numpy, however the keys fall: probing place after place took a step for every place. At most half
    of the places is taken. 30 to 38 bytes a key, and up to a quarter more where space for coming ones is touched.
    """

    __slots__ = ("_count", "_crowded", "_crowded_by", "_entries", "_first", "_second", "_shift", "_slots")

    def __init__(self) -> None:
        # Entry 0 stands for every free place: no key, slot -1.
        self._count = 1
        self._first: Digests = np.zeros(1, np.uint64)
        self._second: Digests = np.zeros(1, np.uint64)
        self._slots = np.full(1, -1, np.int32)
        self._resize(64)

    def find(self, keys: Digests) -> Offsets:
        """The slot of each key; -1 for one that is not known."""
        first, second = keys
        entries = self._entries[self._places(first)]
        equal = self._equal(entries, first, second)
        found: Offsets = np.where(equal, self._slots[entries], -1).astype(np.int64)
        if len(self._crowded) and not equal.all():
            open_ = np.flatnonzero(~equal)
            first, second = first[open_], second[open_]
            ranks = np.searchsorted(self._crowded_by, _both(first, second))
            entries = self._crowded[np.minimum(ranks, len(self._crowded) - 1)]
            found[open_] = np.where(self._equal(entries, first, second), self._slots[entries], -1)
        return found

    def _places(self, first: Digests) -> Offsets:
        return (first >> self._shift).view(np.int64)

    def _equal(self, entries: _Entries, first: Digests, second: Digests) -> npt.NDArray[np.bool_]:
        equal: npt.NDArray[np.bool_] = self._first[entries] == first
        equal &= self._second[entries] == second
        return equal

    def add(self, keys: Digests, slots: Offsets) -> int:
        """Remember keys that `find` did not find; one given twice counts once. How many were added."""
        keys, which = np.unique(keys, axis=1, return_index=True)
        before, self._count = self._count, self._count + len(which)
        if self._count > len(self._slots):
            spare = max(self._count - len(self._slots), len(self._slots) // 4)
            self._first = _longer(self._first, spare)
            self._second = _longer(self._second, spare)
            self._slots = _longer(self._slots, spare)
        added = slice(before, self._count)
        self._first[added], self._second[added], self._slots[added] = keys[0], keys[1], slots[which]
        if 2 * self._count > len(self._entries):
            self._resize(1 << (2 * self._count - 1).bit_length())
        else:
            self._place(np.arange(before, self._count, dtype=np.int32))
        return len(which)

    def _resize(self, size: int) -> None:
        self._entries = np.zeros(size, np.int32)
        self._shift = np.uint64(65 - size.bit_length())
        self._crowded, self._crowded_by = np.empty(0, np.int32), np.empty(0, np.uint64)
        self._place(np.arange(1, self._count, dtype=np.int32))

    def _place(self, entries: _Entries) -> None:
        places = self._places(self._first[entries])
        free = self._entries[places] == 0
        self._entries[places[free]] = entries[free]  # of several for one place, one stays
        left = entries[self._entries[places] != entries]
        by = _both(self._first[left], self._second[left])
        order = np.argsort(by)
        left, by = left[order], by[order]
        ranks = np.searchsorted(self._crowded_by, by)
        self._crowded_by, self._crowded = np.insert(self._crowded_by, ranks, by), np.insert(self._crowded, ranks, left)


def _both(first: Digests, second: Digests) -> Digests:
    """One number of both digests. Of two keys that share it one is never found: it is read by itself every time."""
    return first ^ second * _SPREAD


def _longer(array: npt.NDArray[_T], spare: int) -> npt.NDArray[_T]:
    grown = np.empty(len(array) + spare, array.dtype)
    grown[: len(array)] = array
    return grown
