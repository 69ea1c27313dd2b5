"""Experiments on variants that already run elsewhere, judged by what a Prometheus has of them."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from phoenix.apimachinery.conditions import parse_timestamp
from phoenix.apimachinery.model import ONE_FIELD, SET, Model
from phoenix.apimachinery.units import Duration
from phoenix.apimachinery.urls import fault_of_url
from phoenix.promql.errors import PromqlError
from phoenix.promql.syntax import Matcher, Selector, parse

_MAX_LAG_S = 3600.0


class ObservedSource(Model):
    """Variants that run elsewhere: nothing is started but what asks a Prometheus about them."""

    url: str = Field(max_length=2000, description="base URL of the Prometheus, http or https, without credentials")
    since: str = Field(
        default="",
        description="RFC 3339: measure from then on, which may be long ago; empty: from the start of the run",
    )
    lag: Duration = Field(
        default=Duration("10s"), description="how long after its end a window is asked for: samples are on the way"
    )
    ignore_labels: list[str] = Field(
        default_factory=list,
        description="labels of answers that tell variants apart and not data, such as instance; those of the selectors "
        "are ignored anyway",
        json_schema_extra=SET,
    )

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if fault := fault_of_url(self.url):
            raise ValueError(f"url: {fault}")
        if self.lag.seconds > _MAX_LAG_S:
            msg = "lag must be at most 1h"
            raise ValueError(msg)
        if self.since:
            try:
                parse_timestamp(self.since)
            except ValueError as error:
                msg = f"since: {self.since!r} is not an RFC 3339 time: write one such as 2026-01-31T12:00:00Z"
                raise ValueError(msg) from error
        return self


class ObservedMetering(Model):
    """What a meter asks a Prometheus about, instead of being sent data."""

    url: str = Field(description="base URL of the Prometheus")
    selectors: dict[str, str] = Field(
        default_factory=dict, description="label matchers of each variant's series", json_schema_extra=ONE_FIELD
    )
    ignore_labels: list[str] = Field(
        default_factory=list, description="labels that answers are told without", json_schema_extra=SET
    )
    lag: Duration = Field(default=Duration("10s"), description="how long after its end a window is asked for")
    measure_from: str = Field(description="RFC 3339 UTC: the first window begins")
    measure_to: str = Field(description="RFC 3339 UTC: the last window ends")


def matchers_of(selector: str) -> tuple[Matcher, ...]:
    """The matchers of a variant's selector.

    Raises:
        ValueError: it is none, or would take series of everybody.
    """
    try:
        found = parse(selector)
    except PromqlError as error:
        raise ValueError(str(error)) from error
    if (
        not isinstance(found, Selector)
        or found.name
        or found.range_ms is not None
        or found.when.at
        or found.when.offset_ms
    ):
        msg = f'want label matchers alone, such as {{job="old"}}, not {selector}'
        raise ValueError(msg)
    if all(matcher.matches({}) for matcher in found.matchers):
        msg = f"{selector} takes series without any of these labels: one matcher must not take the empty value"
        raise ValueError(msg)
    return found.matchers


def fault_of_variants(spec: Any) -> str:
    """Why the variants of an ExperimentSpec do not fit its source, in words; empty: they do."""
    observed = spec.source.observed is not None
    for index, variant in enumerate(spec.variants):
        path = f"variants[{index}]"
        if not observed:
            if variant.pipeline is None:
                return f"{path}: give pipeline: what it runs"
            if variant.selector:
                return f"{path}.selector is for source observed, where variants run elsewhere"
            continue
        if variant.pipeline is not None or not variant.selector:
            return f"{path}: with source observed give selector, which says what its series are, and no pipeline"
        try:
            matchers_of(variant.selector)
        except ValueError as error:
            return f"{path}.selector: {error}"
    if observed and spec.on_success.action == "Promote":
        return (
            "onSuccess.action Promote: there is no pipeline to promote where variants run elsewhere (source observed)"
        )
    return ""
