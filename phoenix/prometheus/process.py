"""A Prometheus of one run: started beside a meter, on loopback, holding what the meter feeds it, gone with it.

It belongs to the session of the process that starts it, so that the shim ends it whatever becomes of that one, but to a
process group of its own, so that it can still be asked while its starter drains. Bounded: it scrapes nothing and
holds the few series that queries read, for as long as a run lasts; the Go runtime is told a memory limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from phoenix.apimachinery.urls import fault_of_url
from phoenix.prometheus.client import Access, PrometheusClient
from phoenix.prometheus.errors import PrometheusError, Unreachable

_LOG = logging.getLogger("phoenix.prometheus")
_PR_SET_PDEATHSIG = 1
_READY_S, _STOP_S, _VERSION_S = 30.0, 3.0, 10.0
_POLL_S = 0.05
_MEMORY = "512MiB"
_CONFIG = "global: {scrape_interval: 1h}\n"
_VERSION_TEXT = re.compile(r"version (\d+\.\d+\.\d+)")


@dataclass(frozen=True, slots=True)
class Place:
    """The Prometheus that answers a meter's queries: one to be started (`binary`, on `port` of loopback), or one at
    `url` that takes remote write and is not ours to end."""

    url: str = ""
    binary: str = ""
    port: int = 0

    @classmethod
    def from_json(cls, wire: object) -> Self:
        """Raises ValueError with what is wrong."""
        if not isinstance(wire, dict):
            msg = "want an object with url, or with binary and port"
            raise ValueError(msg)
        url, binary, port = wire.get("url") or "", wire.get("binary") or "", wire.get("port") or 0
        if not isinstance(url, str) or not isinstance(binary, str) or not isinstance(port, int) or not (url or binary):
            msg = "want an object with url, or with binary and port"
            raise ValueError(msg)
        if url and (fault := fault_of_url(url)):
            raise ValueError(fault)
        return cls(url, binary, port)


@asynccontextmanager
async def at(place: Place, folder: Path) -> AsyncIterator[str]:
    """The URL of the Prometheus of a place, started where it is ours. Raises Unreachable."""
    if place.url:
        yield place.url
        return
    async with running(place.binary, folder, place.port) as url:
        yield url


async def version_of(binary: str) -> str:
    """The version a binary says of itself; empty where it is no Prometheus, or cannot be run."""
    try:
        process = await asyncio.create_subprocess_exec(
            binary, "--version", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    except OSError:
        return ""
    try:
        async with asyncio.timeout(_VERSION_S):
            output, _ = await process.communicate()
    except TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = output.decode(errors="replace")
    found = _VERSION_TEXT.search(text) if text.startswith("prometheus") else None
    return found[1] if found is not None else ""


@asynccontextmanager
async def running(binary: str, folder: Path, port: int) -> AsyncIterator[str]:
    """A Prometheus of its own data in `folder` (made anew, and deleted at the end); its URL once it answers.

    Raises:
        Unreachable: it cannot be started, or does not become ready; the message has what it last wrote.
    """
    await asyncio.to_thread(_made_anew, folder)
    log = folder / "log"
    process = await _started(binary, folder, port, log)
    url = f"http://127.0.0.1:{port}"
    try:
        await _wait_ready(process, url, log)
        _LOG.info("a Prometheus of its own answers queries pid=%d url=%s", process.pid, url)
        yield url
    finally:
        await _stop(process)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _made_anew(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    (folder / "prometheus.yml").write_text(_CONFIG)


async def _started(binary: str, folder: Path, port: int, log: Path) -> asyncio.subprocess.Process:
    libc, parent = ctypes.CDLL(None), os.getpid()

    def prepare() -> None:
        os.setpgid(0, 0)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked to be told
            os._exit(1)

    command = [
        binary, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver",
        "--storage.tsdb.retention.time=100y", "--query.max-concurrency=8", "--log.level=warn",
    ]  # fmt: skip
    environment = {"PATH": os.environ.get("PATH", ""), "GOMEMLIMIT": _MEMORY, "GOMAXPROCS": "2"}
    try:
        with log.open("wb") as output:
            return await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, env=environment,
                preexec_fn=prepare,
            )  # fmt: skip
    except OSError as error:
        msg = f"{binary} cannot be started: {error.strerror}; give another one with --prometheus"
        raise Unreachable(msg) from error


async def _wait_ready(process: asyncio.subprocess.Process, url: str, log: Path) -> None:
    async with PrometheusClient(Access(url, timeout_s=2.0)) as client:
        try:
            async with asyncio.timeout(_READY_S):
                while process.returncode is None:
                    with contextlib.suppress(PrometheusError):
                        if await client.ready():
                            return
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            pass
    said = " | ".join((await asyncio.to_thread(log.read_text, errors="replace")).strip().splitlines()[-3:])
    end = f"ended with {process.returncode}" if process.returncode is not None else f"was not ready in {_READY_S:g}s"
    msg = f"the Prometheus of this run {end}: {said or 'it wrote nothing'}"
    raise Unreachable(msg)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.kill()  # NB: what it holds is deleted anyway, and it would take seconds to write it out
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:  # what it hangs in is the kernel's; the meter's last windows are not to be lost over it
        _LOG.warning("the Prometheus of this run was killed and has not ended in %gs pid=%d", _STOP_S, process.pid)
