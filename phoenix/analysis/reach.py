"""How far back the answers of the first measured window read: there, what was lost in the warm-up is still seen."""

from __future__ import annotations

from phoenix.analysis.model import AnalysisInput
from phoenix.analysis.queries import queries_of
from phoenix.api.analysis import Analysis
from phoenix.otlp.errors import QueryError
from phoenix.otlp.signalquery import parse_signal
from phoenix.promql.evaluate import reach_ms
from phoenix.promql.syntax import parse, selectors

_MS = 1_000_000


def read_from(inputs: AnalysisInput) -> int:
    """Time of the oldest point that a measured figure rests on, Unix nanoseconds: at most when measuring begins."""
    return inputs.measure_from + inputs.window_ns - reach_ns(inputs.analysis, inputs.window_ns)


def reach_ns(analysis: Analysis, window_ns: int) -> int:
    """How far before its window's end the furthest query reads, nanoseconds; at least the window itself.

    A query over what a recording rule records reads as far as both together. Every query must be one that can be read,
    as admission sees to; files' queries that cannot are passed over, for nobody answers them.
    """
    found = [window_ns, *(_signal_ns(signal.query, window_ns) for signal in analysis.signals)]
    recorded: dict[str, int] = {}
    for query in queries_of(analysis, window_ns / 2e9):
        if query.fault:
            continue
        names = {part.name for part in selectors(parse(query.query))}
        reach = _promql_ns(query.query, window_ns) + max((recorded.get(name, 0) for name in names), default=0)
        if query.record:
            recorded[query.record] = max(reach, recorded.get(query.record, 0))
        found.append(reach)
    return max(found)


def _signal_ns(query: str, window_ns: int) -> int:
    try:
        rate_s = parse_signal(query).rate_s
    except QueryError:
        return _promql_ns(query, window_ns)
    return round(rate_s * 1e9) if rate_s else window_ns


def _promql_ns(query: str, window_ns: int) -> int:
    # NB: the meter asks a millisecond before the window's end (`phoenix.meter.queries`), with a lookback of the window.
    return (reach_ms(parse(query), window_ns // _MS - 1) + 1) * _MS
