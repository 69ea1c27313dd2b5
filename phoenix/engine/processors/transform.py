"""The `transform` processor: OTTL statements over metrics."""

from __future__ import annotations

from dataclasses import dataclass, replace

from phoenix.engine.component import Settings, Step, Work
from phoenix.engine.config.section import Section
from phoenix.engine.data import Metrics
from phoenix.engine.errors import ConsumeError, Phase
from phoenix.engine.ottl.advice import condition_advice, statement_advice
from phoenix.engine.ottl.context import LEVELS
from phoenix.engine.ottl.errors import OttlError
from phoenix.engine.ottl.functions import TRANSFORM
from phoenix.engine.ottl.groups import ErrorMode, Faults, Group, compile_group, run_group
from phoenix.engine.ottl.pointwise import step_of
from phoenix.engine.processors.sync import computing

MODES = tuple(mode.value for mode in ErrorMode)
CONTEXTS = (*LEVELS, "instrumentation_scope")


@dataclass(frozen=True, slots=True)
class Config:
    """Compiled groups in order; a group without its own mode has `error_mode`."""

    error_mode: ErrorMode
    groups: tuple[Group, ...]


def parse(section: Section) -> Config:
    """Read and compile `metric_statements`: a list of statements (one group), or a list of groups."""
    mode = ErrorMode(section.choice("error_mode", MODES, "ignore"))
    groups: list[Group | None] = []
    raw = section.raw("metric_statements")
    if isinstance(raw, list) and raw and all(isinstance(item, str) for item in raw):
        groups.append(_flat(section))
    elif isinstance(raw, list) and any(isinstance(item, str) for item in raw):
        section.fault(
            "metric_statements",
            "configuring multiple configuration styles is not supported",
            "write either only statements or only groups with statements",
            Phase.DECODE,
        )
    else:
        groups = [_group(group) for group in section.sections("metric_statements")]
    section.unsupported("trace_statements", "log_statements", "profile_statements", "flatten_data")
    section.close()
    return Config(mode, tuple(group for group in groups if group is not None))


def _flat(section: Section) -> Group | None:
    texts = section.strings("metric_statements")
    return compile_group(
        texts, (), TRANSFORM, level=None,
        on_statement=lambda index, message: section.fault(
            f"metric_statements[{index}]", message, statement_advice(texts[index], message)
        ),
        on_condition=lambda _index, _message: None,
    )  # fmt: skip


def _group(section: Section) -> Group | None:
    level = section.choice("context", CONTEXTS, "") if section.has("context") else ""
    own_mode = ErrorMode(section.choice("error_mode", MODES, "ignore")) if section.has("error_mode") else None
    statements, conditions = section.strings("statements"), section.strings("conditions")
    section.close()
    if not statements:
        return None
    group = compile_group(
        statements, conditions, TRANSFORM,
        level="scope" if level == "instrumentation_scope" else level or None,
        on_statement=lambda index, message: section.fault(
            f"statements[{index}]", message, statement_advice(statements[index], message)
        ),
        on_condition=lambda index, message: section.fault(
            f"conditions[{index}]", message, condition_advice(conditions[index], message)
        ),
    )  # fmt: skip
    return group and replace(group, error_mode=own_mode)


def work(settings: Settings, config: Config) -> Work:
    """What the processor does."""
    groups = [(group, Faults(group.error_mode or config.error_mode, settings.log)) for group in config.groups]

    def run(metrics: Metrics) -> Metrics:
        request = metrics.mutable()
        try:
            for group, faults in groups:
                run_group(group, request, faults)
        except OttlError as error:
            raise ConsumeError(str(error), retryable=False) from error
        return metrics

    def step(group: Group, faults: Faults) -> Step:
        def run_one(metrics: Metrics) -> Metrics:
            try:
                run_group(group, metrics.mutable(), faults)
            except OttlError as error:
                raise ConsumeError(str(error), retryable=False) from error
            return metrics

        return Step(kinds[id(group)] or "", run_one)

    kinds = {id(group): step_of(group) for group in config.groups}
    by_identity = all(group.by_identity for group in config.groups)
    steps = tuple(step(*group) for group in groups) if all(kinds.values()) else ()
    return Work(run, by_identity=by_identity, durations_ns=_durations(config.groups), steps=steps)


def _durations(groups: tuple[Group, ...]) -> frozenset[int] | None:
    """What times are truncated to by groups that otherwise decide by identity, none of metrics (which could merge)
    before the last that sets times; None: there are no such times, or others are looked at.
    """
    if not all(group.by_identity or group.durations_ns is not None for group in groups):
        return None
    setting = [index for index, group in enumerate(groups) if group.durations_ns is not None]
    if not setting or any(group.level == "metric" for group in groups[: setting[-1]]):
        return None
    return frozenset().union(*(group.durations_ns or () for group in groups))


FACTORY = computing(("transform",), parse, work)
