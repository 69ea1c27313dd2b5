"""Filling in what only the host knows: ports, endpoints, its address. Pure; the rules are in docs/contracts.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from phoenix.agent.errors import ConfigRejected

_PLACEHOLDER = re.compile(r"\$\{phoenix:(port|endpoint|address|endpointFile|host|deployment|namespace)(?::([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Values:
    """What placeholders stand for. `whose`: host, deployment and namespace, as far as the object has them."""

    ports: Mapping[str, int]
    endpoints: Mapping[str, str]
    address: str
    endpoint_file: str
    whose: Mapping[str, str] = field(default_factory=dict)


def port_names(config: Any) -> list[str]:
    """Names of the ports a configuration asks for, sorted, each once."""
    return sorted(
        {match[2] or "" for text in _strings(config) for match in _PLACEHOLDER.finditer(text) if match[1] == "port"}
    )


def has_port(text: Any) -> bool:
    """Whether a value is on a port of ours."""
    return isinstance(text, str) and any(match[1] == "port" for match in _PLACEHOLDER.finditer(text))


def has_endpoint_file(config: Any) -> bool:
    """Whether a configuration asks where the API is."""
    return any("${phoenix:endpointFile}" in text for text in _strings(config))


def fill(config: Any, values: Values, where: str = "config") -> Any:
    """A copy with every placeholder filled in; a string that is nothing but a port becomes an integer.

    Raises:
        ConfigRejected: an endpoint or a port that is not there, with the path of the string.
    """
    if isinstance(config, dict):
        return {key: fill(value, values, f"{where}.{key}") for key, value in config.items()}
    if isinstance(config, list):
        return [fill(value, values, f"{where}[{index}]") for index, value in enumerate(config)]
    if not isinstance(config, str) or "${phoenix:" not in config:
        return config
    whole = _PLACEHOLDER.fullmatch(config)
    if whole is not None and whole[1] == "port":
        return int(_value(whole, values, where))
    filled = _PLACEHOLDER.sub(lambda match: _value(match, values, where), config)
    if "${phoenix:" in filled:
        msg = (
            f"{where}: {config!r} has a placeholder that is not known: use ${{phoenix:port:NAME}}, "
            "${phoenix:endpoint:NAME}, ${phoenix:address}, ${phoenix:host}, ${phoenix:deployment}, "
            "${phoenix:namespace} or ${phoenix:endpointFile}"
        )
        raise ConfigRejected(msg)
    return filled


def _value(match: re.Match[str], values: Values, where: str) -> str:
    name = match[2] or ""
    match match[1]:
        case "address":
            return values.address
        case "endpointFile":
            return values.endpoint_file
        case "port" if name in values.ports:
            return str(values.ports[name])
        case "endpoint" if name in values.endpoints:
            return values.endpoints[name]
        case "host" | "deployment" | "namespace" as which if values.whose.get(which):
            return values.whose[which]
        case "host" | "deployment" | "namespace":
            msg = f"{where}: {match[0]} stands for nothing: the object has none (label phoenix.io/{match[1]})"
            raise ConfigRejected(msg)
        case _:
            msg = f"{where}: nothing is known under {match[0]}: set spec.endpoints.{name or 'NAME'}"
            raise ConfigRejected(msg)


def _strings(config: Any) -> Iterator[str]:
    if isinstance(config, str):
        yield config
    elif isinstance(config, Mapping):
        for value in config.values():
            yield from _strings(value)
    elif isinstance(config, list):
        for value in config:
            yield from _strings(value)
