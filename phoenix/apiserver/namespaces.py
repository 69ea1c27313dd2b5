"""Namespaces: nothing is made in one that is missing or going; a going one is emptied, then removed."""

from __future__ import annotations

import orjson

from phoenix.api.core import Namespace
from phoenix.apimachinery.errors import Cause, Forbidden, NotFound
from phoenix.apiserver.target import Target, kind_prefix
from phoenix.store.interface import Store

DEFAULT_NAMESPACE = "default"
"""Made at start; cannot be deleted."""

_PREFIX = kind_prefix(Namespace)
_CACHE_LIMIT = 4096


class NamespaceGate:
    """Says whether objects may be made in a namespace; remembers the answer for each revision of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._going: dict[str, tuple[int, bool]] = {}

    def admit(self, namespace: str, name: str, target: Target) -> None:
        """Check before a create. Raises NotFound (no such namespace), Forbidden (it is going)."""
        record = self._store.get(_PREFIX + namespace)
        if record is None:
            self._going.pop(namespace, None)
            msg = f'namespaces "{namespace}" not found: create it first (kubectl create namespace {namespace})'
            raise NotFound(msg, name=namespace, kind=Namespace.info.plural)
        known = self._going.get(namespace)
        if known is None or known[0] != record.revision:
            if len(self._going) >= _CACHE_LIMIT:
                self._going.clear()
            going = bool(orjson.loads(record.value)["metadata"].get("deletionTimestamp"))
            known = self._going[namespace] = (record.revision, going)
        if known[1]:
            info = target.kind.info
            message = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise Forbidden(
                f'{target.qualified} "{name}" is forbidden: {message}',
                name=name,
                group=info.group,
                kind=info.plural,
                causes=[
                    Cause("NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace")
                ],
            )

    @staticmethod
    def is_namespace(target: Target) -> bool:
        """Whether the target is a namespace itself."""
        return target.kind is Namespace

    @staticmethod
    def check_delete(target: Target) -> None:
        """Raises Forbidden for what may never be deleted."""
        if target.kind is Namespace and target.name == DEFAULT_NAMESPACE:
            msg = f'namespaces "{DEFAULT_NAMESPACE}" is forbidden: this namespace may not be deleted'
            raise Forbidden(msg, name=target.name, kind=Namespace.info.plural)
