"""Machines made of network namespaces: a bridge of ours, and a namespace a host with its own address. Needs root."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


def why_not() -> str:
    """Why there can be no namespaces here; empty: there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "there is no `ip` (package iproute2)"
    probe = f"phx{os.getpid()}probe"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"no network namespace can be made: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", probe], check=True)
    return ""


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"


@dataclass(frozen=True, slots=True)
class Network:
    """One subnet. `gateway`: our own address in it. `addresses`: host → its address."""

    tag: str
    gateway: str
    addresses: dict[str, str]

    def inside(self, host: str, command: Sequence[str]) -> list[str]:
        """The command as it runs on that host."""
        return ["ip", "netns", "exec", f"{self.tag}{host}", *command]

    def pull_the_cable(self, host: str) -> None:
        """No packet comes to the host or leaves it; its own addresses stay."""
        _ip("link", "set", f"{self.tag}{host}", "down")

    def plug_it_in(self, host: str) -> None:
        """And packets go again."""
        _ip("link", "set", f"{self.tag}{host}", "up")


@contextlib.contextmanager
def network(*hosts: str) -> Iterator[Network]:
    """A network with these hosts (names of one letter or two); all of it is removed at the end."""
    tag, subnet = f"px{os.getpid()}", f"10.213.{os.getpid() % 250 + 1}"
    made = Network(tag, f"{subnet}.1", {host: f"{subnet}.{number}" for number, host in enumerate(hosts, 2)})
    bridge = f"{tag}br"
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("addr", "add", f"{made.gateway}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for host, address in made.addresses.items():
            ours = f"{tag}{host}"
            _ip("netns", "add", ours)
            _ip("link", "add", ours, "type", "veth", "peer", "name", "eth0", "netns", ours)
            _ip("link", "set", ours, "master", bridge, "up")
            for command in (
                ("addr", "add", f"{address}/24", "dev", "eth0"),
                ("link", "set", "eth0", "up"),
                ("link", "set", "lo", "up"),
            ):
                _ip("-n", ours, *command)
        yield made
    finally:
        for host in hosts:
            subprocess.run(["ip", "link", "del", f"{tag}{host}"], capture_output=True, check=False)
            subprocess.run(["ip", "netns", "del", f"{tag}{host}"], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", bridge], capture_output=True, check=False)
