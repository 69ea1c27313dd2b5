"""The base of everything that crosses the wire: camelCase JSON, snake_case Python, absent rather than null."""

from __future__ import annotations

from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

from phoenix.apimachinery.stored import reader

ONE_FIELD: Final[JsonDict] = {"x-kubernetes-map-type": "atomic"}
"""For `json_schema_extra` of an object: it has one owner and is replaced whole."""

SET: Final[JsonDict] = {"x-kubernetes-list-type": "set"}
"""For `json_schema_extra` of a list: each plain value once, each with an owner. A list without a mark is one field."""


def map_by(*keys: str) -> JsonDict:
    """For `json_schema_extra` of a list: its items are told apart by these fields, merged and owned one by one."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [*keys]}


class Model(BaseModel):
    """A wire value. Unknown fields are dropped here; the schema walker (`phoenix.api.schema`) is what reports them."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", validate_default=True, use_enum_values=False
    )

    def to_wire(self) -> dict[str, Any]:
        """JSON-ready dict with camelCase keys; fields that are None are absent."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @classmethod
    def from_wire(cls, wire: Any) -> Self:
        """Validate a JSON value. Raises pydantic.ValidationError."""
        return cls.model_validate(wire)

    @classmethod
    def from_stored(cls, wire: Any) -> Self:
        """Read what a server keeps: what was right when it was stored stays readable when bounds get tighter.

        Raises pydantic.ValidationError where types, names or enums do not fit.
        """
        try:
            return cls.model_validate(wire)
        except ValidationError:
            found: Self = reader(cls).validate_python(wire)
            return found
