"""Tokens: random ones kept as their SHA-256, and signed ones that name an object and need no keeping.

A kept token is 256 random bits, so its plain SHA-256 gives nothing away. It belongs to a User (by uid: a new user of
the same name has none of them) or to a host's agent. A signed token is a child program's: it is good while its object
is there, says what HMAC-SHA256 with the state folder's `token.key` signed, and is made again as often as wanted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from phoenix.store.interface import KeyNotFound, Record, RevisionConflict, Store

PREFIX = "/access/tokens/"
_RANDOM_BYTES = 32
_ID_BYTES = 5
_SIGNED = "phs1"


@dataclass(frozen=True, slots=True)
class KeptToken:
    """A token that was given out, without its secret. Times are Unix seconds; `expires_at` None: never.

    Either `user` with the `uid` of his User object, or `host`.
    """

    id: str
    sha256: str
    created_at: float
    expires_at: float | None
    user: str = ""
    uid: str = ""
    host: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a signed token says: the object (its kind's plural, namespace, name, uid) and until when."""

    kind: str
    namespace: str
    name: str
    uid: str
    expires_at: float


def new_id() -> str:
    """An id for a token, which may be shown."""
    return secrets.token_hex(_ID_BYTES)


def new_secret() -> str:
    """A token: 256 random bits."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def digest(token: str) -> bytes:
    """What is kept of a token, and what it is looked up by."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


async def keep(store: Store, token: KeptToken) -> None:
    """Write a token's record."""
    value = orjson.dumps(token)
    await store.create(PREFIX + token.id, lambda _revision: value)


def kept_tokens(store: Store) -> Iterator[KeptToken]:
    """Every token given out and not removed."""
    for record in store.list(PREFIX):
        yield _read(record)


async def remove(store: Store, token_id: str) -> bool:
    """Forget a token; whether it was there."""
    record = store.get(PREFIX + token_id)
    if record is None:
        return False
    value = record.value
    try:
        await store.delete(record.key, lambda _revision: value, expected_revision=record.revision)
    except (KeyNotFound, RevisionConflict):
        return False
    return True


def _read(record: Record) -> KeptToken:
    wire: dict[str, Any] = orjson.loads(record.value)
    return KeptToken(**wire)


def sign(claims: Claims, key: bytes) -> str:
    """A token that says this."""
    payload = _encode(orjson.dumps(claims))
    return f"{_SIGNED}.{payload}.{_encode(_signature(payload, key))}"


def is_signed(token: str) -> bool:
    """Whether a token looks like one of `sign`."""
    return token.startswith(_SIGNED + ".")


def read_signed(token: str, key: bytes) -> Claims | None:
    """What a token says, None where it was not signed with this key. Whether it expired is not looked at."""
    parts = token.split(".")
    if len(parts) != 3 or parts[0] != _SIGNED:
        return None
    try:
        if not hmac.compare_digest(_decode(parts[2]), _signature(parts[1], key)):
            return None
        return Claims(**orjson.loads(_decode(parts[1])))
    except (binascii.Error, ValueError, TypeError):
        return None


def _signature(payload: str, key: bytes) -> bytes:
    return hmac.digest(key, payload.encode("utf-8", "surrogateescape"), "sha256")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
