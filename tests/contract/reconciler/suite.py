"""What every reconciler owes: running twice changes nothing, absence is normal, cancellation midway does no harm.

Subclass `ReconcilerContract` beside a reconciler and say how to make it and what it is to bring about; the tests run
on a real API server. Each write is a place to be cancelled at, before and after it was made.
"""

from __future__ import annotations

import abc
import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from phoenix.apimachinery.meta import ObjectKey
from phoenix.apiserver.server import ApiServer, ServerConfig
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient
from phoenix.client.interface import Client
from phoenix.runtime.reconcile import Reconciler, Request, Result, RetryAfter

_WRITES = ("create", "update", "update_status", "patch", "delete")
_RUNS = 30


class CancellingClient:
    """A client that cancels the task using it around its `at`-th write: before it (made=False) or after it."""

    def __init__(self, client: Client, at: int = -1, *, made: bool = True) -> None:
        self._client = client
        self._at = at
        self._made = made
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if name not in _WRITES:
            return method

        async def write(*args: Any, **kwargs: Any) -> Any:
            self.writes += 1
            if self.writes != self._at:
                return await method(*args, **kwargs)
            if self._made:
                await method(*args, **kwargs)
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

        return write


class ReconcilerContract(abc.ABC):
    """Tests; subclasses give the three hooks."""

    key: ObjectKey

    @abc.abstractmethod
    def make(self, client: Client) -> Reconciler:
        """A new reconciler that reads and writes with this client."""

    @abc.abstractmethod
    async def given(self, client: Client) -> None:
        """Make the object `key` and what it needs."""

    @abc.abstractmethod
    async def check(self, client: Client) -> None:
        """Assert what a settled world looks like."""

    @pytest.fixture
    async def client(self, tmp_path: Path) -> AsyncIterator[HttpClient]:
        state = tmp_path / "state"
        async with (
            ApiServer(ServerConfig(state=state, port=0)),
            HttpClient(ClientConfig.from_endpoint_file(state / "endpoint.json")) as client,
        ):
            yield client

    async def settle(self, client: Any, key: ObjectKey | None = None) -> None:
        """Run until a run writes nothing."""
        counting = CancellingClient(client)
        for _ in range(_RUNS):
            before = counting.writes
            try:
                await self.make(counting).reconcile(Request(key or self.key))
            except RetryAfter:
                continue
            if counting.writes == before:
                return
        raise AssertionError(f"still writing after {_RUNS} runs")

    async def test_settles_and_running_again_writes_nothing(self, client: HttpClient) -> None:
        await self.given(client)
        await self.settle(client)
        await self.check(client)
        again = CancellingClient(client)
        await self.make(again).reconcile(Request(self.key))
        assert again.writes == 0

    async def test_absence_is_normal(self, client: HttpClient) -> None:
        counting = CancellingClient(client)
        nobody = ObjectKey(self.key.namespace, "nobody")
        assert await self.make(counting).reconcile(Request(nobody)) == Result()
        assert counting.writes == 0

    @pytest.mark.parametrize("made", [True, False], ids=["after the write", "before the write"])
    async def test_cancelled_at_each_write_it_settles_all_the_same(self, client: HttpClient, made: bool) -> None:
        await self.given(client)
        cancelled = 0
        for at in range(1, _RUNS):
            cancelling = CancellingClient(client, at, made=made)
            task = asyncio.create_task(self.make(cancelling).reconcile(Request(self.key)))
            async with asyncio.timeout(40):
                await asyncio.wait({task})
            if not task.cancelled():
                assert task.exception() is None or isinstance(task.exception(), RetryAfter)
                break
            cancelled += 1
        assert cancelled > 0, "it wrote nothing: there was nothing to cancel"
        await self.settle(client)
        await self.check(client)
