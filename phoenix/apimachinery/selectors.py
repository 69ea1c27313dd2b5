"""Label and field selectors: parse once, match many."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, Field

from phoenix.apimachinery.errors import BadRequest
from phoenix.apimachinery.model import ONE_FIELD, Model

_SET_TERM = re.compile(r"^\s*(\S+)\s+(in|notin)\s*\(([^)]*)\)\s*$")
_VALUE = re.compile(r"^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$")
_INTEGER = re.compile(r"^[+-]?[0-9]{1,18}$")
_KEY = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term: `op` is `in`, `notin`, `exists`, `absent`, or `gt`, `lt` of one integer."""

    key: str
    op: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels satisfy the term; `notin` also matches objects without the key, as upstream."""
        value = labels.get(self.key)
        match self.op:
            case "in":
                return value is not None and value in self.values
            case "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "gt" | "lt":
                if value is None or not _INTEGER.match(value):
                    return False
                (bound,) = self.values
                return int(value) > int(bound) if self.op == "gt" else int(value) < int(bound)
            case _:
                return value is None


class LabelSelector(Model):
    """Kubernetes' label selector; an empty one matches everything."""

    model_config = ConfigDict(json_schema_extra=ONE_FIELD)

    match_labels: dict[str, str] = Field(default_factory=dict, description="each label must have this value")

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether every wanted label is there with its value."""
        return all(labels.get(key) == value for key, value in self.match_labels.items())


def _split_terms(text: str) -> list[str]:
    return [term.strip() for term in re.split(r",(?![^(]*\))", text) if term.strip()]


def parse_label_selector(text: str) -> tuple[Requirement, ...]:
    """Parse `a=b,c!=d,e in (f,g),h,!i,j>1,k<2`.

    Raises:
        BadRequest: a term is none of these forms, or the text ends in a comma.
    """
    if text.rstrip().endswith(","):
        raise BadRequest("found '', expected: identifier after ','")
    return tuple(_parse_term(term) for term in _split_terms(text))


def _parse_term(term: str) -> Requirement:
    if found := _SET_TERM.match(term):
        values = frozenset(value.strip() for value in found[3].split(","))
        return _checked(Requirement(found[1], found[2], values), term)
    for sign, op in (("!=", "notin"), ("==", "in"), ("=", "in"), (">", "gt"), ("<", "lt")):
        if sign in term:
            key, value = term.split(sign, 1)
            return _checked(Requirement(key.strip(), op, frozenset({value.strip()})), term)
    if term.startswith("!"):
        return _checked(Requirement(term[1:].strip(), "absent"), term)
    return _checked(Requirement(term, "exists"), term)


def _checked(requirement: Requirement, term: str) -> Requirement:
    if not _KEY.match(requirement.key):
        forms = "key=value, key!=value, key in (a,b), key, !key, key>1 or key<1"
        msg = f"unable to parse requirement: {term!r} is not {forms}"
        raise BadRequest(msg)
    for value in requirement.values:
        if requirement.op in ("gt", "lt") and not _INTEGER.match(value):
            msg = f"unable to parse requirement: values[0]: Invalid value: {_quoted(value)}: {_BOUND}"
            raise BadRequest(msg)
        if not _VALUE.match(value):
            msg = f"unable to parse requirement: {term!r}: {_quoted(value)} is no label value"
            raise BadRequest(msg)
    return requirement


_BOUND = "for 'Gt', 'Lt' operators, the value must be an integer"


def _quoted(text: str) -> str:
    return f'"{text}"'


def parse_field_selector(text: str) -> tuple[tuple[str, bool, str], ...]:
    """Parse `metadata.name=x,status.phase!=y` into (path, equal?, value); empty terms are ignored.

    Raises:
        BadRequest: a term is not an (in)equality.
    """
    terms: list[tuple[str, bool, str]] = []
    for term in _split_terms(text):
        for sign, equal in (("!=", False), ("==", True), ("=", True)):
            if sign in term:
                path, value = term.split(sign, 1)
                if "=" in value:
                    msg = f"invalid field selector {term!r}: unescaped character in value: ="
                    raise BadRequest(msg)
                terms.append((path.strip(), equal, value.strip()))
                break
        else:
            msg = f"invalid field selector {term!r}: write path=value or path!=value"
            raise BadRequest(msg)
    return tuple(terms)


def field_value(wire: Mapping[str, Any], path: str) -> str:
    """The text a field selector compares: the value at a dotted path, `""` where absent."""
    value: Any = wire
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return "" if value is None else str(value)
