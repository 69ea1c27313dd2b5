"""The verbs on resources: from a request about a `Target` to an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import orjson
from aiohttp import web

from phoenix.api.core import Namespace
from phoenix.apimachinery.errors import ApiError, BadRequest, MethodNotAllowed
from phoenix.apiserver.access.tokenrequests import TokenEndpoint
from phoenix.apiserver.applying import APPLY_PATCH, read_config
from phoenix.apiserver.bodies import NOT_JSON, read_object, read_options, unsupported
from phoenix.apiserver.codec import check_depth, decode_json
from phoenix.apiserver.events import Form, shaped
from phoenix.apiserver.identity import not_a_result
from phoenix.apiserver.lists import Lister
from phoenix.apiserver.logs import LogEndpoint
from phoenix.apiserver.negotiate import form_of, wants_event_stream
from phoenix.apiserver.options import (
    FieldValidation,
    ListOptions,
    WriteOptions,
    delete_options,
    list_options,
    read_query,
    write_options,
)
from phoenix.apiserver.patches import json_patch, merge_patch
from phoenix.apiserver.registry import Change, Registry, Written
from phoenix.apiserver.repeated import check_repeated, repeated_fields
from phoenix.apiserver.responses import deleted_status, json_response, object_response
from phoenix.apiserver.sampling import SampleEndpoint
from phoenix.apiserver.selection import parse_selection
from phoenix.apiserver.strategic import strategic_merge
from phoenix.apiserver.strategy import strategy_of
from phoenix.apiserver.target import Target
from phoenix.apiserver.watches import Watches

_MERGE = "application/merge-patch+json"
_JSON_PATCH = "application/json-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"

Handler = Callable[[web.BaseRequest, Target], Awaitable[web.StreamResponse]]


class Resources:
    """Handlers by method for collections, objects and subresources."""

    def __init__(
        self,
        registry: Registry,
        lister: Lister,
        watches: Watches,
        samples: SampleEndpoint,
        logs: LogEndpoint,
        tokens: TokenEndpoint,
    ) -> None:
        self._registry = registry
        self._lister = lister
        self._watches = watches
        self._collection: dict[str, Handler] = {"GET": self._list, "POST": self._create, "DELETE": self._delete_all}
        self._object: dict[str, Handler] = {
            "GET": self._get, "PUT": self._update, "PATCH": self._patch, "DELETE": self._delete,
        }  # fmt: skip
        self._status: dict[str, Handler] = {"GET": self._get, "PUT": self._update, "PATCH": self._patch}
        self._samples: dict[str, Handler] = {"GET": samples.list, "POST": samples.add}
        self._log: dict[str, Handler] = {"GET": logs.get}
        self._token: dict[str, Handler] = {"GET": tokens.show, "POST": tokens.create, "DELETE": tokens.revoke}

    def handler(self, method: str, target: Target) -> Handler:
        """The handler for a method. Raises MethodNotAllowed."""
        if target.subresource == "samples":
            table = self._samples
        elif target.subresource == "log":
            table = self._log
        elif target.subresource == "token":
            table = self._token
        elif target.subresource:
            table = self._status
        else:
            table = self._object if target.name else self._collection
        found = table.get("GET" if method == "HEAD" else method)
        if found is None or (method == "POST" and target.kind.info.namespaced and not target.namespace):
            msg = f"{method} is not allowed here; allowed: {', '.join(table)}"
            if found is not None:
                msg = f"POST needs a namespace: {target.kind.info.path('NAMESPACE')}"
            raise MethodNotAllowed(msg)
        return found

    async def _get(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        query = read_query(request.rel_url.raw_query_string)
        accept = request.headers.get("Accept", "")
        form = form_of(accept, query.get("includeObject", ""))
        streamed = wants_event_stream(accept) and not target.subresource
        if query or streamed:
            options = list_options(_streamed(request, query) if streamed else query)
            if options.watch and not target.subresource:
                _check_has_body(request)
                return await self._watches.serve(request, *_one(target, options), form, event_stream=streamed)
            if options.resource_version:
                self._lister.check_version(options.resource_version)
        value = self._registry.live(target).value
        if form is Form.OBJECT:
            return json_response(value)
        return json_response(shaped(target.kind, form, orjson.loads(value), self._registry.now()))

    async def _list(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        query = read_query(request.rel_url.raw_query_string)
        accept = request.headers.get("Accept", "")
        form = form_of(accept, query.get("includeObject", ""))
        streamed = wants_event_stream(accept)
        options = list_options(_streamed(request, query) if streamed else query)
        if options.watch:
            _check_has_body(request)
            return await self._watches.serve(request, target, options, form, event_stream=streamed)
        return json_response(self._lister.list(target, options, form))

    async def _create(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        options = write_options(request.rel_url.raw_query_string, request.headers.get("User-Agent", ""))
        wire = await read_object(request)
        warnings = await _repeated(request, target, orjson.dumps(wire), options)
        return _answer(await self._registry.create(target, wire, options), warnings, status=201)

    async def _update(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        options = write_options(request.rel_url.raw_query_string, request.headers.get("User-Agent", ""))
        body = orjson.dumps(await read_object(request))
        warnings = await _repeated(request, target, body, options)

        def replace_by(_live: dict[str, Any]) -> Any:
            return orjson.loads(body)  # anew for each lost race: what is stored is changed in place

        return _answer(await self._registry.update(target, replace_by, options, patch=False), warnings)

    async def _patch(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        if request.content_type == APPLY_PATCH:
            return await self._apply(request, target)
        options = write_options(request.rel_url.raw_query_string, request.headers.get("User-Agent", ""))
        patch = decode_json(await request.read())
        change = _change(request.content_type, patch, target)
        try:
            warnings = await _repeated(request, target, orjson.dumps(patch), options)
        except BadRequest as error:
            raise not_a_result(error.message) from error
        return _answer(await self._registry.update(target, change, options, patch=True), warnings)

    async def _apply(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        options = write_options(request.rel_url.raw_query_string, apply=True)
        config = await read_config(request, target)
        written = await self._registry.apply(target, config, options)
        return _answer(written, [], status=201 if written.created else 200)

    async def _delete(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        options = delete_options(read_query(request.rel_url.raw_query_string), await read_options(request))
        written = await self._registry.delete(target, options)
        if not written.removed:
            return json_response(written.body)
        return object_response(deleted_status(target, orjson.loads(written.body)["metadata"]["uid"]))

    async def _delete_all(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        if target.kind.info.namespaced and not target.namespace:
            raise MethodNotAllowed(f"DELETE of a collection needs a namespace: {target.kind.info.path('NAMESPACE')}")
        if target.kind is Namespace:
            raise MethodNotAllowed("namespaces are deleted one by one: name them")
        query = read_query(request.rel_url.raw_query_string)
        which = list_options(query)
        options = delete_options(query, await read_options(request))
        selection = parse_selection(target.kind, which.label_selector, which.field_selector)
        items: list[dict[str, Any]] = []
        for record in self._lister.select(target, selection):
            wire = orjson.loads(record.value)
            metadata = wire["metadata"]
            one = Target(target.kind, target.namespace, metadata["name"])
            try:
                items.append(orjson.loads((await self._registry.delete(one, options)).body))
            except ApiError as error:
                if error.code not in (403, 404):  # gone meanwhile, or protected
                    raise
        info = target.kind.info
        metadata = {"continue": "", "resourceVersion": str(self._lister.revision)}
        return object_response(
            {"kind": f"{info.kind}List", "apiVersion": info.api_version, "metadata": metadata, "items": items}
        )


def _streamed(request: web.BaseRequest, query: dict[str, str]) -> dict[str, str]:
    """A query as an event stream means it: a watch with bookmarks, from where its client was when it comes back."""
    wanted = query | {"watch": "true", "allowWatchBookmarks": "true"}
    if seen := request.headers.get("Last-Event-ID"):
        wanted["resourceVersion"] = seen
        for name in ("sendInitialEvents", "resourceVersionMatch"):
            wanted.pop(name, None)
    return wanted


def _one(target: Target, options: ListOptions) -> tuple[Target, ListOptions]:
    """A watch of one object is one of its collection, by name."""
    terms = [options.field_selector, f"metadata.name={target.name}"]
    return replace(target, name=""), replace(options, field_selector=",".join(term for term in terms if term))


def _answer(written: Written, warnings: list[str], *, status: int = 200) -> web.Response:
    return json_response(written.body, status=status, warnings=(*warnings, *written.warnings))


async def _repeated(request: web.BaseRequest, target: Target, encoded: bytes, options: WriteOptions) -> list[str]:
    """Warnings of keys that the JSON of a request, decoded and `encoded` again, has twice.

    Raises BadRequest where it is to be strict.
    """
    if options.field_validation is FieldValidation.IGNORE or request.content_type in NOT_JSON:
        return []
    return check_repeated(target.kind, repeated_fields(await request.read(), encoded), options.field_validation)


def _check_has_body(request: web.BaseRequest) -> None:
    if request.method == "HEAD":
        raise MethodNotAllowed("HEAD of a watch has no answer: ask with GET")


def _change(content_type: str, patch: Any, target: Target) -> Change:
    """What a patch does to the live object. Raises BadRequest, UnsupportedMediaType."""
    if content_type == _JSON_PATCH:
        return lambda live: check_depth(json_patch(live, patch))
    merges = {_MERGE: merge_patch}
    if strategy_of(target.kind).strategic_merge:
        merges[_STRATEGIC] = strategic_merge
    merge = merges.get(content_type)
    if merge is None:
        raise unsupported(content_type, [_JSON_PATCH, *merges, APPLY_PATCH])
    if not isinstance(patch, dict):
        raise BadRequest("a merge patch is a JSON object")
    return lambda live: merge(live, patch)
