"""A real server, the manifestsource controller on real files, and a directory to write in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from controllers.wiring import Manifests, wire
from phoenix.aio.clock import SYSTEM_CLOCK
from phoenix.aio.tasks import TaskOwner
from phoenix.api.core import Event
from phoenix.api.loadprofile import LoadProfile
from phoenix.api.manifestsource import ManifestSource
from phoenix.apimachinery.conditions import find_condition
from phoenix.apimachinery.meta import Resource
from phoenix.apiserver.server import ApiServer, ServerConfig
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient
from phoenix.runtime.manager import Manager
from tests.harness.eventually import eventually

NAME = "src"
WITHIN_S = 40.0


def profile(name: str, users: int = 1, **meta: Any) -> str:
    """A manifest of one LoadProfile, as text."""
    extra = "".join(f", {key}: {value}" for key, value in meta.items())
    return (
        f"apiVersion: phoenix.io/v1alpha1\nkind: LoadProfile\nmetadata: {{name: {name}{extra}}}\n"
        f"spec:\n  otlp:\n    users: {users}\n"
    )


class Place:
    """A directory kept applied, and questions about what came of it."""

    def __init__(self, client: HttpClient, folder: Path) -> None:
        self.client = client
        self.folder = folder

    def write(self, path: str, text: str | bytes) -> Path:
        """Write a file below the directory."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
        return target

    async def source(self, name: str = NAME, **spec: Any) -> None:
        """Make the source, or change its spec."""
        wanted = {"path": str(self.folder), "prune": True, "debounce": "20ms", "pruneDelay": "200ms", **spec}
        await self.client.server_side_apply(
            {
                "apiVersion": ManifestSource.info.api_version,
                "kind": "ManifestSource",
                "metadata": {"name": name},
                "spec": wanted,
            },
            field_manager="tests",
            force=True,
        )

    async def get(self, name: str = NAME) -> ManifestSource:
        """The source as it is."""
        return await self.client.get(ManifestSource, name)

    async def profiles(self) -> dict[str, int | None]:
        """Name of every profile, and its number of users."""
        found = await self.client.list(LoadProfile)
        return {item.metadata.name: item.spec.otlp.users for item in found.items}

    async def has(self, *names: str) -> None:
        """Wait until there are these profiles and no others."""
        await self.users_are(None, *names)

    async def users_are(self, users: dict[str, int] | None, *names: str) -> None:
        """Wait until there are these profiles, with these numbers of users."""

        def same(found: dict[str, int | None]) -> bool:
            return found == users if users is not None else sorted(found) == sorted(names)

        await eventually(self.profiles, same, within_s=WITHIN_S, what=f"profiles {users or names}", every_s=0.03)

    async def until(self, holds: Callable[[ManifestSource], bool], what: str, name: str = NAME) -> ManifestSource:
        """Wait until something is so of the source."""
        return await eventually(lambda: self.get(name), holds, within_s=WITHIN_S, what=what, every_s=0.03)

    async def ready(self, name: str = NAME) -> ManifestSource:
        """Wait until everything is applied."""
        return await self.until(
            lambda source: (
                state(source, "Ready") == ("True", "Applied")
                and source.status.observed_generation == source.metadata.generation
            ),
            "Ready",
            name,
        )

    async def stalled(self, reason: str) -> ManifestSource:
        """Wait until nothing goes on, for this reason."""
        return await self.until(lambda source: state(source, "Stalled") == ("True", reason), f"Stalled: {reason}")

    async def events(self, name: str = NAME) -> dict[str, str]:
        """Reason → messages, a line each."""
        found = await self.client.list(Event, "default", field_selector=f"involvedObject.name={name}")
        ordered = sorted(found.items, key=lambda item: int(item.metadata.resource_version))
        said: dict[str, str] = {}
        for item in ordered:
            said[item.reason] = f"{said.get(item.reason, '')}{item.message}\n"
        return said

    async def told(self, *reasons: str) -> dict[str, str]:
        """Wait until there are events with these reasons: an event follows what it tells of."""
        return await eventually(
            self.events, lambda said: said.keys() >= set(reasons), within_s=WITHIN_S, what=f"{reasons}", every_s=0.03
        )

    async def gone(self, name: str = NAME) -> None:
        """Delete the source and wait until it is gone."""
        await self.client.delete(ManifestSource, name)
        await self.absent(ManifestSource, name)

    async def absent(self, kind: type[Resource], name: str) -> None:
        """Wait until an object is gone."""

        async def names() -> list[str]:
            return [item.metadata.name for item in (await self.client.list(kind)).items]

        await eventually(names, lambda found: name not in found, within_s=WITHIN_S, what=f"{name} is gone")


def state(source: ManifestSource, type_: str) -> tuple[str, str]:
    """Status and reason of a condition."""
    found = find_condition(source.status.conditions, type_)
    return (str(found.status), found.reason) if found else ("", "")


@asynccontextmanager
async def controllers(client: HttpClient, *roots: Path) -> AsyncIterator[None]:
    """Every controller, until the block is left."""
    manager = Manager(client)
    wire(manager, SYSTEM_CLOCK, manifests=Manifests(client, roots))
    async with TaskOwner() as tasks:
        tasks.start(manager.run(), name="controllers")
        await manager.started.wait()
        yield


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[HttpClient]:
    """A client to a real server."""
    state_folder = tmp_path / "state"
    async with (
        ApiServer(ServerConfig(state=state_folder, port=0)),
        HttpClient(ClientConfig.from_endpoint_file(state_folder / "endpoint.json")) as client,
    ):
        yield client


@pytest.fixture
async def place(server: HttpClient, tmp_path: Path) -> AsyncIterator[Place]:
    """A directory below the allowed root, controllers running."""
    folder = tmp_path / "root" / "manifests"
    folder.mkdir(parents=True)
    async with controllers(server, tmp_path / "root"):
        yield Place(server, folder)
