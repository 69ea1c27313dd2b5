"""Names of components and pipelines: `type` or `type/name`."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_TYPE = re.compile(r"[A-Za-z][0-9A-Za-z_]{0,62}")


@dataclass(frozen=True, slots=True, order=True)
class ComponentId:
    """A component's type and its name among others of the type (often empty)."""

    type: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.type}/{self.name}" if self.name else self.type

    @classmethod
    def parse(cls, text: str) -> ComponentId:
        """Read `type` or `type/name`.

        Raises:
            ValueError: it is neither.
        """
        kind, slash, name = text.partition("/")
        kind, name = kind.strip(), name.strip()
        if not text.strip():
            msg = "id must not be empty"
            raise ValueError(msg)
        if not kind:
            raise ValueError(f'in "{text}" id: the part before / should not be empty')
        if slash and not name:
            raise ValueError(f'in "{text}" id: the part after / should not be empty')
        if not _TYPE.fullmatch(kind):
            raise ValueError(f'in "{text}" id: invalid character(s) in type "{kind}"')
        if len(name) > 1024 or any(unicodedata.category(char)[0] in "ZCS" for char in name):
            raise ValueError(f'in "{text}" id: invalid character(s) in name "{name}"')
        return cls(kind, name)
