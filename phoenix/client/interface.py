"""The client's door: typed verbs over the API. Errors are `phoenix.apimachinery.errors.ApiError`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from phoenix.apimachinery.meta import Resource
from phoenix.samples.model import Sample, SampleKind

R = TypeVar("R", bound=Resource)


@dataclass(frozen=True, slots=True)
class ListResult(Generic[R]):
    """A consistent list and the version to watch from."""

    items: list[R]
    resource_version: str


@dataclass(frozen=True, slots=True)
class WatchEvent(Generic[R]):
    """ADDED, MODIFIED, DELETED with the object, or BOOKMARK (object None). Go on from `resource_version`."""

    type: str
    object: R | None
    resource_version: str


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """A token, and when it ends (None: never)."""

    token: str = field(repr=False)
    expires_at: datetime | None = None


class Client(Protocol):
    """Typed access to every kind.

    Guarantees: no verb is retried but GETs on a broken connection; `Unavailable` (client/errors.py) is raised when no
    answer came. Namespace is empty for cluster-scoped kinds and, in lists and watches, for all namespaces.
    """

    async def get(self, kind: type[R], name: str, namespace: str = "") -> R:
        """Raises NotFound."""
        ...

    async def list(
        self, kind: type[R], namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> ListResult[R]:
        """A consistent list."""
        ...

    def watch(
        self,
        kind: type[R],
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
    ) -> AsyncGenerator[WatchEvent[R], None]:
        """Changes after resource_version (empty: current objects as ADDED first). Ends when the server closes the
        stream; raises Expired when the version is no longer kept. Close with `aclosing`.
        """
        ...

    async def create(self, obj: R) -> R:
        """Raises AlreadyExists, Invalid."""
        ...

    async def update(self, obj: R) -> R:
        """Replace spec and metadata; metadata.resourceVersion must be set. Raises Conflict, NotFound, Invalid."""
        ...

    async def update_status(self, obj: R) -> R:
        """Replace the status only. Raises Conflict, NotFound."""
        ...

    async def patch(
        self, kind: type[R], name: str, namespace: str, patch: Mapping[str, Any], *, subresource: str = ""
    ) -> R:
        """JSON merge patch (null deletes). Put metadata.resourceVersion into it for optimistic locking."""
        ...

    async def delete(
        self, kind: type[R], name: str, namespace: str = "", *, uid: str = "", propagation: str = "Background"
    ) -> None:
        """Delete; with finalizers the object stays, terminating. Raises NotFound, Conflict (uid differs)."""
        ...

    async def request_token(self, kind: type[R], name: str, namespace: str = "", *, uid: str = "") -> TokenGrant:
        """A token of the object's own; for a process, good for the run it measures for. Raises NotFound, Conflict
        (uid differs), Forbidden.
        """
        ...

    async def post_samples(self, namespace: str, experiment: str, samples: Sequence[Sample]) -> None:
        """Report measurements; a sample reported twice counts once."""
        ...

    async def list_samples(
        self, namespace: str, experiment: str, *, run: int, kind: SampleKind | None = None, since: int = 0
    ) -> Sequence[Sample]:
        """Samples of a run with window_start >= since (Unix nanoseconds), ordered by window_start."""
        ...
