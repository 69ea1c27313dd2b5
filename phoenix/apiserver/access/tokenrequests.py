"""The `token` subresource: tokens made for users, hosts and processes, shown once in the answer.

POST   users/NAME/token, hosts/NAME/token               {"spec": {"expirationSeconds": N, "comment": "…"}}
GET    the same                                          what was given out, without the tokens
DELETE the same ?id=ID                                   revoke one, or without id all
POST   namespaces/NS/{collectors|loadgenerators|meters}/NAME/token     for the agent of its host, for its program
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from phoenix.api.host import Host
from phoenix.api.metadata import name_problem
from phoenix.api.user import User
from phoenix.apimachinery.conditions import timestamp
from phoenix.apimachinery.errors import BadRequest, Cause, Conflict, Forbidden, Invalid, MethodNotAllowed, NotFound
from phoenix.apimachinery.meta import API_VERSION
from phoenix.apiserver.access import tokens
from phoenix.apiserver.access.authenticate import host_identity
from phoenix.apiserver.access.caller import ENTRY, Caller
from phoenix.apiserver.access.gate import Access
from phoenix.apiserver.codec import decode_object
from phoenix.apiserver.options import read_query
from phoenix.apiserver.registry import Registry
from phoenix.apiserver.responses import object_response
from phoenix.apiserver.target import PROCESS_KINDS, Target
from phoenix.store.interface import Store

_PROCESS_LIFE_S = 24 * 3600
_SHORTEST_S = 60
_LONGEST_S = 10 * 366 * 24 * 3600
_MOST_TOKENS = 64  # of one user or host
Wire = dict[str, Any]


class TokenEndpoint:
    """Makes, lists and revokes."""

    def __init__(self, store: Store, registry: Registry, access: Access) -> None:
        self._store = store
        self._registry = registry
        self._access = access

    async def create(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """Make a token. Raises NotFound, Forbidden, BadRequest, Invalid."""
        body = await request.read()
        spec = _spec(decode_object(body) if body else {})
        seconds = _expiration(spec)
        caller = _caller()
        now = self._access.authenticator.now()
        if target.kind in PROCESS_KINDS:
            token, until = self._sign(target, now, seconds, _bound_uid(spec))
            return _token_response(target, spec, token, until, "")
        comment = str(spec.get("comment") or "")[:200]
        if target.kind is Host:
            if problem := name_problem(target.name, label_only=True):
                raise BadRequest(f"host name {target.name!r}: {problem}")
            self._access.guards.check_may_become(caller, target, host_identity(target.name))
            owner = {"host": target.name}
        else:
            user = orjson.loads(self._registry.live(target).value)
            identity = self._access.authenticator.user(target.name)
            if identity is None:
                raise _refused(target, "the user is disabled or has expired: turn him on first")
            self._access.guards.check_may_become(caller, target, identity)
            owner = {"user": target.name, "uid": user["metadata"]["uid"]}
        await self._sweep(now)
        if len(self._of(target)) >= _MOST_TOKENS:
            raise _refused(target, f"there are {_MOST_TOKENS} tokens already: revoke some first")
        secret = tokens.new_secret()
        ends = now + seconds if seconds else None
        kept = tokens.KeptToken(tokens.new_id(), tokens.digest(secret).hex(), now, ends, comment=comment, **owner)
        await tokens.keep(self._store, kept)
        self._access.invalidate()
        return _token_response(target, spec, secret, ends, kept.id)

    async def show(self, _request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """What was given out, and not the tokens. Raises NotFound."""
        self._check_kept(target, "GET")
        items = [_shown(token) for token in sorted(self._of(target), key=lambda token: token.created_at)]
        return object_response({"kind": "TokenList", "apiVersion": API_VERSION, "metadata": {}, "items": items})

    async def revoke(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """Take tokens back: the one with ?id=, or all. Raises NotFound."""
        self._check_kept(target, "DELETE")
        wanted = read_query(request.rel_url.raw_query_string).get("id", "")
        found = [token for token in self._of(target) if wanted in ("", token.id)]
        if wanted and not found:
            raise NotFound(f'tokens "{wanted}" not found: {target.name} has no token of that id', name=wanted)
        for token in found:
            await tokens.remove(self._store, token.id)
        self._access.invalidate()
        items = [_shown(token) for token in found]
        return object_response({"kind": "TokenList", "apiVersion": API_VERSION, "metadata": {}, "items": items})

    def _check_kept(self, target: Target, method: str) -> None:
        if target.kind in PROCESS_KINDS:
            raise MethodNotAllowed(f"{method} is not allowed here: tokens of processes are not kept; allowed: POST")
        if target.kind is User:
            self._registry.live(target)

    def _of(self, target: Target) -> list[tokens.KeptToken]:
        owner = "host" if target.kind is Host else "user"
        return [token for token in tokens.kept_tokens(self._store) if getattr(token, owner) == target.name]

    def _sign(self, target: Target, now: float, seconds: int, uid: str) -> tuple[str, float]:
        wire = orjson.loads(self._registry.live(target).value)
        if uid and uid != wire["metadata"]["uid"]:
            raise Conflict(f"{target.qualified} {target.name!r} is another object now: its uid is not {uid}")
        ends = now + min(seconds or _PROCESS_LIFE_S, _PROCESS_LIFE_S)
        claims = tokens.Claims(
            target.kind.info.plural, target.namespace, target.name, str(wire["metadata"]["uid"]), ends
        )
        return tokens.sign(claims, self._access.authenticator.key), ends

    async def _sweep(self, now: float) -> None:
        """Forget tokens that expired, or whose user is gone."""
        for token in list(tokens.kept_tokens(self._store)):
            gone = token.expires_at is not None and token.expires_at <= now
            if not gone and token.user:
                record = self._store.get(Target(User, name=token.user).key)
                gone = record is None or orjson.loads(record.value)["metadata"]["uid"] != token.uid
            if gone:
                await tokens.remove(self._store, token.id)


def _caller() -> Caller:
    entry = ENTRY.get()
    assert entry is not None, "a request without an entry"
    return entry.caller


def _spec(body: Wire) -> Wire:
    spec = body.get("spec") or {}
    if not isinstance(spec, dict):
        raise BadRequest("spec must be an object")
    return spec


def _expiration(spec: Wire) -> int:
    """Seconds; 0 for none said."""
    seconds = spec.get("expirationSeconds")
    if seconds is None:
        return 0
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not _SHORTEST_S <= seconds <= _LONGEST_S:
        message = f"Invalid value: must be a whole number of seconds from {_SHORTEST_S} to {_LONGEST_S}"
        raise Invalid(
            f"spec.expirationSeconds: {message}", kind="TokenRequest",
            causes=[Cause("FieldValueInvalid", message, "spec.expirationSeconds")],
        )  # fmt: skip
    return seconds


def _bound_uid(spec: Wire) -> str:
    """The uid the object must have, as Kubernetes' TokenRequest says it; empty for any."""
    bound = spec.get("boundObjectRef") or {}
    if not isinstance(bound, dict) or not isinstance(bound.get("uid") or "", str):
        raise BadRequest("spec.boundObjectRef must be an object with a uid")
    return bound.get("uid") or ""


def _token_response(target: Target, spec: Wire, token: str, ends: float | None, token_id: str) -> web.Response:
    status = {"token": token, "expirationTimestamp": _stamp(ends)}
    if token_id:
        status["id"] = token_id
    wire = {
        "kind": "TokenRequest",
        "apiVersion": API_VERSION,
        "metadata": {"name": target.name, "creationTimestamp": None},
        "spec": spec,
        "status": status,
    }
    return object_response(wire, status=201)


def _shown(token: tokens.KeptToken) -> Wire:
    wire = {
        "id": token.id,
        "createdAt": _stamp(token.created_at),
        "expiresAt": _stamp(token.expires_at),
        "comment": token.comment,
    }
    return {key: value for key, value in wire.items() if value}


def _stamp(at: float | None) -> str | None:
    return None if at is None else timestamp(datetime.fromtimestamp(at, UTC))


def _refused(target: Target, why: str) -> Forbidden:
    info = target.kind.info
    return Forbidden(
        f'{target.qualified} "{target.name}" is forbidden: {why}', name=target.name, group=info.group, kind=info.plural
    )
