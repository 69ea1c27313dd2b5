"""A real server, and requests as different people."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from phoenix.apiserver.server import ApiServer, ServerConfig
from tests.integration.apiserver.conftest import GROUP_PATH, Answer, Http

RBAC = "/apis/rbac.authorization.k8s.io/v1"
BINDINGS = f"{RBAC}/namespaces/default/rolebindings"
USERS = f"{GROUP_PATH}/users"


class People(Http):
    """Requests as the admin, and with `asking` as somebody else."""

    async def join(self, name: str, *groups: str) -> str:
        """Make a User and a token of his."""
        made = await self("POST", USERS, {"metadata": {"name": name}, "spec": {"groups": list(groups)}})
        assert made.code == 201, made.body
        return await self.token(f"{USERS}/{name}")

    async def token(self, path: str) -> str:
        """A token of a User, Host or process."""
        made = await self("POST", f"{path}/token", {})
        assert made.code == 201, made.body
        return str(made.body["status"]["token"])

    async def bind(self, role: str, user: str, *, everywhere: bool = False) -> None:
        """Give a ClusterRole to a user, in `default` or everywhere."""
        path = f"{RBAC}/clusterrolebindings" if everywhere else BINDINGS
        body = {
            "metadata": {"name": f"{user}-{role}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
        }
        made = await self("POST", path, body)
        assert made.code == 201, made.body

    async def asking(self, token: str, method: str, path: str, body: object = None) -> Answer:
        """A request with somebody's token."""
        return await self(method, path, body, Authorization=f"Bearer {token}")


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[People]:
    config = ServerConfig(state=tmp_path / "state", port=0, tls=False)
    async with ApiServer(config) as server, aiohttp.ClientSession() as session:
        yield People(server, session, None)
