"""200 PromQL queries and the series they are asked of, made from a seed: one set for goldens and for real Prometheus.

The series are two variants' worth of an HTTP service's metrics over ten minutes, every 10 s: counters with resets and
gaps, gauges that go up and down, classic histograms. The candidate has lost a label. Deterministic.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

Series = tuple[dict[str, str], list[int], list[float]]
START_MS = 1_700_000_000_000
STEP_MS, POINTS = 10_000, 60
AT_MS = START_MS + 595_000 - 3
QUERIES = 200
_BOUNDS = ("0.1", "0.5", "1", "2.5", "+Inf")


def series(seed: int = 7) -> list[Series]:
    """Every series of both variants."""
    source = random.Random(seed)
    found: list[Series] = []
    for variant in ("baseline", "candidate"):
        for service in ("cart", "checkout", "search"):
            for instance in ("i-0", "i-1") if variant == "baseline" else ("",):
                common = {"variant": variant, "service": service}
                common |= {"instance": instance} if instance else {}
                codes = ("200", "404", "500")
                found += [_counter(source, common | {"__name__": "requests_total", "code": code}) for code in codes]
                found.append(_gauge(source, common | {"__name__": "memory_bytes"}, 1e8))
                found.append(_gauge(source, common | {"__name__": "queue_length"}, 20))
                found += _histogram(source, common | {"__name__": "latency_seconds_bucket"})
    for service in ("cart", "checkout"):
        found.append(_gauge(source, {"__name__": "quota", "service": service, "team": f"team-{service[0]}"}, 50))
    return found


def _times(source: random.Random) -> list[int]:
    lost = source.randrange(5, 50)
    gap = range(lost, lost + source.choice((0, 0, 0, 3, 12)))
    return [START_MS + index * STEP_MS for index in range(source.choice((0, 0, 0, 20)), POINTS) if index not in gap]


def _counter(source: random.Random, labels: dict[str, str]) -> Series:
    times, value, values = _times(source), 0.0, []
    for _ in times:
        value = 0.0 if source.random() < 0.03 else value
        value += source.choice((0, 1, 2, 5, 40))
        values.append(value)
    return labels, times, values


def _gauge(source: random.Random, labels: dict[str, str], scale: float) -> Series:
    times = _times(source)
    return labels, times, [round(scale * source.uniform(0.1, 1.0), 3) for _ in times]


def _histogram(source: random.Random, labels: dict[str, str]) -> Iterator[Series]:
    times = _times(source)
    counts = [0.0] * len(_BOUNDS)
    rows: list[list[float]] = []
    for _ in times:
        rise = 0.0
        for at in range(len(_BOUNDS)):
            rise += source.choice((0, 1, 3))
            counts[at] += rise
        rows.append(list(counts))
    for at, bound in enumerate(_BOUNDS):
        yield labels | {"le": bound}, times, [row[at] for row in rows]


_GROUPS = ("", " by (service)", " by (variant, code)", " without (instance)", " by (service, nosuch)", " by (variant)")
_OVER = (
    "avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "count_over_time", "last_over_time",
    "stddev_over_time", "stdvar_over_time", "present_over_time",
)  # fmt: skip


def _selector(source: random.Random, name: str) -> str:
    matchers = {
        "variant": ('variant="baseline"', 'variant="candidate"', 'variant=~".+"'),
        "service": ('service=~"c.*"', 'service!="search"', 'service!~"s.*|x"', 'service="checkout"'),
        "instance": ('instance=""', 'instance!=""', 'instance=~"i-.|"'),
        "code": ('code=~"2..|4.."', 'code!="500"'),
    }
    chosen = [source.choice(matchers[key]) for key in source.sample(sorted(matchers), source.choice((0, 1, 1, 2)))]
    return f"{name}{{{','.join(chosen)}}}" if chosen else name


def _range(source: random.Random, name: str) -> str:
    offset = source.choice(("", "", "", " offset 1m", " offset 95s"))
    return f"{_selector(source, name)}[{source.choice(('30s', '1m', '2m', '5m', '9m'))}]{offset}"


def _counter_rate(source: random.Random) -> str:
    function = source.choice(("rate", "rate", "increase", "irate", "resets", "changes"))
    return f"{function}({_range(source, 'requests_total')})"


def _gauge_value(source: random.Random) -> str:
    name = source.choice(("memory_bytes", "queue_length"))
    if source.random() < 0.4:
        return _selector(source, name) + source.choice(("", " offset 1m"))
    function = source.choice((*_OVER, "delta", "idelta", "deriv", "quantile_over_time", "predict_linear"))
    inner = _range(source, name)
    if function == "quantile_over_time":
        return f"{function}({source.choice((0, 0.5, 0.9, 1))}, {inner})"
    return f"{function}({inner}, 60)" if function == "predict_linear" else f"{function}({inner})"


def _vector(source: random.Random) -> str:
    return _counter_rate(source) if source.random() < 0.5 else _gauge_value(source)


def _aggregate(source: random.Random) -> str:
    operator = source.choice(
        ("sum", "sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "topk", "bottomk", "quantile")
    )
    param = {"topk": "2, ", "bottomk": "1, ", "quantile": f"{source.choice((0.25, 0.5, 0.99))}, "}.get(operator, "")
    inner = _gauge_value(source) if operator in ("topk", "bottomk") else _vector(source)
    return f"{operator}{source.choice(_GROUPS)} ({param}{inner})"


def _math(source: random.Random) -> str:
    inner = _vector(source)
    return source.choice(
        (
            f"abs({inner})", f"ceil({inner})", f"floor({inner})", f"round({inner}, 0.5)", f"sqrt({inner})",
            f"ln({inner} + 1)", f"log2({inner} + 1)", f"log10({inner} + 1)", f"sgn({inner})", f"-({inner})",
            f"clamp({inner}, 1, 10)", f"clamp_min({inner}, 3)", f"clamp_max({inner}, 3)", f"exp({inner} / 1e9)",
            f"timestamp({_selector(source, 'queue_length')})", f"sort({inner})",
        )
    )  # fmt: skip


def _binary(source: random.Random) -> str:
    operator = source.choice(("+", "-", "*", "/", "%", "^", ">", "<", ">=", "<=", "==", "!=", "> bool", "<= bool"))
    kind = source.randrange(5)
    if kind == 0:
        return f"({_vector(source)}) {operator} {source.choice((0, 1, 2.5, 100))}"
    if kind == 1:
        left, right = (f"sum by (service) ({_vector(source)})" for _ in range(2))
        return f"{left} {operator} {right}"
    if kind == 2:
        left = f"sum by (service, variant) ({_vector(source)})"
        return f"{left} {operator} on (service) group_left (team) quota"
    if kind == 3:
        set_ = source.choice(("and", "or", "unless"))
        return f"sum by (service, code) ({_counter_rate(source)}) {set_} on (service) sum by (service) (quota > 20)"
    return f"2 {operator} {_gauge_value(source)}"


def _histogram_quantile(source: random.Random) -> str:
    by = source.choice(("le", "le, service", "le, variant", "service, le, variant"))
    span = source.choice(("1m", "5m"))
    inner = f"sum by ({by}) (rate({_selector(source, 'latency_seconds_bucket')}[{span}]))"
    return f"histogram_quantile({source.choice((0, 0.5, 0.9, 0.99, 1))}, {inner})"


def _other(source: random.Random) -> str:
    selector = _selector(source, source.choice(("queue_length", "nothing_here")))
    return source.choice(
        (
            f"absent({selector})", f"absent_over_time({selector}[1m])", f"scalar(sum({_vector(source)}))",
            f'label_replace({_selector(source, "queue_length")}, "short", "${{1}}-x", "service", "(.).*")',
            f'label_join({_selector(source, "queue_length")}, "both", "/", "variant", "service")',
            f'count_values("value", count by (service, variant) ({_selector(source, "requests_total")}))',
            f"max_over_time(rate({_selector(source, 'requests_total')}[1m])[4m:30s])",
            f"sum_over_time(({_selector(source, 'queue_length')} > 5)[3m:20s])",
            f"vector(1) + time() - time() + {source.randrange(9)}",
            f"{_selector(source, 'queue_length')} @ {(START_MS + 300_000) / 1000}",
            f'{{__name__=~"mem.*|queue.*",{source.choice(("service", "variant"))}=~"c.*"}}',
        )
    )  # fmt: skip


def queries(seed: int = 11, count: int = QUERIES) -> list[str]:
    """Different queries over `series`."""
    source = random.Random(seed)
    makers = (_aggregate, _aggregate, _aggregate, _binary, _binary, _math, _histogram_quantile, _vector, _other)
    found: dict[str, None] = {}
    while len(found) < count:
        found.setdefault(source.choice(makers)(source))
    return list(found)
