"""The shipped API server by itself in a process: `python -m benchmarks.server --state DIR [--tls]`.

Composes `phoenix.apiserver.server.run`, as `phoenix.up` does with `ApiServer`; there is no path for benchmarks in it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from benchmarks.processes import child, get, python, wait_until
from phoenix.aio.signals import shutdown_event
from phoenix.apiserver.config import ServerConfig
from phoenix.apiserver.server import run


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that answers."""

    pid: int
    url: str
    port: int
    token: str

    def revision(self) -> int:
        """Latest revision of its store (plain HTTP only)."""
        page = get(self.port, "/metrics", f"Authorization: Bearer {self.token}").decode()
        (line,) = (line for line in page.splitlines() if line.startswith("phoenix_store_revision "))
        return int(float(line.split()[1]))


@contextlib.contextmanager
def serving(folder: Path, *, tls: bool = False) -> Iterator[Serving]:
    """A server on a state folder of its own."""
    state = folder / f"state-{'tls' if tls else 'plain'}"
    log = folder / f"{state.name}.log"
    with child(python("benchmarks.server", "--state", str(state), *(["--tls"] * tls)), log=log) as process:
        wait_until(lambda: (state / "endpoint.json").exists() or process.poll() is not None, "the API server serves")
        if process.poll() is not None:
            msg = f"the API server ended: {log.read_text()[-2000:]}"
            raise RuntimeError(msg)
        url = str(json.loads((state / "endpoint.json").read_text())["server"])
        yield Serving(process.pid, url, urlsplit(url).port or 0, (state / "token").read_text().strip())


async def _serve(config: ServerConfig) -> None:
    stop = shutdown_event()
    task = asyncio.create_task(run(config))
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args(sys.argv[1:])
    uvloop.run(_serve(ServerConfig(state=options.state, port=0, tls=options.tls)))


if __name__ == "__main__":
    main()
