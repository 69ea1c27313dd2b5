"""Binary operations: arithmetic, comparison and sets, with Prometheus's matching of vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from phoenix.promql.errors import PromqlError, Unsupported
from phoenix.promql.syntax import Binary
from phoenix.promql.vectors import NAME, Floats, Labels, Vector, vector_of

ARITHMETIC: dict[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
COMPARISON: dict[str, Callable[[Floats, Floats], np.ndarray[tuple[int], np.dtype[np.bool_]]]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}
SETS = ("and", "or", "unless")
Value = Vector | float


def binary(expr: Binary, left: Value, right: Value) -> Value:
    """Apply an operation.

    Raises:
        PromqlError: vectors that do not match as they were said to.
        Unsupported: an operator outside the subset.
    """
    if expr.operator not in ARITHMETIC and expr.operator not in COMPARISON and expr.operator not in SETS:
        msg = f"{expr.operator} is not in the built-in subset"
        raise Unsupported(msg)
    with np.errstate(all="ignore"):
        if isinstance(left, Vector) and isinstance(right, Vector):
            return _sets(expr, left, right) if expr.operator in SETS else _matched(expr, left, right)
        if isinstance(left, Vector) and not isinstance(right, Vector):
            return _scaled(expr, left, left.values, np.full(len(left.values), right))
        if isinstance(right, Vector) and not isinstance(left, Vector):
            return _scaled(expr, right, np.full(len(right.values), left), right.values)
        assert not isinstance(left, Vector)
        assert not isinstance(right, Vector)
        a, b = np.array([left], float), np.array([right], float)
        operator = ARITHMETIC.get(expr.operator) or COMPARISON[expr.operator]
        return float(operator(a, b)[0])


def _scaled(expr: Binary, vector: Vector, left: Floats, right: Floats) -> Vector:
    if operator := ARITHMETIC.get(expr.operator):
        return vector.bare(operator(left, right))
    holds = COMPARISON[expr.operator](left, right)
    if expr.bool_:
        return vector.bare(holds.astype(np.float64))
    return vector.kept(holds)


def _signature(expr: Binary, labels: Labels) -> Labels:
    names = expr.matching or ()
    return labels.only(names) if expr.on else labels.without(names)


def _sets(expr: Binary, left: Vector, right: Vector) -> Vector:
    here = [_signature(expr, labels) for labels in left.labels]
    there = [_signature(expr, labels) for labels in right.labels]
    if expr.operator == "or":
        known = set(here)
        more = right.kept(np.array([one not in known for one in there], np.bool_))
        return Vector([*left.labels, *more.labels], np.concatenate([left.values, more.values]))
    known, wanted = set(there), expr.operator == "and"
    return left.kept(np.array([(one in known) is wanted for one in here], np.bool_))


def _matched(expr: Binary, left: Vector, right: Vector) -> Vector:
    swapped = expr.cardinality == "OneToMany"
    many, one = (right, left) if swapped else (left, right)
    ones: dict[Labels, tuple[Labels, float]] = {}
    for labels, value in one.items():
        signature = _signature(expr, labels)
        if signature in ones:
            side = "left" if swapped else "right"
            msg = f"many-to-many matching: two series on the {side} side of {expr.operator} match {signature.map}"
            raise PromqlError(msg)
        ones[signature] = labels, value
    pairs = [(labels, value, ones.get(_signature(expr, labels))) for labels, value in many.items()]
    met = [(labels, value, other) for labels, value, other in pairs if other is not None]
    here = np.array([value for _, value, _ in met], np.float64)
    there = np.array([other[1] for _, _, other in met], np.float64)
    a, b = (there, here) if swapped else (here, there)
    made = [_result_labels(expr, labels, other[0]) for labels, _, other in met]
    if operator := ARITHMETIC.get(expr.operator):
        return _unique(expr, made, operator(a, b))
    holds = COMPARISON[expr.operator](a, b)
    if expr.bool_:
        return _unique(expr, [labels.bare for labels in made], holds.astype(np.float64))
    kept = np.flatnonzero(holds)
    return _unique(expr, [made[at] for at in kept], a[kept])


def _result_labels(expr: Binary, many: Labels, one: Labels) -> Labels:
    drop_name = expr.operator in ARITHMETIC
    if expr.cardinality == "OneToOne":
        if expr.on:
            kept = many.only(expr.matching or ())
            return kept.bare if drop_name else kept
        names = expr.matching or ()
        if drop_name:
            return many.without(names)
        return Labels({name: value for name, value in many.map.items() if name not in names})
    base = many.bare if drop_name else many
    if not expr.include:
        return base
    found = {name: value for name, value in base.map.items() if name not in expr.include}
    return Labels(found | {name: one.map[name] for name in expr.include if name in one.map and name != NAME})


def _unique(expr: Binary, labels: list[Labels], values: Floats) -> Vector:
    if len(set(labels)) != len(labels):
        msg = f"{expr.operator}: several series would get the same labels; match on more of them, or use group_left"
        raise PromqlError(msg)
    return vector_of(zip(labels, values.tolist(), strict=True))
