"""The shim: starts every workload of a host, reaps it, and outlives the agent that asked.

Why it exists: a workload's exit code is known only to its parent, and a preloaded parent forks a ready child 75 times
faster than an interpreter starts. From: one agent at a time, over a unix socket in the state folder. To: workloads,
`identity.json`, `exit.json`.

One thread, no event loop library, no buffered output: at any moment it must be safe to fork. It never decides what
should run; it ends everything only when no agent has spoken to it for `orphan_timeout_s`, or on SIGTERM.
"""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from phoenix.agent import procfs, shimwire, shimworkload
from phoenix.agent.errors import ShimRefused
from phoenix.agent.records import Identity, StateFolder, now_text
from phoenix.agent.shimchild import Child, Main
from phoenix.agent.shimwire import LINE_LIMIT_BYTES, PROTOCOL, StartRequest, encode
from phoenix.agent.shimworkload import Workload

_PR_SET_CHILD_SUBREAPER = 36
_POLL_S = 0.02  # only while a group is being ended
_OUT_LIMIT_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class ShimSettings:
    """How long a shim without an agent lives, and how long it lets its workloads end then. Seconds."""

    orphan_timeout_s: float = 60.0
    stop_grace_s: float = 10.0


@dataclass(slots=True)
class _Connection:
    """An agent's connection; `greeted` once it said hello. Output is bounded: a peer that does not read is closed."""

    number: int
    sock: socket.socket
    greeted: bool = False
    peer: str = ""
    inbox: bytearray = field(default_factory=bytearray)
    outbox: bytearray = field(default_factory=bytearray)


