"""The samples endpoint: measurements of a run, beside the resources and not among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from aiohttp import web
from pydantic import ValidationError

from phoenix.apimachinery.errors import BadRequest, Cause, Invalid
from phoenix.apiserver.access.guards import check_reporter
from phoenix.apiserver.codec import decode_object
from phoenix.apiserver.options import read_query
from phoenix.apiserver.registry import Registry
from phoenix.apiserver.responses import json_response, object_response
from phoenix.apiserver.target import Target
from phoenix.samples.database import AnySample
from phoenix.samples.model import SampleBatch, SampleKind

_CAUSES_SHOWN = 20


class SampleStorage(Protocol):
    """What the endpoint needs of `phoenix.samples`. All raise SamplesUnavailable, `add` SamplesOverloaded too."""

    async def add(self, namespace: str, experiment: str, samples: Sequence[AnySample]) -> int:
        """Keep samples; returns how many were new. One reported twice counts once."""
        ...

    async def list_json(
        self, namespace: str, experiment: str, run: int, kind: SampleKind | None = None, since: int = 0
    ) -> bytes:
        """Samples of a run with window_start >= since, ordered by window_start, as a JSON SampleBatch."""
        ...

    async def delete_experiment(self, namespace: str, experiment: str) -> int:
        """Forget an experiment's samples; returns how many there were."""
        ...


class SampleEndpoint:
    """POST takes a SampleBatch (202), GET gives one back by run, kind and since; only while the experiment is there."""

    def __init__(self, storage: SampleStorage, registry: Registry) -> None:
        self._storage = storage
        self._registry = registry

    async def add(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """Take a batch. Raises NotFound, BadRequest, Invalid."""
        self._registry.live(target)
        wire = decode_object(await request.read())
        try:
            batch = SampleBatch.model_validate(wire)
        except ValidationError as error:
            raise _invalid(error) from error
        check_reporter(target, batch.samples)
        await self._storage.add(target.namespace, target.name, batch.samples)
        return object_response({"accepted": len(batch.samples)}, status=202)

    async def list(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """Give samples back. Raises NotFound, BadRequest."""
        self._registry.live(target)
        query = read_query(request.rel_url.raw_query_string)
        run, since, kind = _integer(query, "run"), _integer(query, "since"), query.get("kind", "")
        if kind and kind not in set(SampleKind):
            raise BadRequest(f"kind {kind!r} is not one of {', '.join(SampleKind)}")
        if run is None:
            raise BadRequest("say which run: ?run=1")
        wanted = SampleKind(kind) if kind else None
        return json_response(await self._storage.list_json(target.namespace, target.name, run, wanted, since or 0))


def _integer(query: dict[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        raise BadRequest(f"{name} must be a whole number, not {text!r}")
    return int(text)


def _invalid(error: ValidationError) -> Invalid:
    errors = error.errors(include_url=False, include_input=False)
    causes = [
        Cause("FieldValueInvalid", f"Invalid value: {item['msg']}", ".".join(map(str, item["loc"])))
        for item in errors[:_CAUSES_SHOWN]
    ]
    shown = "; ".join(f"{cause.field}: {cause.message}" for cause in causes[:3])
    return Invalid(f"the batch is invalid in {len(errors)} places: {shown}", kind="SampleBatch", causes=causes)
