"""The reconcile contract: a key in, a Result or an error out; the error's type decides about retry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from phoenix.apimachinery.meta import ObjectKey


@dataclass(frozen=True, slots=True)
class Request:
    """Which object to look at; never what happened to it."""

    key: ObjectKey


@dataclass(frozen=True, slots=True)
class Result:
    """Done for now; come again after `requeue_after_s` seconds (None: when something changes)."""

    requeue_after_s: float | None = None


class TerminalError(Exception):
    """Do not retry: nothing changes until the object does."""


class RetryAfter(Exception):
    """Try again after a delay that is known; not counted as a failure."""

    def __init__(self, delay_s: float, message: str = "") -> None:
        super().__init__(message or f"retry in {delay_s:g}s")
        self.delay_s = delay_s


class Reconciler(Protocol):
    """Brings one object towards what it asks for.

    Guarantees by the caller: never two calls for one key at once; a call follows every change; others may run beside.
    Callers must expect: running twice changes nothing; a missing object is a normal case (return Result()).
    Any other exception is logged with the key and retried with per-key exponential backoff.
    """

    async def reconcile(self, request: Request) -> Result:
        """Observe, plan, act, write status."""
        ...
