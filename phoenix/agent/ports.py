"""Ports for workloads: free when given, never given twice by this agent, outside the range the kernel draws from.

Why outside: a port the kernel may hand to any outgoing connection can be taken between our check and the child's bind.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable
from pathlib import Path

from phoenix.agent.errors import AgentError

_LOWEST = 15_000
_FALLBACK = range(20_000, 60_000)


def kernel_range() -> tuple[int, int]:
    """First and last port the kernel gives to outgoing connections."""
    low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()
    return int(low), int(high)


def check_address(address: str) -> None:
    """Raise AgentError where this machine does not have the address."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as sock:
        try:
            sock.bind((address, 0))
        except OSError as error:
            msg = f"{address} is no address of this machine ({error.strerror}): give another with --advertise-address"
            raise AgentError(msg) from error


class Ports:
    """The ports of one host's workloads. `address`: what they will listen on."""

    def __init__(self, address: str, rng: random.Random | None = None) -> None:
        self.address, self._rng = address, rng or random.Random()
        self._taken: set[int] = set()
        low, _ = kernel_range()
        self._range = range(_LOWEST, low) if low - _LOWEST >= 2000 else _FALLBACK

    def take(self, names: Iterable[str], kept: dict[str, int] | None = None) -> dict[str, int]:
        """A port for each name: the kept one where it is still free, else a new one.

        Raises:
            AgentError: no free port is left.
        """
        chosen: dict[str, int] = {}
        for name in names:
            old = (kept or {}).get(name)
            chosen[name] = old if old is not None and self._is_free(old) else self._draw()
            self._taken.add(chosen[name])
        return chosen

    def keep(self, ports: Iterable[int]) -> None:
        """Never give these: a workload that was adopted has them."""
        self._taken.update(ports)

    def release(self, ports: Iterable[int]) -> None:
        """Their workload is gone."""
        self._taken.difference_update(ports)

    def _draw(self) -> int:
        for port in self._rng.sample(self._range, min(500, len(self._range))):
            if port not in self._taken and self._is_free(port):
                return port
        msg = f"no free port on {self.address} between {self._range.start} and {self._range.stop - 1}"
        raise AgentError(msg)

    def _is_free(self, port: int) -> bool:
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        with socket.socket(family) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as our children do: TIME_WAIT is no listener
            try:
                sock.bind((self.address, port))
            except OSError:
                return False
        return True
