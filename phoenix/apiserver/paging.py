"""Continue tokens: where the next page begins, and of which revision it is."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

from phoenix.apimachinery.errors import BadRequest, Expired

CURRENT = -1
"""In a token, instead of a revision: whatever is there when it is used (as upstream)."""


def write_token(revision: int, key: str) -> str:
    """A token for the objects after `key`, as of a revision."""
    return base64.urlsafe_b64encode(orjson.dumps([revision, key])).decode()


def read_token(token: str) -> tuple[int, str]:
    """Revision (or CURRENT) and key of a token. Raises BadRequest: it is none of ours."""
    try:
        revision, key = orjson.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError, TypeError):
        revision, key = None, None
    if not isinstance(revision, int) or revision < CURRENT or not isinstance(key, str) or not key:
        raise BadRequest("continue key is not valid: use the one of the last page, unchanged")
    return revision, key


class ContinueExpired(Expired):
    """The revision of a token is no longer kept. `token` goes on after the same key with the present objects."""

    def __init__(self, token: str) -> None:
        super().__init__(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list "
            "without the continue parameter, or use the continue token in this response to retrieve the remainder of "
            "the results. Continuing with the provided token results in an inconsistent list - objects that were "
            "created, modified, or deleted between the time the first chunk was returned and now may show up in the "
            "list."
        )
        self.token = token

    def to_status(self) -> dict[str, Any]:
        """The error with the new token, where clients look for it."""
        return super().to_status() | {"metadata": {"continue": self.token}}
