"""Where requests come in: who is asking (401), whether he may (403), whether there is room (429), and the record after.

`ApiApp` calls `identify`, then `enter`, then answers, then `leave`; nothing else of this package is on a request's way.
Decisions are kept by credential and by what is asked; everything kept is dropped when a role, a binding, a User or a
token changes, so that a change holds from the next request on.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from phoenix.api.rbac import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from phoenix.api.user import User
from phoenix.apimachinery.errors import ServiceUnavailable
from phoenix.apimachinery.meta import Resource
from phoenix.apiserver.access import tokens
from phoenix.apiserver.access.audit import AuditLog, Record
from phoenix.apiserver.access.authenticate import Authenticator, bearer_token, unauthorized
from phoenix.apiserver.access.caller import ENTRY, Caller, Entry
from phoenix.apiserver.access.config import AccessConfig
from phoenix.apiserver.access.guards import Guards, spec_host
from phoenix.apiserver.access.identity import Identity
from phoenix.apiserver.access.impersonate import impersonated
from phoenix.apiserver.access.limits import Limiter
from phoenix.apiserver.access.policy import Roles
from phoenix.apiserver.access.requests import WRITES, attributes_of, forbidden, namespace_of, verb_of
from phoenix.apiserver.access.rules import Attributes
from phoenix.apiserver.negotiate import wants_event_stream
from phoenix.apiserver.options import is_true, read_query
from phoenix.apiserver.target import PROCESS_KINDS, Target, kind_prefix
from phoenix.store.interface import Store, StoreEvent

ACCESS_KINDS: frozenset[type[Resource]] = frozenset({User, Role, RoleBinding, ClusterRole, ClusterRoleBinding})
_PREFIXES = (tokens.PREFIX, *(kind_prefix(kind) for kind in ACCESS_KINDS))
_MOST_CALLERS = 512
_LONG_SUBRESOURCE = "log"
_UNAUDITED = frozenset({"events"})
_UNAUDITED_SUBRESOURCES = frozenset({"samples"})


class Access:
    """One server's access control.

    Args:
        admin_token: the state folder's token.
        now: Unix seconds.
    """

    def __init__(
        self, store: Store, *, admin_token: str, config: AccessConfig, now: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._now = now
        self.authenticator = Authenticator(
            store, admin_token=admin_token, key=config.key or tokens.new_secret().encode(), now=now
        )
        self.roles = Roles()
        self.guards = Guards(self.roles)
        self.limiter = Limiter(config.limits)
        self.audit = AuditLog(config.audit)
        self._audited = config.audit.path is not None
        # NB: bounded: the credential not used for longest goes first; its bearer is identified anew when he comes back.
        self._callers: OrderedDict[Any, Caller] = OrderedDict()
        self._stale = True
        self.generation = 0
        """Grows with each change of roles, users or tokens: what was remembered of an earlier one holds no more."""
        self.unauthorized = 0
        self.denied = 0

    # ---- changes ----------------------------------------------------------------------------------------------------

    def notice(self, event: StoreEvent) -> None:
        """Take note of a change of the store."""
        if event.key.startswith(_PREFIXES):
            self.invalidate()

    def invalidate(self) -> None:
        """Read roles, users and tokens anew before the next request."""
        self._stale = True
        self.generation += 1

    def _refresh(self) -> None:
        self._stale = False
        self._callers.clear()
        self.roles.load(self._store)
        self.authenticator.load()

    # ---- who --------------------------------------------------------------------------------------------------------

    def identify(self, request: web.BaseRequest) -> Caller:
        """Who is asking. Raises Unauthorized; Forbidden where he may not act as whom he names."""
        if self._stale:
            self._refresh()
        headers = request.headers
        authorization = headers.get("Authorization")
        try:
            caller = self._by_header(authorization) if authorization is not None else self._by_certificate(request)
        except Exception:
            self.unauthorized += 1
            raise
        if "Impersonate-User" in headers or "Impersonate-Group" in headers:
            return self.caller(impersonated(caller, headers, self.authenticator), through=caller.identity)
        return caller

    def _by_header(self, authorization: str) -> Caller:
        # NB: kept by a hash, so that no token but the one in use is in memory, and comparing tells nothing.
        key = hashlib.sha256(authorization.encode("utf-8", "surrogateescape")).digest()
        caller = self._callers.get(key)
        if caller is not None:
            self._callers.move_to_end(key)
            if caller.expires_at > self._now() and not caller.bound:
                return caller
        identity = self.authenticator.by_token(bearer_token(authorization))
        if caller is None or caller.identity != identity:
            caller = self._keep(key, self.caller(identity))
        return caller

    def _by_certificate(self, request: web.BaseRequest) -> Caller:
        transport = request.transport
        certificate = transport.get_extra_info("peercert") if transport is not None else None
        if not certificate:
            msg = (
                "send a token as 'Authorization: Bearer TOKEN' (kubectl: --kubeconfig state/kubeconfig; ask for one"
                " of `phoenixctl auth create-token`), or a client certificate"
            )
            raise unauthorized(msg)
        key = (certificate.get("subject"), certificate.get("serialNumber"), certificate.get("notAfter"))
        caller = self._callers.get(key)
        if caller is not None:
            self._callers.move_to_end(key)
        else:
            identity = self.authenticator.by_certificate(certificate)
            if identity is None:
                raise unauthorized("the client certificate names nobody (no common name), or a User who is disabled")
            caller = self._keep(key, self.caller(identity))
        if caller.identity.expires_at <= self._now():
            raise unauthorized("the client certificate, or its User, has expired")
        return caller

    def _keep(self, key: Any, caller: Caller) -> Caller:
        self._callers[key] = caller
        while len(self._callers) > _MOST_CALLERS:
            self._callers.popitem(last=False)
        return caller

    def caller(self, identity: Identity, through: Identity | None = None) -> Caller:
        """Somebody with what he may do now."""
        if self._stale:
            self._refresh()
        return Caller(identity, self.roles.policy(identity), through)

    # ---- whether ----------------------------------------------------------------------------------------------------

    def enter(self, request: web.BaseRequest, caller: Caller, target: Target | None, path: str) -> Entry:
        """Let a request in, or raise: Forbidden, TooManyRequests, ServiceUnavailable (writes cannot be recorded)."""
        method = request.method
        if target is None:
            verb, long = method.lower(), False
            if not caller.master:
                self._check_path(caller, verb, path)
        else:
            query = read_query(request.rel_url.raw_query_string) if method == "GET" else {}
            watch = not target.subresource and (
                is_true(query, "watch") or (method == "GET" and wants_event_stream(request.headers.get("Accept", "")))
            )
            verb = verb_of(method, target, watch=watch)
            long = watch or (target.subresource == _LONG_SUBRESOURCE and is_true(query, "follow"))
            if not caller.master:
                self._check_target(caller, verb, target, query)
        entry = Entry(caller, verb, target, began_at=self._now(), writes=verb in WRITES, long=long)
        if entry.writes and self.audit.refuses:
            msg = f"writes are refused while they cannot be recorded ({self.audit.broken}): make room for the audit log"
            raise ServiceUnavailable(msg, retry_after_s=5)
        self.limiter.enter(entry)
        ENTRY.set(entry)
        return entry

    def enter_review(self, caller: Caller) -> Entry:
        """Let a review in, which counts as a read. Raises TooManyRequests; who may ask what is `review`'s to say."""
        entry = Entry(caller, "create", None, began_at=self._now(), writes=False, long=False)
        self.limiter.enter(entry)
        return entry

    def check(self, caller: Caller, asked: Attributes) -> None:
        """Raises Forbidden where a caller may not do this."""
        if not caller.policy.allows(asked):
            self.denied += 1
            raise forbidden(caller.identity, asked)

    def _check_path(self, caller: Caller, verb: str, path: str) -> None:
        self.check(caller, Attributes(verb, path=path))

    def _check_target(self, caller: Caller, verb: str, target: Target, query: Mapping[str, str]) -> None:
        info = target.kind.info
        allowed = caller.policy.allows_on(
            verb, info.group, info.plural, target.subresource, namespace_of(target), target.name
        )
        if not allowed:
            self.denied += 1
            raise forbidden(caller.identity, attributes_of(verb, target))
        if caller.identity.host:
            self._check_host(caller, verb, target, query)

    def _check_host(self, caller: Caller, verb: str, target: Target, query: Mapping[str, str]) -> None:
        """An agent sees the processes of its own host alone."""
        if target.kind not in PROCESS_KINDS:
            return
        host = caller.identity.host
        why = f'an agent sees the processes of its own host, "{host}"'
        if target.name:
            record = self._store.get(target.key)
            if record is None or spec_host(orjson.loads(record.value)) == host:
                return
        elif verb in ("list", "watch"):
            if f"spec.host={host}" in query.get("fieldSelector", "").replace("==", "=").split(","):
                return
            why += f": add fieldSelector=spec.host={host}"
        self.denied += 1
        raise forbidden(caller.identity, attributes_of(verb, target), why)

    # ---- afterwards -------------------------------------------------------------------------------------------------

    def leave(self, entry: Entry) -> None:
        """The request is answered, or its client gone."""
        self.limiter.leave(entry)
        if entry.writes and entry.target is not None and entry.target.kind in ACCESS_KINDS:
            self.invalidate()

    def note(self, request: web.BaseRequest, caller: Caller, target: Target, code: int) -> None:
        """Record a write that was answered, also with a refusal."""
        info = target.kind.info
        if not self._audited or target.subresource in _UNAUDITED_SUBRESOURCES or info.plural in _UNAUDITED:
            return
        own_part = caller.master or bool(caller.identity.host)
        if own_part and (target.subresource == "status" or (target.subresource == "token" and target.namespace)):
            return  # NB: heartbeats, observations, tokens of child programs: several a second, nothing that was wanted
        now = self._now()
        entry = ENTRY.get()
        if entry is not None and entry.target is target:
            verb, name, began_at = entry.verb, entry.name, entry.began_at
        else:  # refused before it came in
            verb, name, began_at = verb_of(request.method, target, watch=False), target.name, now
        transport = request.transport
        self.audit.record(
            Record(
                began_at, now, verb, request.path_qs, code, caller.identity, caller.through, info.group, info.version,
                info.plural, target.subresource, target.namespace, name,
                transport.get_extra_info("peername") if transport is not None else None,
                request.headers.get("User-Agent", ""),
            )
        )  # fmt: skip
