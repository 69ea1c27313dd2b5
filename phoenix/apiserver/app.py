"""The API as one callable: a request in, an answer out, every error a Status. Composition of the room's parts.

A handler of `aiohttp.web.Server` rather than an Application: paths are read once as Kubernetes does (`target`), so a
table of routes would only cost time, and nothing can answer in another form than ours.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from aiohttp import web

from phoenix.api.experiment import Experiment
from phoenix.apimachinery.errors import (
    ApiError,
    BadRequest,
    InternalError,
    MethodNotAllowed,
    RequestTooLarge,
    ServiceUnavailable,
    TooManyRequests,
)
from phoenix.apiserver.access.caller import Caller
from phoenix.apiserver.access.config import AccessConfig
from phoenix.apiserver.access.gate import Access
from phoenix.apiserver.access.metrics import AccessCollector
from phoenix.apiserver.access.reviews import is_review, review
from phoenix.apiserver.access.tokenrequests import TokenEndpoint
from phoenix.apiserver.bodies import read_object
from phoenix.apiserver.discovery import discovery_response
from phoenix.apiserver.fanout import Fanout
from phoenix.apiserver.health import Health, version_response
from phoenix.apiserver.lifecycle import NamespaceLifecycle
from phoenix.apiserver.lists import Lister
from phoenix.apiserver.logs import LogEndpoint, LogSource
from phoenix.apiserver.metrics import Metrics
from phoenix.apiserver.openapi import openapi_response
from phoenix.apiserver.registry import Registry
from phoenix.apiserver.resources import Resources
from phoenix.apiserver.responses import error_response, indented, object_response
from phoenix.apiserver.sampling import SampleEndpoint, SampleStorage
from phoenix.apiserver.servicediscovery import ServiceDiscovery
from phoenix.apiserver.target import Target, no_route, parse_target, split_path
from phoenix.apiserver.watches import Watches
from phoenix.samples.errors import SamplesOverloaded, SamplesUnavailable
from phoenix.store.errors import StoreClosed, TooManyWrites, WriteFailed
from phoenix.store.interface import Store

_LOGGER = logging.getLogger(__name__)
_OPEN_PATHS = frozenset({"healthz", "livez", "readyz", "version"})


def package_version() -> str:
    """Version of Phoenix."""
    try:
        return version("phoenix-reconciler")
    except PackageNotFoundError:
        return "0"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ApiApp:
    """Answers requests. Made by `create_app`; `fanout` and `lifecycle` are run by whoever serves it."""

    def __init__(
        self,
        *,
        registry: Registry,
        resources: Resources,
        logs: LogEndpoint,
        fanout: Fanout,
        lifecycle: NamespaceLifecycle,
        metrics: Metrics,
        access: Access,
        discovery: ServiceDiscovery,
        request_log: bool,
    ) -> None:
        self.registry = registry
        self.logs = logs
        self.fanout = fanout
        self.lifecycle = lifecycle
        self.health = Health()
        self._resources = resources
        self.metrics = metrics
        self.access = access
        self._discovery = discovery
        self._request_log = request_log
        self._version = package_version()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request.

        Cancellation: when the client goes away; a write under way is still stored, whole.
        """
        began = time.perf_counter()
        parts = split_path(request.rel_url.raw_path)
        target: Target | None = None
        caller: Caller | None = None
        try:
            if parts[0] in _OPEN_PATHS and len(parts) == 1:
                response: web.StreamResponse = await self._other(request, parts)
            else:
                caller = self.access.identify(request)
                if parts[0] in ("api", "apis") and len(parts) > (2 if parts[0] == "api" else 3):
                    target = None if is_review(parts) else parse_target(parts)
                response = await self._answer(request, parts, caller, target)
        except ApiError as error:
            response = error_response(error)
        except web.HTTPException as error:
            response = error_response(_from_http(error))
        except (StoreClosed, TooManyWrites, WriteFailed, SamplesOverloaded, SamplesUnavailable) as error:
            response = error_response(_from_store(error))
        except Exception:
            _LOGGER.exception("request failed method=%s path=%s", request.method, request.rel_url.raw_path)
            response = error_response(InternalError("the server failed on this request; its log says why"))
        except asyncio.CancelledError:
            self._audit(request, caller, target, _CLIENT_GONE)  # what it wrote may be stored all the same
            raise
        if "pretty" in (query := request.rel_url.raw_query_string):
            await indented(response, query)
        self._audit(request, caller, target, response.status)
        self._note(request, target, response, time.perf_counter() - began)
        return response

    async def _answer(
        self, request: web.BaseRequest, parts: list[str], caller: Caller, target: Target | None
    ) -> web.StreamResponse:
        if target is not None:
            handler = self._resources.handler(request.method, target)
            entry = self.access.enter(request, caller, target, "")
            try:
                return await handler(request, target)
            finally:
                self.access.leave(entry)
        reviewed = is_review(parts)
        entry = (
            self.access.enter_review(caller)
            if reviewed
            else self.access.enter(request, caller, None, "/" + "/".join(parts))
        )
        try:
            if not reviewed:
                return await self._other(request, parts)
            body = await read_object(request)
            return object_response(review(self.access, caller, request.method, parts, body), status=201)
        finally:
            self.access.leave(entry)

    def _audit(self, request: web.BaseRequest, caller: Caller | None, target: Target | None, code: int) -> None:
        if caller is not None and target is not None and request.method not in _READS:
            self.access.note(request, caller, target, code)

    async def _other(self, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
        if request.method not in _READS:
            if parts[0] in (*_OPEN_PATHS, "api", "apis", "metrics", "openapi", "sd"):
                raise MethodNotAllowed(f"{request.method} is not allowed here; allowed: GET")
            raise no_route()
        match parts:
            case ["healthz"] | ["livez"]:
                return self.health.live()
            case ["readyz"]:
                return self.health.readiness()
            case ["version"]:
                return version_response(self._version)
            case ["metrics"]:
                return self.metrics.response()
            case ["sd", which]:
                return self._discovery.response(request, which)
            case ["api", *_] | ["apis", *_]:
                return discovery_response(request, parts)
            case ["openapi", *_]:
                return await openapi_response(request, parts)
        raise no_route()

    def _note(
        self, request: web.BaseRequest, target: Target | None, response: web.StreamResponse, seconds: float
    ) -> None:
        watch = not isinstance(response, web.Response)
        verb = "WATCH" if watch else request.method if request.method in _METHODS else "OTHER"
        resource = "" if target is None else target.kind.info.plural
        self.metrics.observe(verb, resource, response.status, seconds, watch=watch)
        if self._request_log:
            _LOGGER.info(
                "request method=%s path=%s code=%d seconds=%.6f",
                request.method,
                request.path_qs,
                response.status,
                seconds,
            )


_CLIENT_GONE = 499  # as nginx has it: the client went away before its answer
_READS = ("GET", "HEAD")
_METHODS = frozenset({"HEAD", "GET", "POST", "PUT", "PATCH", "DELETE"})


def _from_http(error: web.HTTPException) -> ApiError:
    if error.status == 413:
        return RequestTooLarge(f"the body is too large: {error.text}")
    if error.status < 500:
        return BadRequest(error.text or error.reason)
    return InternalError(error.text or error.reason)


def _from_store(error: Exception) -> ApiError:
    if isinstance(error, TooManyWrites | SamplesOverloaded):
        return TooManyRequests(str(error), retry_after_s=1)
    return ServiceUnavailable(str(error), retry_after_s=1)


def create_app(
    store: Store,
    samples: SampleStorage,
    *,
    token: str,
    logs: LogSource | None = None,
    access: AccessConfig | None = None,
    request_log: bool = False,
    bookmark_interval_s: float = 60.0,
    watch_timeout_s: float = 3600.0,
    watch_buffer_bytes: int = 16 << 20,
    now: Callable[[], datetime] = _utc_now,
) -> ApiApp:
    """Put the API together over an open store, on its event loop.

    The caller serves it with `aiohttp.web.Server`, starts and stops `.fanout`, runs `.lifecycle` and sets
    `.health.ready`; `phoenix.apiserver.server.ApiServer` does all of that.
    """

    async def before_removal(target: Target) -> None:
        # First the samples: were the server killed in between, a later experiment of that name must not inherit them.
        if target.kind is Experiment:
            await samples.delete_experiment(target.namespace, target.name)

    gate = Access(store, admin_token=token, config=access or AccessConfig())
    registry = Registry(store, now=now, before_removal=before_removal, guards=gate.guards)
    fanout = Fanout(store, now=now, buffer_limit_bytes=watch_buffer_bytes, bookmark_interval_s=bookmark_interval_s)
    lifecycle = NamespaceLifecycle(store, registry)
    fanout.listeners += [lifecycle.notice, gate.notice]
    lister = Lister(store, now)
    watches = Watches(store, fanout, lister, now=now, timeout_s=watch_timeout_s)
    log_endpoint = LogEndpoint(registry, logs)
    resources = Resources(registry, lister, watches, SampleEndpoint(samples, registry), log_endpoint,
                          TokenEndpoint(store, registry, gate))  # fmt: skip
    return ApiApp(
        logs=log_endpoint,
        registry=registry,
        resources=resources,
        fanout=fanout,
        lifecycle=lifecycle,
        metrics=Metrics(store, fanout, AccessCollector(gate)),
        access=gate,
        discovery=ServiceDiscovery(store),
        request_log=request_log,
    )
