"""A Phoenix as a reader of the documentation has it: started by `phoenixctl up`, used by pasted commands."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.docs.pages import ROOT, Block
from tests.harness.leftovers import groups_of, processes_of
from tests.harness.lifeline import LIFELINE

SHORT = "timing: {warmup: 8s, duration: 5s, interval: 500ms}"
"""The examples ask for rates over 5 s: what they read must not reach back to the first seconds, which may come late."""
_TIMING = re.compile(r"^  timing: \{.*\}$", re.M)


class Failed(AssertionError):
    """A command ended with a code that is not 0."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"exit code {code}: {said}")
        self.code = code


class Reader:
    """Sits in a copy of the repository's examples with `phoenixctl` on PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.environment = {
            **os.environ,
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PHOENIX_STATE": str(self.state),
            "COLUMNS": "100",
            "NO_COLOR": "1",
        }
        self._up: subprocess.Popen[bytes] | None = None
        self._groups: frozenset[int] = frozenset()
        examples = folder / "resources" / "examples"
        examples.mkdir(parents=True)
        (folder / "bin").symlink_to(ROOT / "bin")
        shutil.copytree(ROOT / "resources" / "examples" / "gitops", examples / "gitops")
        for path in sorted((ROOT / "resources" / "examples").glob("*.yaml")):
            (examples / path.name).write_text(_TIMING.sub(f"  {SHORT}", path.read_text()))

    def start(self, command: str = "phoenixctl up", *, within_s: float = 30) -> None:
        """Start Phoenix and wait until it says ready."""
        with (self.folder / "up.log").open("ab") as log:
            self._up = subprocess.Popen(
                [*LIFELINE, *command.split(), "--port", "0", "--request-log"],
                cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        assert self._up.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._up.stdout, selectors.EVENT_READ)
            line = self._up.stdout.readline() if selector.select(within_s) else b""
        assert b"Phoenix is ready at https://127.0.0.1:" in line, self.log()[-3000:]

    def stop(self) -> None:
        """Ctrl-C; nothing may be left."""
        if self._up is None:
            return
        self._groups |= groups_of(self.state)
        self._up.send_signal(signal.SIGINT)
        code = self._up.wait(timeout=40)
        assert self._up.stdout is not None
        self._up.stdout.close()
        self._up = None
        left = processes_of(self.state, self._groups)
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        assert not left
        assert code == 0, self.log()[-3000:]

    def log(self) -> str:
        """What `up` wrote to stderr."""
        return (self.folder / "up.log").read_text()

    def run(self, block: Block | str, *, within_s: float = 90) -> str:
        """Run a block as pasted into a shell that stops at the first failure; what it wrote to stdout."""
        text = block if isinstance(block, str) else block.text
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=within_s, check=False,
        )  # fmt: skip
        self._groups |= groups_of(self.state)
        said = f"{block}\n{text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        if done.returncode != 0:
            raise Failed(done.returncode, said)
        assert "Traceback" not in done.stderr, said
        return done.stdout


def have_kubectl() -> bool:
    """Whether there is a kubectl."""
    return shutil.which("kubectl") is not None


@contextlib.contextmanager
def reader(folder: Path) -> Iterator[Reader]:
    """A reader with a running Phoenix, stopped at the end; nothing of it may be left."""
    found = Reader(folder)
    found.start()
    try:
        yield found
    finally:
        found.stop()
