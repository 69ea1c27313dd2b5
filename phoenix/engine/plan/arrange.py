"""Rows whose outcomes are known to a template: what leaves, laid out, and from which points each comes.

Points leave in the order in which the processors would let them: as they came; where they are compacted, by the first
of each resource, scope and metric; where they are merged, at the place of the first of each group.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from phoenix.engine.plan.moves import moves
from phoenix.engine.plan.outcomes import LEFT, Made, Outcomes
from phoenix.engine.plan.rows import Rows
from phoenix.engine.plan.shape import starts_with_time
from phoenix.engine.plan.template import Template
from phoenix.otlp.encode import varint
from phoenix.otlp.layout import Layout, Offsets
from phoenix.otlp.repeats import words_of

_Tree = dict[Hashable, dict[Hashable, dict[Hashable, int]]]


@dataclass(frozen=True, slots=True)
class _Left:
    """Points that leave, in order: arrays of shape (points that leave,), but for `members`."""

    metric: Offsets
    """rank of the metric each is in"""
    leader: Offsets
    """row that lends its attributes"""
    size: Offsets
    """how many rows are added up"""
    members: Offsets
    """these rows, those of one after those of another"""
    settled: bool
    """whether points that may merge all do"""


@dataclass(frozen=True, slots=True)
class Arranged:
    """A template for one payload; `settled`: for all of its shape, as times did not decide which points merge."""

    template: Template
    settled: bool


def arrange(data: bytes, rows: Rows, known: Outcomes) -> Arranged | None:
    """The template of this payload, all of whose series are known; None: points that differ otherwise are to merge."""
    gone = known.gone[rows.series]
    kept = np.flatnonzero(gone == LEFT)
    counts = [len(rows), *(int(((gone == LEFT) | (gone >= end)).sum()) for end in known.ends)]
    if not len(kept):
        return Arranged(Template(None, (), _until_nothing(counts)), settled=True)
    tree, made = _tree(rows, kept, known)
    rank = np.full(len(rows.frames), -1, np.int64)
    order = [place for scopes in tree.values() for metrics in scopes.values() for place in metrics.values()]
    rank_of = np.empty(len(made), np.int64)
    rank_of[order] = np.arange(len(order))
    for place, group in made.of_spot.items():
        rank[place] = rank_of[group]
    metric = rank[rows.metric[kept]]
    ordered = [made.first[group] for group in order]
    if made.uneven:
        return None
    left = _grouped(data, rows, kept, metric, ordered, known)
    sample, at, end = _laid_out(tree, ordered, rank_of, left, rows, known)
    delta = np.array([one.delta for one in ordered])[left.metric]
    made_so = moves(data, rows, left.members, left.size, delta, at, end)
    if made_so is None:
        return None
    counts[-1] = len(left.leader) if any(one.merges for one in ordered) else counts[-1]
    return Arranged(Template(sample, made_so, tuple(counts)), left.settled)


def _until_nothing(counts: list[int]) -> tuple[int, ...]:
    """No processor behind the one that left nothing is asked."""
    return tuple(counts[: counts.index(0) + 1])


class _Metrics:
    """Metrics that leave, in the order in which they were first seen."""

    def __init__(self) -> None:
        self.first: list[Made] = []
        self.of_spot: dict[int, int] = {}
        self.uneven = False
        """metrics that are put together differ in whether their points merge"""

    def __len__(self) -> int:
        return len(self.first)


def _tree(rows: Rows, kept: Offsets, known: Outcomes) -> tuple[_Tree, _Metrics]:
    """Resources, scopes and metrics as they leave, the latter by their place in the second."""
    tree: _Tree = {}
    made = _Metrics()
    for place in np.unique(rows.metric[kept]).tolist():
        one: Made = rows.frames[place].made
        names: tuple[Hashable, ...] = (
            (one.resource.identity, one.scope.identity, one.identity)
            if known.compact
            else (rows.resource_of[place], rows.scope_of[place], place)
        )
        metrics = tree.setdefault(names[0], {}).setdefault(names[1], {})
        group = metrics.setdefault(names[2], len(made))
        if group == len(made):
            made.first.append(one)
        made.uneven = made.uneven or made.first[group].merges != one.merges
        made.of_spot[place] = group
    return tree, made


def _grouped(data: bytes, rows: Rows, kept: Offsets, metric: Offsets, ordered: list[Made], known: Outcomes) -> _Left:
    """Which of the kept rows are merged with which."""
    merges = np.array([one.merges for one in ordered])[metric]
    alike = known.alike[known.key[rows.series[kept]]]
    base = np.where(merges, metric * (int(alike.max()) + 1) + alike, -1 - np.arange(len(kept)))
    keys: list[Any] = [base]
    words, layout, at = words_of(data), rows.layout[kept], rows.at[kept]
    times = words[at + np.array([one.time for one in rows.layouts])[layout]]
    if (times != times[0]).any():
        keys.insert(0, times)
    delta = np.array([one.delta for one in ordered])[metric] & merges
    if delta.any():
        starting = np.array([starts_with_time(one) for one in rows.layouts])[layout]
        keys.insert(0, np.where(delta & starting, words[at + 1], 0))
    order = np.lexsort(keys)  # stable: of equal ones the first row comes first
    new = np.ones(len(order), np.bool_)
    new[1:] = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
    first = np.flatnonzero(new)
    size = np.diff(np.append(first, len(order)))
    leader = order[first]
    turn = np.lexsort((leader, metric[leader]))
    starts = np.cumsum(size[turn]) - size[turn]
    members = np.arange(len(order)) + np.repeat(first[turn] - starts, size[turn])
    settled = len(keys) == 1 or len(np.unique(base)) == len(first)
    return _Left(metric[leader[turn]], kept[leader[turn]], size[turn], kept[order[members]], settled)


def _laid_out(
    tree: _Tree, ordered: list[Made], rank_of: Offsets, left: _Left, rows: Rows, known: Outcomes
) -> tuple[bytes, Offsets, Offsets]:
    """(what leaves, with nothing where times and values will be; where each point begins and ends in it)."""
    codes = (known.key[rows.series[left.leader]] << 8) + rows.layout[left.leader]
    kinds, which = np.unique(codes, return_inverse=True)
    pieces = [_piece(known.keys[code >> 8], rows.layouts[code & 255]) for code in kinds.tolist()]
    sizes = np.array([len(piece) for piece, _ in pieces])[which]
    heads = np.array([head for _, head in pieces])[which]
    ends = np.cumsum(sizes)
    firsts = np.searchsorted(left.metric, np.arange(len(ordered) + 1))
    bounds = np.concatenate((np.zeros(1, np.int64), ends))[firsts]
    writer = _Writer(ordered, np.diff(bounds).tolist(), [pieces[index][0] for index in which.tolist()], firsts.tolist())
    for scopes in tree.values():
        writer.resource([[int(rank_of[group]) for group in metrics.values()] for metrics in scopes.values()])
    begins = ends - sizes
    offset = (np.array(writer.points_at) - bounds[:-1])[left.metric]
    return b"".join(writer.parts), begins + offset + heads, ends + offset


class _Writer:
    """Writes frames around points, one resource after the other; metrics by their rank, in order."""

    def __init__(self, ordered: list[Made], sizes: list[int], points: list[bytes], firsts: list[int]) -> None:
        self._ordered = ordered
        self._sizes = sizes
        self._points = points
        self._firsts = firsts
        self.parts: list[bytes] = []
        self.points_at: list[int] = []
        """where the points of each metric begin"""
        self._size = 0

    def _write(self, *parts: bytes) -> None:
        self.parts += parts
        self._size += sum(map(len, parts))

    def _metric_size(self, rank: int) -> int:
        one = self._ordered[rank]
        body = self._sizes[rank] + len(one.tail)
        return len(one.header) + len(varint(body)) + body + len(one.suffix)

    def resource(self, scopes: list[list[int]]) -> None:
        """A resource with the metrics of each of its scopes."""
        resource = self._ordered[scopes[0][0]].resource
        inner = []
        for ranks in scopes:
            scope = self._ordered[ranks[0]].scope
            metrics = sum(size + 1 + len(varint(size)) for size in map(self._metric_size, ranks))
            inner.append(len(scope.prefix) + metrics + len(scope.suffix))
        body = sum(size + 1 + len(varint(size)) for size in inner)
        self._write(b"\x0a", varint(len(resource.prefix) + body + len(resource.suffix)), resource.prefix)
        for ranks, size in zip(scopes, inner, strict=True):
            scope = self._ordered[ranks[0]].scope
            self._write(b"\x12", varint(size), scope.prefix)
            for rank in ranks:
                self._metric(rank)
            self._write(scope.suffix)
        self._write(resource.suffix)

    def _metric(self, rank: int) -> None:
        one, low, high = self._ordered[rank], self._firsts[rank], self._firsts[rank + 1]
        body = self._sizes[rank] + len(one.tail)
        self._write(b"\x12", varint(self._metric_size(rank)), one.header, varint(body))
        self.points_at.append(self._size)
        self.parts += self._points[low:high]
        self._size += self._sizes[rank]
        self._write(one.tail, one.suffix)


def _piece(key: bytes, layout: Layout) -> tuple[bytes, int]:
    """(a point with its key alone, where its body begins)."""
    head = b"\x0a" + varint(layout.head + len(key) + layout.tail)
    return head + bytes(layout.head) + key + bytes(layout.tail), len(head)
