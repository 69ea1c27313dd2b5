"""Compiled groups of statements and conditions, with error_mode, and the walk over a request that runs them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from phoenix.engine.config.values import Unresolved
from phoenix.engine.ottl.ast import Statement
from phoenix.engine.ottl.compiler import Compiler, Predicate, infer_level
from phoenix.engine.ottl.context import Context
from phoenix.engine.ottl.errors import OttlError, OttlSyntaxError
from phoenix.engine.ottl.parser import parse_condition, parse_statement
from phoenix.engine.ottl.signature import Function
from phoenix.engine.ottl.timelaws import durations_of


class ErrorMode(StrEnum):
    """What a failing statement does: nothing but a log line, nothing at all, or refuse the whole request."""

    IGNORE = "ignore"
    SILENT = "silent"
    PROPAGATE = "propagate"


class Faults:
    """Handles run-time errors by mode; logs the 1st, 10th, 100th … of each statement: data must not flood the log."""

    def __init__(self, mode: ErrorMode, log: logging.Logger) -> None:
        self._mode = mode
        self._log = log
        self._counts: dict[str, int] = {}

    def handle(self, source: str, error: OttlError) -> None:
        """Log or raise.

        Raises:
            OttlError: in mode propagate, naming the statement.
        """
        if self._mode is ErrorMode.PROPAGATE:
            raise OttlError(f"failed to execute {source!r}: {error}") from error
        if self._mode is ErrorMode.SILENT:
            return
        count = self._counts[source] = self._counts.get(source, 0) + 1
        if str(count).strip("0") == "1":
            self._log.warning("statement failed times=%d statement=%r error=%s", count, source, error)


@dataclass(frozen=True, slots=True)
class Rule:
    """One compiled statement."""

    source: str
    where: Predicate | None
    edit: Callable[[Context], None]


@dataclass(frozen=True, slots=True)
class Test:
    """One compiled condition."""

    source: str
    holds: Predicate

    __test__ = False  # not a test case, whatever pytest thinks of the name


@dataclass(frozen=True, slots=True)
class Group:
    """Rules and conditions for items of one level; without conditions every item is taken."""

    level: str
    rules: tuple[Rule, ...] = ()
    conditions: tuple[Test, ...] = ()
    error_mode: ErrorMode | None = field(default=None)
    by_identity: bool = False
    """what the group does to an item does not depend on times or values"""
    durations_ns: frozenset[int] | None = None
    """what it does depends on identity, but for setting times to each other, and to themselves truncated to multiples
    of these; None: not so, or it sets none"""


T = TypeVar("T")
Fault = Callable[[int, str], None]
"""Told the index of a statement or condition and what is wrong with it."""


def compile_group(
    statements: Sequence[str],
    conditions: Sequence[str],
    functions: Mapping[str, Function],
    *,
    level: str | None,
    on_statement: Fault,
    on_condition: Fault,
) -> Group | None:
    """Compile a group; faults are told, and None is returned then.

    Args:
        statements: may be empty (a filter has conditions only).
        conditions: any of them lets an item in.
        functions: what may be called.
        level: the context where it was written, None to infer it; only with it may paths leave its name out.
        on_statement: told of faults in statements.
        on_condition: told of faults in conditions.
    """
    faults = 0

    def each(sources: Sequence[str], parse: Callable[[str], T], tell: Fault) -> Iterator[tuple[int, str, T]]:
        nonlocal faults
        for index, source in enumerate(sources):
            if isinstance(source, Unresolved):  # its placeholder has no value yet; what it will be cannot be checked
                continue
            try:
                yield index, source, parse(source)
            except OttlSyntaxError as error:
                faults += 1
                tell(index, str(error))

    parsed_rules = list(each(statements, parse_statement, on_statement))
    parsed_tests = list(each(conditions, parse_condition, on_condition))
    bare = level is not None
    if level is None and not faults:
        try:
            roots = [*(rule for _, _, rule in parsed_rules), *(test for _, _, test in parsed_tests)]
            level = infer_level(roots, functions)
        except OttlSyntaxError as error:
            (on_statement if statements else on_condition)(0, str(error))
            return None
    if level is None:
        return None
    compiler = Compiler(level, bare, functions)
    rules, tests = [], []
    durations: list[frozenset[int]] = []
    for index, source, node in parsed_rules:
        try:
            rules.append(_rule(compiler, level, source, node, durations))
        except OttlSyntaxError as error:
            faults += 1
            on_statement(index, str(error))
    for index, source, condition in parsed_tests:
        try:
            tests.append(Test(source, compiler.condition(condition)))
        except OttlSyntaxError as error:
            faults += 1
            on_condition(index, str(error))
    return None if faults else _group(Group(level, tuple(rules), tuple(tests)), compiler.by_identity, durations)


def _group(made: Group, by_identity: bool, durations: Sequence[frozenset[int]]) -> Group:
    """The group with what is known of what it depends on."""
    if durations and by_identity:
        return replace(made, durations_ns=frozenset().union(*durations))
    return replace(made, by_identity=by_identity)


def _rule(compiler: Compiler, level: str, source: str, node: Statement, durations: list[frozenset[int]]) -> Rule:
    """A statement compiled; one that sets a time by rule adds its durations, and counts as one by identity."""
    where = compiler.condition(node.where) if node.where is not None else None
    of_times = durations_of(node.editor) if level == "datapoint" else None
    by_identity = compiler.by_identity
    edit = compiler.editor(node.editor)
    if of_times is not None:
        compiler.by_identity = by_identity
        durations.append(of_times)
    return Rule(source, where, edit)


def any_holds(tests: Sequence[Test], context: Context, faults: Faults) -> bool:
    """Whether any condition is true; one that fails counts as false."""
    for test in tests:
        try:
            if test.holds(context):
                return True
        except OttlError as error:
            faults.handle(test.source, error)
    return False


def run_group(group: Group, request: ExportMetricsServiceRequest, faults: Faults) -> None:
    """Run the rules on every item of the group's level, in place; items that rules add are visited too.

    Raises:
        OttlError: a statement failed and the mode is propagate.
    """
    context = Context()
    for resource in request.resource_metrics:
        context.enter_resource(resource)
        if group.level == "resource":
            _run(group, context, faults)
        else:
            _run_in_resource(group, context, faults)
        context.resource_attributes.write()


def _run_in_resource(group: Group, context: Context, faults: Faults) -> None:
    for scope in context.resource.scope_metrics:
        context.enter_scope(scope)
        if group.level == "scope":
            _run(group, context, faults)
        else:
            _run_in_scope(group, context, faults)
        context.scope_attributes.write()


_MOST_FROM_ONE = 256
"""A group that makes so many metrics of each it was given copies what it copied."""


def _run_in_scope(group: Group, context: Context, faults: Faults) -> None:
    metrics = context.scope.metrics
    index, most = 0, _MOST_FROM_ONE * (len(metrics) + 1)
    while index < len(metrics):  # the list may grow: copies and extracts are visited too
        if index > most:  # the Collector would go on until it has no memory left
            raise OttlError(
                f"a group makes metrics of those it made, without end: {group.rules[0].source!r} and others"
            )
        context.enter_metric(metrics[index])
        index += 1
        if group.level == "metric":
            _run(group, context, faults)
            continue
        for point in context.points():
            context.enter_point(point)
            _run(group, context, faults)
            if context.point_attributes.changed:
                context.point_attributes.write()


def _run(group: Group, context: Context, faults: Faults) -> None:
    if group.conditions and not any_holds(group.conditions, context, faults):
        return
    for rule in group.rules:
        try:
            if rule.where is None or rule.where(context):
                rule.edit(context)
        except OttlError as error:
            faults.handle(rule.source, error)
