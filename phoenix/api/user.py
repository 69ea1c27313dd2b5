"""User: somebody who may sign in with a token. What he may do is said by roles and bindings."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from phoenix.apimachinery.conditions import parse_timestamp
from phoenix.apimachinery.meta import KindInfo, PrinterColumn, Resource
from phoenix.apimachinery.model import SET, Model


class UserSpec(Model):
    """Who somebody is."""

    groups: list[str] = Field(
        default_factory=list,
        description="groups bindings may name; groups beginning with system: cannot be given here",
        json_schema_extra=SET,
    )
    disabled: bool = Field(default=False, description="true: none of his tokens is taken")
    expires_at: str | None = Field(
        default=None, description="RFC 3339 UTC from which none of his tokens is taken; absent: never"
    )
    comment: str = Field(default="", description="for people: whose account this is")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for group in self.groups:
            if not group or group.startswith("system:"):
                msg = f"groups: {group!r} cannot be given: names beginning with system: are the server's own"
                raise ValueError(msg)
        if self.expires_at is not None:
            try:
                parse_timestamp(self.expires_at)
            except ValueError:
                msg = f"expiresAt {self.expires_at!r} is not RFC 3339, such as 2030-01-31T00:00:00Z"
                raise ValueError(msg) from None
        return self


class User(Resource):
    """Somebody who may sign in with a token. Tokens are made by the `token` subresource and shown once."""

    info: ClassVar[KindInfo] = KindInfo(
        kind="User",
        plural="users",
        namespaced=False,
        columns=(
            PrinterColumn("Comment", ".spec.comment"),
            PrinterColumn("Disabled", ".spec.disabled", "boolean"),
            PrinterColumn("Expires", ".spec.expiresAt"),
            PrinterColumn("Age", ".metadata.creationTimestamp", "date"),
        ),
        has_status=False,
        description="Somebody who may sign in with a token.",
    )
    spec: UserSpec = Field(default_factory=UserSpec, description="who he is")

    @model_validator(mode="after")
    def _own_name(self) -> Self:
        if self.metadata.name.startswith("system:"):
            msg = "metadata.name: names beginning with system: are the server's own"
            raise ValueError(msg)
        return self
