"""kubectl as it is installed here: run to its end, or followed line by line."""

from __future__ import annotations

import copy
import json
import os
import selectors
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.docs.running import Reader
from tests.harness.lifeline import LIFELINE

WITHIN_S = 30
TOO_LONG_S = 15
"""For waits that must end by themselves."""


class Kubectl:
    """kubectl with a home of its own, in a namespace."""

    def __init__(self, at: Reader, folder: Path, namespace: str) -> None:
        self.folder, self.namespace = folder, namespace
        self.home = at.folder / "home"
        self.program = "kubectl"
        self.environment = {
            **os.environ, "HOME": str(self.home), "KUBECONFIG": str(at.state / "kubeconfig"),
            "KUBECTL_COMMAND_HEADERS": "false",
        }  # fmt: skip

    def by(self, program: Path) -> Kubectl:
        """The same with another program, and a home of that one's own."""
        found = copy.copy(self)
        found.program = str(program)
        found.environment = self.environment | {"HOME": str(self.home / program.name)}
        return found

    def run(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it, whatever comes of it."""
        return subprocess.run(
            [*LIFELINE, self.program, "--namespace", self.namespace, *arguments],
            input=stdin, capture_output=True, text=True, timeout=WITHIN_S, cwd=self.folder,
            env=self.environment | environment,
        )  # fmt: skip

    def __call__(self, *arguments: str, stdin: str = "", code: int = 0, **environment: str) -> str:
        """What it says, both ways; its exit code must be `code`."""
        done = self.run(*arguments, stdin=stdin, **environment)
        assert done.returncode == code, f"kubectl {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def object(self, *arguments: str) -> dict[str, Any]:
        """An object or list as kubectl has it."""
        found: dict[str, Any] = json.loads(self.run("get", *arguments, "-o", "json").stdout)
        return found

    def write(self, name: str, *objects: dict[str, Any]) -> str:
        """A file with these objects; its path."""
        path = self.folder / name
        wire = objects[0] if len(objects) == 1 else {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        path.write_text(json.dumps(wire))
        return str(path)


def experiment(name: str, *, labels: dict[str, str] | None = None, seed: int = 7, **metadata: Any) -> dict[str, Any]:
    """One that does nothing."""
    return {
        "apiVersion": "phoenix.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": name, **({"labels": labels} if labels else {}), **metadata},
        "spec": {
            "suspend": True,
            "source": {"load": {"profileRef": {"name": "realistic"}, "seed": seed}},
            "variants": [
                {"name": "baseline", "role": "Baseline", "pipeline": {"templateRef": {"name": "baseline"}}},
                {"name": "candidate", "role": "Candidate", "pipeline": {"templateRef": {"name": "http-lean"}}},
            ],
            "timing": {"duration": "12s"},
        },
    }


class watching:  # noqa: N801 - used as a context manager
    """Lines of a kubectl that goes on until it is ended; each must come in time."""

    def __init__(self, kubectl: Kubectl, *arguments: str) -> None:
        program = shutil.which("kubectl")
        assert program
        self._process = subprocess.Popen(
            [*LIFELINE, program, "--namespace", kubectl.namespace, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=kubectl.folder, env=kubectl.environment,
        )  # fmt: skip

    def __enter__(self) -> Iterator[str]:
        return self._lines()

    def _lines(self) -> Iterator[str]:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            rest = b""
            while True:
                while b"\n" in rest:
                    line, rest = rest.split(b"\n", 1)
                    yield line.decode()
                assert selector.select(TOO_LONG_S), "no line in time"
                data = os.read(self._process.stdout.fileno(), 65536)
                assert data, "kubectl ended"
                rest += data

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
