"""A Phoenix of the demo's own: started as a child, stopped, and looked for afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path

from phoenix.cli.errors import CliError
from phoenix.cli.leftovers import Process, alive, recorded
from phoenix.cli.progress import Progress
from phoenix.cli.session import Session

READY_WITHIN_S = 40.0
_STOP_WITHIN_S = 25.0
_GONE_WITHIN_S = 10.0
_REMEMBER_EVERY_S = 0.5
_LOG_LINES = 15


class DemoPhoenix:
    """Owns the folder and the child process.

    Args:
        folder: made fresh; holds `state` and `up.log`.
    """

    def __init__(self, session: Session, folder: Path) -> None:
        self.folder, self.state, self.log = folder, folder / "state", folder / "up.log"
        self._session = session
        self._child: asyncio.subprocess.Process | None = None
        self._known: set[Process] = set()

    def prepare(self) -> None:
        """A fresh folder. Raises CliError where a demo runs in it, or where it is not a demo's."""
        if not self.folder.exists():
            return
        strangers = {item.name for item in self.folder.iterdir()} - {"state", "up.log"}
        if strangers:
            raise CliError(
                f"{self.folder} holds {', '.join(sorted(strangers)[:3])}, which no demo made",
                "run the demo in another folder",
            )
        running = alive(self.state, set())
        if running:
            pids = ", ".join(f"{item.pid} ({item.what})" for item in sorted(running, key=lambda item: item.pid)[:4])
            raise CliError(
                f"a demo is running in {self.folder}: {pids}",
                f"wait for its end, or end it with `kill {self._up_pid() or min(item.pid for item in running)}`; "
                "what a killed one left ends by itself within a minute",
            )
        shutil.rmtree(self.folder)

    def _up_pid(self) -> int | None:
        try:
            return int(json.loads((self.state / "up.json").read_text())["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    async def start(self) -> str:
        """Start it and wait until it is ready; what it said. Raises CliError with the end of its log."""
        self.state.mkdir(parents=True, mode=0o700)
        with self.log.open("ab") as log:
            # NB: a session of its own: Ctrl-C must reach us alone, who then stop it in order.
            self._child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "phoenix.up", "--state", str(self.state), "--port", "0",
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
        assert self._child.stdout is not None  # a PIPE was asked for
        try:
            async with asyncio.timeout(READY_WITHIN_S), Progress(self._session, "starting Phoenix"):
                line = (await self._child.stdout.readline()).decode(errors="replace").strip()
        except TimeoutError:
            raise self._failed(f"it was not ready within {READY_WITHIN_S:g} s") from None
        if not line:
            await self._child.wait()
            raise self._failed(f"it ended with code {self._child.returncode}")
        return line

    def _failed(self, why: str) -> CliError:
        with contextlib.suppress(OSError):
            tail = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
            return CliError(f"Phoenix did not start: {why}", "the end of its log:\n    " + "\n    ".join(tail))
        return CliError(f"Phoenix did not start: {why}")

    async def remember(self) -> None:
        """Note twice a second which processes there are, to look for them at the end. Ends when cancelled."""
        while True:
            self._known |= await asyncio.to_thread(recorded, self.state)
            await asyncio.sleep(_REMEMBER_EVERY_S)

    async def stop(self) -> None:
        """SIGTERM and wait; SIGKILL if it takes too long. Then look: nothing may be left.

        Raises CliError naming what is.
        """
        self._known |= recorded(self.state)
        child = self._child
        if child is not None and child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(_STOP_WITHIN_S), Progress(self._session, "stopping Phoenix"):
                    await child.communicate()
            except TimeoutError:
                self._session.warn(f"Phoenix (pid {child.pid}) did not end within {_STOP_WITHIN_S:g} s and is killed")
                child.kill()
                await child.wait()
        left = await self._leftovers()
        if left:
            for item in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(item.pid, signal.SIGKILL)
            names = ", ".join(f"{item.pid} ({item.what})" for item in left)
            raise CliError(f"Phoenix left processes behind, killed now: {names}", f"its log is {self.log}")

    async def _leftovers(self) -> list[Process]:
        deadline = asyncio.get_running_loop().time() + _GONE_WITHIN_S
        while left := await asyncio.to_thread(alive, self.state, self._known):
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.1)
        return sorted(left, key=lambda item: item.pid)

    @property
    def started(self) -> int:
        """How many processes were known of."""
        return len(self._known)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
