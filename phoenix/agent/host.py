"""The Host object of this machine: made once, then a heartbeat."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

import phoenix
from phoenix.agent import procfs
from phoenix.agent.config import AgentConfig
from phoenix.agent.errors import AgentError
from phoenix.agent.records import write_durable
from phoenix.aio.backoff import Backoff
from phoenix.aio.clock import Clock
from phoenix.api.host import Host, HostEngine
from phoenix.apimachinery.conditions import parse_timestamp, set_condition, timestamp
from phoenix.apimachinery.errors import AlreadyExists, ApiError, Conflict, Forbidden, Invalid, NotFound
from phoenix.apimachinery.meta import ObjectMeta
from phoenix.client.interface import Client

_log = logging.getLogger(__name__)
HOST_ID = "phoenix.io/host-id"
_SILENT_AFTER_HEARTBEATS = 4


@dataclass(frozen=True, slots=True)
class HostSelf:
    """What this host knows of itself."""

    host_id: str
    engines: list[HostEngine]
    prometheus: str = ""


def host_id(state_dir: Path) -> str:
    """The id of this state folder's host, made at the first ask. Raises OSError."""
    path = state_dir / "host-id"
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        made = str(uuid.uuid4())
        write_durable(path, f"{made}\n".encode())
        return made


def labels(config: AgentConfig) -> dict[str, str]:
    """The labels of the Host: the configured ones, and its name under both keys."""
    return {**config.labels, "kubernetes.io/hostname": config.host_name, "phoenix.io/host": config.host_name}


class HostReporter:
    """Registers the host and says that it lives. `processes`: how many run now. `registered`: set by the first beat."""

    def __init__(
        self, client: Client, config: AgentConfig, self_: HostSelf, clock: Clock, processes: Callable[[], int]
    ) -> None:
        self._client, self._config, self._self, self._clock = client, config, self_, clock
        self._processes = processes
        self.registered = asyncio.Event()

    async def run(self) -> None:
        """Register, then heartbeat until cancelled; a server that is away is waited for.

        Raises:
            AgentError: another machine that is alive has this name, or the token is not this host's.
        """
        backoff = Backoff(0.2, self._config.heartbeat_s)
        while True:
            try:
                host = await self._registered()
                await self._write(host, ready=True)
            except Conflict:
                continue  # somebody wrote in between: read again, now
            except Invalid as error:
                msg = f"host {self._config.host_name!r} cannot be registered: {error.message}"
                raise AgentError(msg) from error
            except Forbidden as error:
                if self.registered.is_set():
                    _log.warning("no heartbeat host=%s: %s", self._config.host_name, error)
                    await self._clock.sleep(backoff.next_s())
                    continue
                msg = (
                    f"host {self._config.host_name!r} may not be registered with this token: {error.message}; make one "
                    f"with `phoenixctl auth create-token --agent {self._config.host_name}`"
                )
                raise AgentError(msg) from error
            except ApiError as error:
                _log.warning("no heartbeat host=%s: %s", self._config.host_name, error)
                await self._clock.sleep(backoff.next_s())
                continue
            backoff.reset()
            self.registered.set()
            await self._clock.sleep(self._config.heartbeat_s)

    async def say_stopped(self) -> None:
        """Tell, once, that the agent is gone on purpose. Raises ApiError."""
        host = await self._client.get(Host, self._config.host_name)
        await self._write(host, ready=False)

    async def _registered(self) -> Host:
        name = self._config.host_name
        try:
            host = await self._client.get(Host, name)
        except NotFound:
            meta = ObjectMeta(name=name, labels=labels(self._config), annotations={HOST_ID: self._self.host_id})
            try:
                return await self._client.create(Host(metadata=meta))
            except AlreadyExists:
                host = await self._client.get(Host, name)
        if self._is_somebody_else(host):
            msg = (
                f"host {name!r} is registered by another agent that is alive (heartbeat {host.status.heartbeat_at}): "
                "give this agent another name"
            )
            raise AgentError(msg)
        wanted = {**host.metadata.labels, **labels(self._config)}
        if wanted != host.metadata.labels or host.metadata.annotations.get(HOST_ID) != self._self.host_id:
            patch = {"metadata": {"labels": wanted, "annotations": {HOST_ID: self._self.host_id}}}
            host = await self._client.patch(Host, name, "", patch)
        return host

    def _is_somebody_else(self, host: Host) -> bool:
        theirs = host.metadata.annotations.get(HOST_ID, "")
        if not theirs or theirs == self._self.host_id or not host.status.heartbeat_at:
            return False
        ready = next((c for c in host.status.conditions if c.type == "Ready"), None)
        if ready is None or ready.status != "True":
            return False
        silent_s = (self._clock.now() - parse_timestamp(host.status.heartbeat_at)).total_seconds()
        return silent_s < _SILENT_AFTER_HEARTBEATS * self._config.heartbeat_s

    async def _write(self, host: Host, *, ready: bool) -> None:
        now: datetime = self._clock.now()
        host = host.model_copy(deep=True)
        status = host.status
        status.address = self._config.address
        status.heartbeat_at = timestamp(now)
        status.boot_id = procfs.boot_id()
        status.agent_version = getattr(phoenix, "__version__", "")
        status.cpus = psutil.cpu_count() or 0
        status.memory_bytes = psutil.virtual_memory().total
        status.engines = self._self.engines
        status.prometheus = self._self.prometheus
        status.processes = self._processes()
        status.observed_generation = host.metadata.generation
        reason, message = ("AgentReady", "") if ready else ("AgentStopped", "its agent was stopped: start it again")
        status.conditions = set_condition(
            status.conditions, "Ready", ready, reason, message, now=now, generation=host.metadata.generation
        )
        await self._client.update_status(host)
