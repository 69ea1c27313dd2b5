"""One of two API servers as their common client sees it: an address with TLS, a token, and processes that cost."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from benchmarks.processes import cpu_s, program

GROUP = "/apis/phoenix.io/v1alpha1"
SCRIPT = Path(__file__).with_name("kube.lua")
NUMBER, OBJECT = "@" * 8, "#" * 8
"""Stand in a request for its number, and for that of one of some objects."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a load reached: requests a second, server CPU a request, how long one took, bytes of an answer."""

    per_s: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    answer_bytes: float


@dataclass(frozen=True, slots=True)
class Side:
    """An API server. `pids`: all its processes, its database among them."""

    name: str
    url: str
    token: str
    pids: tuple[int, ...]
    folder: Path

    @property
    def port(self) -> int:
        """Where it listens on loopback."""
        return urlsplit(self.url).port or 0

    def request(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> bytes:
        """A whole request as bytes."""
        data = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        return request_bytes(self.token, method, path, data, content_type)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One answer. Raises RuntimeError: it is not a success."""
        (found,) = self.ask_all(method, path, [body])
        return found

    def ask_all(self, method: str, path: str, bodies: Iterable[Any]) -> list[Any]:
        """The answers to one body after another, over one connection. Raises RuntimeError: one is not a success."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60.0, context=unverified())
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        found: list[Any] = []
        with contextlib.closing(connection):
            for body in bodies:
                connection.request(method, path, None if body is None else json.dumps(body), headers)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status not in (200, 201):
                    msg = f"{self.name}: {method} {path}: {answer.status} {text[:300]!r}"
                    raise RuntimeError(msg)
                found.append(json.loads(text))
        return found

    def count(self, path: str) -> int:
        """How many objects a collection has."""
        page = self.ask("GET", f"{path}?limit=1")
        return len(page["items"]) + int(page["metadata"].get("remainingItemCount", 0))

    def cpu_s(self) -> float:
        """CPU seconds of all its processes so far."""
        return sum(map(cpu_s, self.pids))

    def memory_bytes(self) -> int:
        """Memory that is its processes' alone."""
        return sum(psutil.Process(pid).memory_full_info().uss for pid in self.pids)

    def load(self, request: bytes, clients: int, seconds: float, *, first: int = 0, objects: int = 1) -> Load:
        """The request again and again, one in flight a client. Raises RuntimeError: an answer was no success."""
        file = self.folder / f"request-{self.name}"
        file.write_bytes(request)
        cpu = self.cpu_s()
        ran = subprocess.run(
            [program("wrk", "wrk"), "-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s", "--timeout", "30s",
             "-s", str(SCRIPT), self.url, "--", str(file), str(first), str(objects)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        cpu = self.cpu_s() - cpu
        return measured(ran.stdout, cpu)


def measured(said: str, cpu: float) -> Load:
    """What wrk reports. Raises RuntimeError: requests failed, or none was answered."""
    found = json.loads(said.rpartition("RESULT ")[2])
    count = int(found["requests"])
    if found["failed"] or not count:
        msg = f"{found['failed']} of {count} requests failed"
        raise RuntimeError(msg)
    per_s = count / found["duration_us"] * 1e6
    return Load(per_s, cpu / count * 1e6, found["p50_us"] / 1e3, found["p99_us"] / 1e3, found["bytes"] / count)


def request_bytes(token: str, method: str, path: str, body: bytes, content_type: str) -> bytes:
    """A request as HTTP/1.1 has it."""
    lines: Sequence[str] = (
        f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}", "Accept: application/json",
        f"Content-Type: {content_type}", f"Content-Length: {len(body)}", "", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode() + body


def unverified() -> ssl.SSLContext:
    """TLS without a look at the certificate: what is measured is on this machine, and started here."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
