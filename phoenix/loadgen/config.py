"""The generator's config.json, checked whole before anything starts. Shape: docs/contracts.md, *Child programs*."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from phoenix.aio.program import ConfigError, read_object
from phoenix.loadgen.schedule import Schedule
from phoenix.loadmodel.errors import LoadModelError
from phoenix.loadmodel.expected import counted
from phoenix.loadmodel.processes import ProcessPlan, read_processes
from phoenix.loadmodel.profile import read_model
from phoenix.loadmodel.seats import Count
from phoenix.loadmodel.units import LoadModel
from phoenix.otlp.fanout import Target
from phoenix.samples.reporter import ReportConfig

_HIGHEST_SCALE = 1e4


@dataclass(frozen=True, slots=True)
class Replay:
    """A recording to send in place of a model's input: `path` below `folder`."""

    folder: Path
    path: str
    speed: Fraction
    loop: bool


@dataclass(frozen=True, slots=True)
class Config:
    """A complete load."""

    model: LoadModel[Any]
    """scaled; not sent where there is a replay"""
    expected: Count
    """at the first tick"""
    replay: Replay | None
    processes: ProcessPlan | None
    """what runs in place of what is sent"""
    seed: int
    interval_ns: int
    max_duration_ns: int
    targets: tuple[Target, ...]
    start_at: int | None
    """Unix nanoseconds; None: at once"""
    end_at: int | None
    """Unix nanoseconds, exclusive; None: max_duration_ns after the first tick"""
    health_host: str
    health_port: int | None
    """None: no health address"""
    report: ReportConfig | None

    @property
    def interval_s(self) -> float:
        """Time between ticks, seconds."""
        return self.interval_ns / 1e9

    @property
    def window_ns(self) -> int:
        """Length of an accounting window: the report's, else two intervals."""
        return self.report.window_ns if self.report else 2 * self.interval_ns

    def schedule(self, now: int) -> Schedule:
        """Its ticks, where it is `now` (Unix nanoseconds)."""
        return Schedule.plan(
            now=now,
            start_at=self.start_at,
            end_at=self.end_at,
            interval_ns=self.interval_ns,
            max_duration_ns=self.max_duration_ns,
        )


def read_config(data: bytes) -> Config:
    """Check config.json.

    Raises:
        ConfigError: with every fault found.
    """
    return _Reader(read_object(data)).config()


