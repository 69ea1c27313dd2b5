"""The token a child program reports with: its own, good for the run of its object alone, renewed before it ends.

Why it exists: what a program is handed must not open more than it needs; the state folder's token opens everything.
From: `POST …/NAME/token` of the object. To: two files in the object's folder, `token` and an `endpoint.json` that takes
the address from the host's own one, so that a server that moves is found without our help. The server forgets the
token with the object, the folder goes with it too. Renewing must never hold a process up: a server that is away is
asked again later.
"""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

from phoenix.agent.launch import ProcessObject
from phoenix.agent.records import write_durable
from phoenix.aio.backoff import Backoff
from phoenix.aio.clock import Clock
from phoenix.apimachinery.errors import ApiError, Conflict, NotFound
from phoenix.client.interface import Client

_log = logging.getLogger(__name__)
ENDPOINT, TOKEN = "endpoint.json", "token"
_LONGEST_S = 3600.0
"""Between two renewals: also how long a program is without one when the server lost the key it signs with."""
_SHORTEST_S = 30.0


class ProcessToken:
    """The token files of one object. Run `run()` as a task beside its worker; it ends by cancellation.

    Args:
        folder: the object's own.
        host_endpoint: endpoint.json of the host.
    """

    def __init__(self, folder: Path, host_endpoint: Path, client: Client, clock: Clock) -> None:
        self._folder, self._host_endpoint = folder, host_endpoint
        self._client, self._clock = client, clock
        self._obj: ProcessObject | None = None
        self._wanted = asyncio.Event()
        self._renew_at = 0.0
        self._lock = asyncio.Lock()

    @property
    def endpoint_file(self) -> Path:
        """What the program is told to read."""
        return self._folder / ENDPOINT

    def want(self, obj: ProcessObject) -> None:
        """Its program reports: keep the token good from now on."""
        self._obj = obj
        self._wanted.set()

    async def provide(self, obj: ProcessObject) -> None:
        """Return with the files there. Those of an earlier start do, while the server is away.

        Raises:
            ApiError: there is none yet, and the server gives none.
            OSError: it cannot be written.
        """
        self.want(obj)
        if self._renew_at == 0.0 and not (self.endpoint_file.exists() and (self._folder / TOKEN).exists()):
            await self._renew(obj)

    async def run(self) -> None:
        """Renew what is wanted, from the first look on: how long an adopted program's token is good nobody noted."""
        await self._wanted.wait()
        backoff = Backoff(1.0, 300.0)
        while True:
            pause_s = self._renew_at - self._clock.monotonic()
            if self._renew_at and pause_s > 0:
                await self._clock.sleep(pause_s)
                continue
            assert self._obj is not None
            try:
                await self._renew(self._obj)
            except (NotFound, Conflict):
                _log.debug("no token any more, the object is gone object=%s", self._obj.key)
                return
            except (ApiError, OSError) as error:
                delay_s = backoff.next_s()
                _log.warning("token not renewed object=%s in_s=%.1f: %s", self._obj.key, delay_s, error)
                await self._clock.sleep(delay_s)
            else:
                backoff.reset()

    async def _renew(self, obj: ProcessObject) -> None:
        async with self._lock:
            if self._renew_at > self._clock.monotonic():
                return  # the other of the two that ask has just done it
            meta = obj.metadata
            grant = await self._client.request_token(type(obj), meta.name, meta.namespace, uid=meta.uid)
            await asyncio.to_thread(self._write, grant.token)
            left_s = (grant.expires_at - self._clock.now()).total_seconds() if grant.expires_at else _LONGEST_S
            self._renew_at = self._clock.monotonic() + max(_SHORTEST_S, min(_LONGEST_S, left_s / 2))

    def _write(self, token: str) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # NB: the token first: an endpoint file that is there names one that is.
        write_durable(self._folder / TOKEN, token.encode())
        said = {"endpointFile": str(self._host_endpoint), "tokenFile": TOKEN}
        write_durable(self.endpoint_file, json.dumps(said).encode())