class ShimServer:
    """Serves one state folder until told to end. `programs`: the mains it has preloaded; `missing`: why one is not."""

    def __init__(
        self, state: StateFolder, programs: Mapping[str, Main], missing: Mapping[str, str], settings: ShimSettings
    ) -> None:
        self._state, self._programs, self._missing, self._settings = state, programs, missing, settings
        self._selector = selectors.DefaultSelector()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._workloads: dict[str, Workload] = {}
        self._connections: dict[int, _Connection] = {}
        self._next_connection = 1
        self._alone_since: float | None = time.monotonic()
        self._ending = False
        self._shutdown_waiters: list[tuple[int, int]] = []
        self._wake_read, self._wake_write = socket.socketpair()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def listen(self) -> None:
        """Take the socket, become reaper of all descendants, write the shim's own identity. Raises OSError."""
        self._libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        for sock in (self._wake_read, self._wake_write, self._listener):
            sock.setblocking(False)
        (self._state.shim / "socket").unlink(missing_ok=True)
        with shimwire.short_socket_path(self._state.shim) as path:
            old = os.umask(0o177)
            try:
                self._listener.bind(path)
            finally:
                os.umask(old)
        self._listener.listen(8)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._woken)
        stat = procfs.read_stat(os.getpid())
        assert stat is not None
        Identity(
            "shim", "", stat.pid, stat.start_time, procfs.boot_id(), "shim", "", now_text()
        ).save(self._state.shim / "identity.json")  # fmt: skip

    def run(self) -> None:
        """Serve until ended; on return no workload runs."""
        while not (self._ending and not self._workloads):
            for key, mask in self._selector.select(self._timeout_s()):
                if isinstance(key.data, _Connection):
                    self._serve(key.data, mask)
                else:
                    key.data()
            self._tick(time.monotonic())
        for connection, request in self._shutdown_waiters:
            self._answer(connection, request)
        for connection_ in list(self._connections.values()):
            self._flush(connection_)
            self._close(connection_)

    # --- time

    def _timeout_s(self) -> float | None:
        if any(workload.kill_at is not None or workload.exit is not None for workload in self._workloads.values()):
            return _POLL_S
        if self._alone_since is None:
            return None
        return max(0.0, self._alone_since + self._settings.orphan_timeout_s - time.monotonic())

    def _tick(self, now: float) -> None:
        alone = self._alone_since is not None and now - self._alone_since >= self._settings.orphan_timeout_s
        if alone and not self._ending:
            log("WARN", "no agent: ending workloads and the shim", workloads=len(self._workloads))
            self._end(now, self._settings.stop_grace_s)
        for workload in list(self._workloads.values()):
            if (workload.exit is not None or workload.kill_at is not None) and workload.settle(now):
                self._gone(workload)

    def _end(self, now: float, grace_s: float) -> None:
        """Take no more work; end what runs; `run` returns when all is gone."""
        self._ending = True
        if self._listener.fileno() >= 0:
            self._selector.unregister(self._listener)
            self._listener.close()
            (self._state.shim / "socket").unlink(missing_ok=True)
        for workload in self._workloads.values():
            workload.ask(now + grace_s)

    # --- children

    def _woken(self) -> None:
        signals = self._wake_read.recv(4096)
        if signal.SIGTERM in signals and not self._ending:
            log("INFO", "asked to end", workloads=len(self._workloads))
            self._end(time.monotonic(), self._settings.stop_grace_s)
        self._reap_strays()

    def _child_ended(self, workload: Workload) -> None:
        self._selector.unregister(workload.pidfd)
        if workload.settle(time.monotonic()):
            self._gone(workload)

    def _gone(self, workload: Workload) -> None:
        """Leader and group are gone: record it durably, then tell."""
        identity, record = workload.identity, workload.exit
        assert record is not None
        if self._selector.get_map() and workload.pidfd in self._selector.get_map():
            self._selector.unregister(workload.pidfd)
        del self._workloads[identity.workload]
        try:
            record.save(self._state.exit(identity.workload))
        except OSError as error:  # its folder is gone: nobody wants to know
            log("WARN", "exit not recorded", workload=identity.workload, error=error)
        log("INFO", "ended", workload=identity.workload, pid=identity.pid, code=record.code, signal=record.signal)
        event = {"event": "exit", "workload": identity.workload, "exit": record.to_wire()}
        for connection in list(self._connections.values()):
            if connection.greeted:
                self._send(connection, event)
        for number, request in workload.waiting:
            self._answer(number, request, exit=record.to_wire())

    def _reap_strays(self) -> None:
        """Reap adopted grandchildren; end those that left the session of a workload we know."""
        me = os.getpid()
        leaders = {workload.identity.pid for workload in self._workloads.values()}
        for stat in procfs.processes():
            if stat.ppid != me or stat.pid in leaders:
                continue
            if not stat.ended and stat.session not in leaders:
                log("WARN", "ending a stray process", pid=stat.pid)
                os.kill(stat.pid, signal.SIGKILL)
            elif stat.ended:
                os.waitpid(stat.pid, os.WNOHANG)

    # --- connections

    def _accept(self) -> None:
        if self._listener.fileno() < 0:
            return  # closed by what was served before in the same round
        sock, _ = self._listener.accept()
        sock.setblocking(False)
        connection = _Connection(self._next_connection, sock)
        self._next_connection += 1
        self._connections[connection.number] = connection
        self._selector.register(sock, selectors.EVENT_READ, connection)

    def _serve(self, connection: _Connection, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._flush(connection)
        if not mask & selectors.EVENT_READ or connection.number not in self._connections:
            return
        try:
            data = connection.sock.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        connection.inbox += data
        if not data or len(connection.inbox) > LINE_LIMIT_BYTES:
            self._close(connection)
            return
        *lines, rest = bytes(connection.inbox).split(b"\n")
        connection.inbox = bytearray(rest)
        for line in lines:
            self._handle(connection, line)

    def _handle(self, connection: _Connection, line: bytes) -> None:
        request: Any = None
        try:
            request = shimwire.decode(line)
            self._dispatch(connection, request)
        except (ShimRefused, ValueError, KeyError, TypeError, OSError) as error:
            number = request.get("id", 0) if isinstance(request, dict) else 0
            text = str(error) if isinstance(error, ShimRefused) else f"{type(error).__name__}: {error}"
            self._send(connection, {"id": number, "ok": False, "error": text})

    def _dispatch(self, connection: _Connection, request: dict[str, Any]) -> None:
        number, now = int(request["id"]), time.monotonic()
        if request["op"] == "hello":
            self._hello(connection, request)
        elif not connection.greeted:
            msg = "say hello first"
            raise ShimRefused(msg)
        elif request["op"] == "start":
            identity = self._start(StartRequest.from_wire(request["start"]))
            self._answer(connection.number, number, identity=identity.to_wire())
        elif request["op"] == "stop":
            workload = self._workloads.get(str(request["workload"]))
            if workload is None:
                self._answer(connection.number, number, exit=None)
                return
            workload.waiting.append((connection.number, number))
            workload.ask(now + float(request["grace_s"]))
        elif request["op"] == "list":
            self._answer(connection.number, number, workloads=self._list())
        elif request["op"] == "shutdown":
            self._shutdown_waiters.append((connection.number, number))
            self._end(now, float(request["grace_s"]))
        else:
            msg = f"unknown request {request['op']!r}: agent and shim differ in version; restart the shim"
            raise ShimRefused(msg)

    def _hello(self, connection: _Connection, request: dict[str, Any]) -> None:
        if request.get("protocol") != PROTOCOL:
            msg = f"this shim speaks protocol {PROTOCOL}, not {request.get('protocol')}"
            raise ShimRefused(msg)
        other = next((c for c in self._connections.values() if c.greeted and c is not connection), None)
        if other is not None:
            # The newcomer has the agents' lock, so the other is gone; a child it forked may hold its end open.
            log("WARN", "a new agent takes over", old=other.peer, new=request.get("peer", ""))
            self._close(other)
        connection.greeted, connection.peer = True, str(request.get("peer", ""))
        self._alone_since = None
        self._answer(
            connection.number, int(request["id"]), pid=os.getpid(), workloads=self._list(),
            programs=sorted(self._programs), missing=dict(self._missing),
        )  # fmt: skip

    def _list(self) -> list[dict[str, Any]]:
        return [workload.identity.to_wire() for workload in self._workloads.values()]

    def _start(self, request: StartRequest) -> Identity:
        if self._ending:
            msg = "the shim is ending"
            raise ShimRefused(msg)
        if request.workload in self._workloads:
            msg = f"workload {request.workload} runs already"
            raise ShimRefused(msg)
        main = self._programs.get(request.program)
        if not request.path and main is None:
            why = self._missing.get(request.program, "the shim knows no such program")
            msg = f"cannot start {request.program}: {why}"
            raise ShimRefused(msg)
        folder = self._state.workload(request.workload)
        child = Child(
            request.program, request.argv, folder, self._state.log(request.workload),
            None if request.path else main, request.path,
        )  # fmt: skip
        workload = shimworkload.start(request, child, self._state, self._libc)
        self._workloads[request.workload] = workload
        self._selector.register(workload.pidfd, selectors.EVENT_READ, lambda: self._child_ended(workload))
        log("INFO", "started", workload=request.workload, program=request.program, pid=workload.identity.pid)
        return workload.identity

    def _answer(self, connection: int, request: int, **fields: Any) -> None:
        if found := self._connections.get(connection):
            self._send(found, {"id": request, "ok": True, **fields})

    def _send(self, connection: _Connection, message: dict[str, Any]) -> None:
        connection.outbox += encode(message)
        if len(connection.outbox) > _OUT_LIMIT_BYTES:
            self._close(connection)  # it does not read: it may connect again and list
            return
        self._flush(connection)

    def _flush(self, connection: _Connection) -> None:
        try:
            while connection.outbox:
                del connection.outbox[: connection.sock.send(connection.outbox)]
        except BlockingIOError:
            pass
        except OSError:
            self._close(connection)
            return
        if connection.number in self._connections:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.outbox else 0)
            self._selector.modify(connection.sock, events, connection)

    def _close(self, connection: _Connection) -> None:
        if self._connections.pop(connection.number, None) is None:
            return
        self._selector.unregister(connection.sock)
        connection.sock.close()
        if connection.greeted:
            self._alone_since = time.monotonic()


def log(level: str, message: str, **fields: object) -> None:
    """One line to the shim's log, written at once: nothing may wait in a buffer when the shim forks."""
    pairs = "".join(f" {key}={value}" for key, value in fields.items())
    os.write(2, f"{now_text()} {level} {message}{pairs}\n".encode())
