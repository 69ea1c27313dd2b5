"""What anyone may ask: is it alive, is it ready, which version."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from phoenix.apiserver.responses import object_response

_KUBERNETES_MINOR = 32  # the dialect: kubectl's dispatcher takes the client of this version


@dataclass(slots=True)
class Health:
    """Ready between start and stop."""

    ready: bool = False

    def live(self) -> web.Response:
        """/livez and /healthz: the loop turns."""
        return web.Response(text="ok")

    def readiness(self) -> web.Response:
        """/readyz: requests are served."""
        return (
            web.Response(text="ok") if self.ready else web.Response(status=503, text="not ready: starting or stopping")
        )


def version_info(version: str) -> dict[str, Any]:
    """The body of /version."""
    return {
        "major": "1",
        "minor": str(_KUBERNETES_MINOR),
        "gitVersion": f"v1.{_KUBERNETES_MINOR}.0+phoenix.{version}",
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": f"python{platform.python_version()}",
        "compiler": platform.python_implementation().lower(),
        "platform": f"{platform.system().lower()}/{platform.machine()}",
    }


def version_response(version: str) -> web.Response:
    """/version."""
    return object_response(version_info(version))