class _Reader:
    """Reads fields and gathers faults."""

    def __init__(self, wire: Mapping[str, object]) -> None:
        self._wire = wire
        self.faults: list[str] = []

    def config(self) -> Config:
        interval_ns = round(self._number("intervalSeconds", 1.0, 0.001) * 1e9)
        scale = self._number("scale", 1.0, 1e-6, _HIGHEST_SCALE)
        model, expected = self._model(scale)
        start_at, end_at = self._instant("startAtUnixNano"), self._instant("endAtUnixNano")
        if start_at is not None and end_at is not None and end_at <= start_at:
            self.faults.append("endAtUnixNano: must be after startAtUnixNano")
        host, port = self._address()
        config = Config(
            model=model,
            expected=expected,
            replay=self._replay(),
            processes=self._processes(scale, interval_ns),
            seed=self._whole("seed", 1),
            interval_ns=interval_ns,
            max_duration_ns=round(self._number("maxDurationSeconds", 3600.0, 0.001) * 1e9),
            targets=self._targets(),
            start_at=start_at,
            end_at=end_at,
            health_host=host,
            health_port=port,
            report=self._report(),
        )
        self._check_rate(config, scale)
        if self.faults:
            raise ConfigError(self.faults)
        return config

    def _number(self, key: str, default: float, least: float, most: float = math.inf) -> float:
        value = self._wire.get(key)
        if value is None:
            return default
        if isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most:
            return float(value)
        self.faults.append(
            f"{key}: want a number from {least:g}" + f" to {most:g}" * (most < math.inf) + f", have {value!r}"
        )
        return default

    def _whole(self, key: str, default: int) -> int:
        value = self._wire.get(key)
        if value is None:
            return default
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        self.faults.append(f"{key}: want a whole number from 0, have {value!r}")
        return default

    def _instant(self, key: str) -> int | None:
        return None if self._wire.get(key) is None else self._whole(key, 0)

    def _model(self, scale: float) -> tuple[LoadModel[Any], Count]:
        try:
            model = read_model(self._wire.get("otlp", {}), scale=scale)
            return model, counted(model)
        except LoadModelError as error:
            self.faults += error.faults
            model = read_model({})
            return model, counted(model)

    def _processes(self, scale: float, interval_ns: int) -> ProcessPlan | None:
        wire = self._wire.get("processes")
        if wire is None:
            return None
        try:
            return read_processes(wire, scale=scale, seed=self._whole("seed", 1), interval_ns=interval_ns)
        except LoadModelError as error:
            self.faults += error.faults
            return None

    def _replay(self) -> Replay | None:
        wire = self._wire.get("replay")
        if wire is None:
            return None
        given = wire if isinstance(wire, dict) else {}
        folder, path, speed, loop = (given.get(key) for key in ("folder", "path", "speed", "loop"))
        if not isinstance(folder, str) or not folder or not isinstance(path, str) or not path:
            self.faults.append(f"replay: want a folder and a path in it, have {wire!r}")
        elif not isinstance(speed, (int, float)) or isinstance(speed, bool) or not 0.001 <= speed <= 1000:
            self.faults.append(f"replay.speed: want a number from 0.001 to 1000, have {speed!r}")
        elif not isinstance(loop, bool):
            self.faults.append(f"replay.loop: want true or false, have {loop!r}")
        else:
            return Replay(Path(folder), path, Fraction(speed).limit_denominator(1_000_000), loop)
        return None

    def _targets(self) -> tuple[Target, ...]:
        wire = self._wire.get("targets", [])
        if not isinstance(wire, list):
            self.faults.append(f"targets: want a list, have {type(wire).__name__}")
            return ()
        targets: list[Target] = []
        for place, one in enumerate(wire):
            name, endpoint = (one.get("name"), one.get("endpoint")) if isinstance(one, dict) else (None, None)
            if not isinstance(name, str) or not name or name in {target.name for target in targets}:
                self.faults.append(f"targets[{place}].name: want a name of its own, have {name!r}")
            elif not isinstance(endpoint, str) or not _is_http(endpoint):
                self.faults.append(f"targets[{place}].endpoint: want http://HOST:PORT, have {endpoint!r}")
            else:
                targets.append(Target(name, endpoint))
        return tuple(targets)

    def _address(self) -> tuple[str, int | None]:
        value = self._wire.get("healthAddress")
        if value is None:
            return "", None
        host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
        if host and port.isdecimal() and int(port) < 65536:
            return host.strip("[]"), int(port)
        self.faults.append(f"healthAddress: want HOST:PORT, have {value!r}")
        return "", None

    def _report(self) -> ReportConfig | None:
        wire = self._wire.get("report")
        if wire is None:
            return None
        try:
            return ReportConfig.from_json(wire)
        except ValueError as error:
            self.faults += str(error).split("; ")
            return None

    def _check_rate(self, config: Config, scale: float) -> None:
        """A stream has one point a tick, so a rate is reached by more streams or shorter ticks, never by repeats."""
        if self._wire.get("rate") is None or self.faults:
            return
        rate = self._number("rate", 0.0, 1e-9)
        points = config.expected.streams
        if not rate or points / config.interval_s >= rate:
            return
        ways = ["leave rate out"]
        if (interval_ms := math.floor(points / rate * 1000)) >= 1:
            ways.insert(0, f"set the interval to {interval_ms} ms")
        if (enough := _sufficient_scale(self._wire.get("otlp", {}), scale, rate * config.interval_s)) is not None:
            ways.insert(0, f"set scale to {enough:g}")
        self.faults.append(
            f"rate: {rate:g} points/s asked for, but {points} streams every {config.interval_s:g} s are "
            f"{points / config.interval_s:.0f}: {' or '.join(ways)}"
        )


def _is_http(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _sufficient_scale(otlp: object, scale: float, points: float) -> float | None:
    """A scale that has as many points a tick, nearly the least; None: no generator holds as much."""
    try:
        have = counted(read_model(otlp, scale=scale)).streams
        while have < points:
            # Not all services are alike (some have raw routes), so the even share may fall a little short.
            scale = math.ceil(scale * max(points / have, 1.001) * 1000) / 1000
            have = counted(read_model(otlp, scale=scale)).streams
    except LoadModelError:
        return None
    return scale
