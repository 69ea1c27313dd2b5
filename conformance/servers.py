"""The two servers a suite can ask: a real kube-apiserver on etcd with our CRDs, and Phoenix's API server.

Both on loopback, on free ports, with TLS, in a folder of their own, ended when the block is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from ruamel.yaml import YAML

from benchmarks.etcd import etcd
from benchmarks.processes import ROOT, child, free_port, wait_until
from benchmarks.result import Unavailable
from conformance.runner import Endpoint
from phoenix.apiserver.server import ApiServer, ServerConfig

CRDS = ROOT / "schemas" / "crds"
_START_S = 90.0
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Kube:
    """A kube-apiserver that answers. `admin` speaks for system:masters."""

    pid: int
    etcd_pid: int
    admin: Endpoint
    ca_file: Path


def built(name: str) -> str:
    """Path of a program `make kube` or `make kubectl` built. Raises Unavailable."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = cache / "phoenix" / "bin" / name
    if not found.is_file():
        raise Unavailable(f"there is no {name}: run `make kube` (needs Go; about ten minutes, once)")
    return str(found)


@contextlib.contextmanager
def kube(folder: Path) -> Iterator[Kube]:
    """An empty kube-apiserver with an etcd of its own; no controllers run beside it.

    Raises:
        Unavailable: kube-apiserver or etcd is not there.
        TimeoutError: it does not become ready; its log is in the message.
    """
    program = built("kube-apiserver")
    certificates, port, token = folder / "kube", free_port(), secrets.token_urlsafe(32)
    certificates.mkdir()
    tokens, key, log = folder / "tokens.csv", folder / "accounts.key", folder / "kube-apiserver.log"
    tokens.write_text(f"{token},admin,admin,system:masters\n")
    tokens.chmod(0o600)
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    with etcd(folder, built("etcd")) as store:
        arguments = [
            program, "--etcd-servers", f"http://127.0.0.1:{store.port}", "--bind-address", "127.0.0.1",
            "--secure-port", str(port), "--cert-dir", str(certificates), "--token-auth-file", str(tokens),
            "--authorization-mode", "RBAC", "--service-account-issuer", "https://kubernetes.default.svc",
            "--service-account-key-file", str(key), "--service-account-signing-key-file", str(key),
            "--disable-admission-plugins", "ServiceAccount", "--service-cluster-ip-range", "10.0.0.0/24",
        ]  # fmt: skip
        with child(arguments, log=log) as process:
            certificate = certificates / "apiserver.crt"
            wait_until(certificate.exists, "kube-apiserver writes its certificate", within_s=_START_S)
            tls = ssl.create_default_context(cafile=str(certificate))
            tls.check_hostname = False  # the certificate it makes itself names the machine, not the address
            yield Kube(process.pid, store.pid, Endpoint(f"https://127.0.0.1:{port}", token, tls), certificate)


async def ready(endpoint: Endpoint) -> Endpoint:
    """Wait until a kube-apiserver is ready; the endpoint with its version.

    Raises TimeoutError.
    """
    ends = time.monotonic() + _START_S
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {endpoint.token}"}) as session:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(endpoint.url + "/readyz", ssl=endpoint.tls or True) as answer:
                    if answer.status == 200:
                        break
            if time.monotonic() > ends:
                raise TimeoutError("kube-apiserver is not ready; its log is kube-apiserver.log beside its data")
            await asyncio.sleep(_POLL_S)
        async with session.get(endpoint.url + "/version", ssl=endpoint.tls or True) as answer:
            found = await answer.json()
    return Endpoint(endpoint.url, endpoint.token, endpoint.tls, found["gitVersion"])


async def install(endpoint: Endpoint) -> dict[str, Any]:
    """Create our CRDs strictly and wait until each is Established and served; what became of each, by name.

    Raises:
        ValueError: one is refused; with the server's words.
        TimeoutError: one is not established.
    """
    yaml, found = YAML(typ="safe"), {}
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {endpoint.token}"}) as session:
        for file in sorted(CRDS.glob("*.yaml")):
            wire = yaml.load(file.read_text(encoding="utf-8"))
            url = f"{endpoint.url}{path}?fieldValidation=Strict"
            async with session.post(url, json=wire, ssl=endpoint.tls or True) as answer:
                if answer.status != 201:
                    raise ValueError(f"{file.name} is refused: {answer.status} {await answer.text()}")
        ends = time.monotonic() + _START_S
        for file in sorted(CRDS.glob("*.yaml")):
            while True:
                async with session.get(f"{endpoint.url}{path}/{file.stem}", ssl=endpoint.tls or True) as answer:
                    crd = await answer.json()
                conditions = {one["type"]: one for one in crd.get("status", {}).get("conditions", ())}
                if conditions.get("Established", {}).get("status") == "True":
                    found[file.stem] = crd
                    break
                if time.monotonic() > ends:
                    raise TimeoutError(f"{file.stem} is not established: {conditions}")
                await asyncio.sleep(_POLL_S)
        for crd in found.values():
            plural = crd["spec"]["names"]["plural"]
            while True:  # established a moment before it is served
                url = f"{endpoint.url}/apis/phoenix.io/v1alpha1/{plural}"
                async with session.get(url, ssl=endpoint.tls or True) as answer:
                    if answer.status == 200:
                        break
                if time.monotonic() > ends:
                    raise TimeoutError(f"{plural} is established and not served")
                await asyncio.sleep(_POLL_S)
    return found


@contextlib.asynccontextmanager
async def phoenix(folder: Path) -> AsyncIterator[Endpoint]:
    """The shipped API server on an empty state folder, without controllers."""
    async with ApiServer(ServerConfig(state=folder / "state", port=0)) as server:
        tls = ssl.create_default_context(cafile=str(server.ca_file))
        yield Endpoint(server.url, server.token, tls, "phoenix")
