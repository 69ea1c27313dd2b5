"""From what a request shows to who is asking: a bearer token first, else the client certificate of its connection."""

from __future__ import annotations

import hmac
import math
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from phoenix.api.user import User
from phoenix.apimachinery.conditions import parse_timestamp
from phoenix.apimachinery.errors import Unauthorized
from phoenix.apimachinery.meta import GROUP
from phoenix.apiserver.access import tokens
from phoenix.apiserver.access.identity import (
    ADMIN,
    AUTHENTICATED,
    HOST_PREFIX,
    HOSTS,
    MASTERS,
    PROCESS_PREFIX,
    PROCESSES,
    Identity,
    named,
)
from phoenix.apiserver.access.rules import Rule
from phoenix.apiserver.target import PROCESS_KINDS, Target
from phoenix.store.interface import Store

_BY_PLURAL = {kind.info.plural: kind for kind in PROCESS_KINDS}
_SCHEME = "bearer"


class Authenticator:
    """Knows tokens and certificates. `load` again when a User or a kept token changed.

    Args:
        admin_token: the state folder's token, in the clear as its file has it.
        key: signs and checks child programs' tokens.
        now: Unix seconds.
    """

    def __init__(self, store: Store, *, admin_token: str, key: bytes, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._admin = tokens.digest(admin_token)
        self.key = key
        self.now = now
        self._kept: dict[bytes, tokens.KeptToken] = {}
        self._users: dict[str, tuple[str, dict[str, Any]]] = {}

    def load(self) -> None:
        """Read users and kept tokens anew."""
        self._kept = {bytes.fromhex(token.sha256): token for token in tokens.kept_tokens(self._store)}
        self._users = {}
        for record in self._store.list(Target(User).prefix):
            wire = orjson.loads(record.value)
            self._users[wire["metadata"]["name"]] = (wire["metadata"]["uid"], wire.get("spec") or {})

    def user(self, name: str) -> Identity | None:
        """A User by name, as he would be with a good token; None where there is none, or he is turned off."""
        found = self._users.get(name)
        if found is None or found[1].get("disabled"):
            return None
        expires_at = found[1].get("expiresAt")
        ends = parse_timestamp(expires_at).timestamp() if expires_at else math.inf
        return None if ends <= self.now() else self._identity(name, *found, ends)

    @staticmethod
    def _identity(name: str, uid: str, spec: Mapping[str, Any], ends: float) -> Identity:
        return Identity(name, (*spec.get("groups", ()), AUTHENTICATED), uid=uid, expires_at=ends)

    def by_token(self, token: str) -> Identity:
        """Who holds a token. Raises Unauthorized."""
        if tokens.is_signed(token):
            claims = tokens.read_signed(token, self.key)
            found = self.process(claims) if claims is not None else None
        else:
            found = self._by_digest(tokens.digest(token))
        if found is None:
            raise unauthorized("this token is not known here, was revoked, or its user is disabled or gone")
        if found.expires_at <= self.now():
            raise unauthorized("this token has expired")
        return found

    def _by_digest(self, digest: bytes) -> Identity | None:
        if hmac.compare_digest(digest, self._admin):
            return Identity(ADMIN, (MASTERS, AUTHENTICATED), credential="token:admin")
        # NB: looking up a hash of what was sent tells nothing by how long it takes: its sender cannot choose the hash.
        kept = self._kept.get(digest)
        if kept is None:
            return None
        ends = math.inf if kept.expires_at is None else kept.expires_at
        if kept.host:
            return host_identity(kept.host, credential=f"token:{kept.id}", expires_at=ends)
        user = self.user(kept.user)
        if user is None or user.uid != kept.uid:
            return None
        return Identity(
            user.name, user.groups, uid=user.uid, credential=f"token:{kept.id}", expires_at=min(ends, user.expires_at)
        )

    def process(self, claims: tokens.Claims) -> Identity | None:
        """The child program a signed token was made for; None once its object is gone."""
        kind = _BY_PLURAL.get(claims.kind)
        record = self._store.get(Target(kind, claims.namespace, claims.name).key) if kind is not None else None
        if record is None:
            return None
        wire = orjson.loads(record.value)
        if wire["metadata"].get("uid") != claims.uid:
            return None
        return process_identity(claims, (wire.get("spec") or {}).get("measurement"))

    def by_certificate(self, certificate: Mapping[str, Any]) -> Identity | None:
        """Who a checked certificate names: the common name, and organizations as groups.

        None: it names nobody, or a User who is turned off.
        """
        names: dict[str, list[str]] = {}
        for part in certificate.get("subject", ()):
            for key, value in part:
                names.setdefault(key, []).append(value)
        if not names.get("commonName"):
            return None
        name = names["commonName"][0]
        groups = tuple(names.get("organizationName", ()))
        credential = f"certificate:{certificate.get('serialNumber', '')}"
        ends = float(ssl.cert_time_to_seconds(certificate["notAfter"])) if "notAfter" in certificate else math.inf
        if name in self._users:
            user = self.user(name)
            if user is None:
                return None
            ends = min(ends, user.expires_at)
        return named(name, groups, credential=credential, expires_at=ends)


def host_identity(host: str, *, credential: str = "", expires_at: float = math.inf) -> Identity:
    """The agent of a host."""
    return named(HOST_PREFIX + host, (HOSTS,), credential=credential, expires_at=expires_at)


def process_identity(claims: tokens.Claims, measurement: Mapping[str, Any] | None) -> Identity:
    """A child program: it may report samples of the run it measures for, and nothing else."""
    name = f"{PROCESS_PREFIX}{claims.kind}:{claims.namespace}:{claims.name}"
    grants: tuple[tuple[str, Rule], ...] = ()
    if measurement:
        rule = Rule(
            frozenset(("create",)),
            frozenset((GROUP,)),
            frozenset(("experiments/samples",)),
            frozenset((str(measurement.get("experiment")),)),
        )
        grants = ((claims.namespace, rule),)
    return Identity(
        name,
        (PROCESSES, AUTHENTICATED),
        uid=claims.uid,
        credential="token:signed",
        expires_at=claims.expires_at,
        bound=True,
        run=(measurement or {}).get("run"),
        grants=grants,
    )


def bearer_token(authorization: str) -> str:
    """The token of an Authorization header. Raises Unauthorized: another scheme."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != _SCHEME or not token.strip():
        raise unauthorized("the Authorization header must be 'Bearer TOKEN'")
    return token.strip()


def unauthorized(what: str) -> Unauthorized:
    """The answer to somebody unknown."""
    return Unauthorized(f"Unauthorized: {what}")
