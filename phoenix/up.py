"""All of Phoenix in one process: API server, controllers and agent, on one state folder.

A composition file: the three still meet only at the API. Without the agent it is `phoenix.serve`. Ends on SIGTERM or
SIGINT in the order controllers, agent (with its workloads), server. When it is killed instead, the shim keeps the
workloads for a while and the next `up` adopts them.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import uvloop

from controllers.wiring import DEFAULT_PATIENCE, HostPatience, Manifests, wire
from phoenix.agent.agent import Agent
from phoenix.agent.config import AgentConfig
from phoenix.agent.errors import AgentError
from phoenix.agent.flags import add_flags as add_agent_flags
from phoenix.agent.logs import LocalLogs
from phoenix.aio.clock import SYSTEM_CLOCK
from phoenix.aio.program import ProgramParser, settle_collector
from phoenix.aio.signals import shutdown_event
from phoenix.apiserver.config import DEFAULT_PORT, ServerConfig
from phoenix.apiserver.flags import ServingOptions, options_of, port
from phoenix.apiserver.flags import add_flags as add_serving_flags
from phoenix.apiserver.server import ApiServer
from phoenix.apiserver.servingtls import UnusableCertificate
from phoenix.client.apply import apply
from phoenix.client.config import ClientConfig
from phoenix.client.http import HttpClient
from phoenix.gitops.flags import FIELD_MANAGER as WATCH_MANAGER
from phoenix.gitops.flags import add_manifest_flags, roots_of, source_manifest
from phoenix.manifest.errors import InvalidManifests
from phoenix.manifest.tree import load_tree
from phoenix.runtime.manager import Manager
from phoenix.samples.errors import SamplesError
from phoenix.store.interface import StoreError

CATALOG = Path(__file__).resolve().parents[1] / "resources" / "catalog"
FIELD_MANAGER = "phoenix-catalog"

_log = logging.getLogger("phoenix.up")


class CannotStart(Exception):
    """Phoenix cannot start with what it was told; the message says why and what to do."""


REFUSALS = (CannotStart, StoreError, SamplesError, AgentError, InvalidManifests)
"""Errors that are answers, not defects: said in a line, without a traceback."""


@dataclass(frozen=True, slots=True)
class UpConfig:
    """What `up` is told.

    Args:
        state: state folder, made when it is not there.
        port: API port; None: the last one used if it is free, else the default, else any; 0: any.
        labels: labels of this host.
        host_name: name of this host; None: the machine's.
        catalog: folder of manifests applied at the start; None: none.
        otelcol: a real collector's binary; empty: looked for on PATH.
        prometheus: a Prometheus's binary, or the URL of one that takes remote write; empty: looked for on PATH.
        recordings: folder of recordings that experiments may have replayed; None: `recordings` in the state folder.
        request_log: log each API request.
        agent: run this machine's agent too; False: hosts join by `phoenixctl agent`.
        listen: address the API is bound to.
        advertise: host name or address in the URL given to clients; empty: `listen`.
        patience: when a host counts as silent, and as lost.
        watch: directories kept applied, each by a ManifestSource.
        manifest_roots: folders below which other ManifestSources may read.
        serving: certificates, audit log and limits of the API.
    """

    state: Path
    port: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    host_name: str | None = None
    catalog: Path | None = CATALOG
    otelcol: str = ""
    prometheus: str = ""
    recordings: Path | None = None
    request_log: bool = False
    agent: bool = True
    listen: str = "127.0.0.1"
    advertise: str = ""
    patience: HostPatience = DEFAULT_PATIENCE
    watch: tuple[Path, ...] = ()
    manifest_roots: tuple[Path, ...] = ()
    serving: ServingOptions = field(default_factory=ServingOptions)


async def run(config: UpConfig, stop: asyncio.Event, *, ready: asyncio.Event | None = None) -> None:
    """Run until `stop` is set. `ready` is set when the API answers, controllers run and an agent of ours is registered.

    Raises:
        CannotStart: the state folder cannot be used, or the port is taken.
        StoreLocked and others of `REFUSALS`: such as that another Phoenix has this state folder.
    """
    server = await _serve(config)
    try:
        _remember(config.state, server.url)
        async with HttpClient(
            ClientConfig.from_endpoint_file(config.state / "endpoint.json"), user_agent="phoenix-up"
        ) as client:
            await _apply_catalog(client, config.catalog)
            for directory in config.watch:
                await client.server_side_apply(source_manifest(directory), field_manager=WATCH_MANAGER, force=True)
            await _run_programs(config, client, stop, ready)
    finally:
        await server.stop()
        (config.state / "up.json").unlink(missing_ok=True)


async def _serve(config: UpConfig) -> ApiServer:
    """A server that answers; OS errors of a start become CannotStart."""
    try:
        config.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        msg = f"cannot make the state folder {config.state}: {error.strerror}; give another one with --state"
        raise CannotStart(msg) from error
    port = choose_port(config)
    settings = ServerConfig(
        state=config.state,
        host=config.listen,
        port=port,
        advertise_host=config.advertise,
        request_log=config.request_log,
        **config.serving.settings(),
    )
    server = ApiServer(settings, logs=LocalLogs(config.state) if config.agent else None)
    try:
        await server.start()
    except UnusableCertificate as error:
        msg = f"{error}; correct --tls-cert-file, --tls-private-key-file or --client-ca-file"
        raise CannotStart(msg) from error
    except PermissionError as error:
        msg = f"cannot write to the state folder {config.state}: {error}; make it yours, or give another with --state"
        raise CannotStart(msg) from error
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            msg = (
                f"{config.listen} is no address of this machine: give one of its own with --listen, or 0.0.0.0 for all"
            )
            raise CannotStart(msg) from error
        if error.errno != errno.EADDRINUSE:
            raise
        msg = f"port {port} is taken by another program; give another with --port, or --port 0 for any free one"
        raise CannotStart(msg) from error
    return server


async def _run_programs(config: UpConfig, client: HttpClient, stop: asyncio.Event, ready: asyncio.Event | None) -> None:
    manager = Manager(client)
    manifests = Manifests(client, roots_of(config.watch, config.manifest_roots))
    wire(manager, SYSTEM_CLOCK, config.patience, manifests, event_ttl_s=config.serving.event_ttl_s)
    agent = Agent(client, _agent_config(config)) if config.agent else None
    async with asyncio.TaskGroup() as group:
        host = group.create_task(agent.run(), name="agent") if agent else None
        controllers = group.create_task(manager.run(stop), name="controllers")
        announce = group.create_task(_announce(manager, agent, ready), name="ready")
        settle_collector()
        await stop.wait()
        announce.cancel()
        await asyncio.wait({controllers})
        if host is not None:
            host.cancel()


async def _announce(manager: Manager, agent: Agent | None, ready: asyncio.Event | None) -> None:
    await manager.started.wait()
    if agent is not None:
        await agent.ready.wait()
    if ready is not None:
        ready.set()


def _agent_config(config: UpConfig) -> AgentConfig:
    found = AgentConfig(
        config.state, labels=config.labels, recordings=config.recordings, otelcol_path=config.otelcol,
        prometheus=config.prometheus, stop_workloads=True,
    )  # fmt: skip
    return replace(found, host_name=config.host_name) if config.host_name else found


async def _apply_catalog(client: HttpClient, catalog: Path | None) -> None:
    """Keep the shipped templates, profiles and price books applied; what people changed in them is merged, not lost."""
    if catalog is None:
        return
    for found in load_tree(catalog):
        await apply(client, found.wire, field_manager=FIELD_MANAGER)


def choose_port(config: UpConfig) -> int:
    """The port to serve: as told; else the last one or the default, when it is free; else any."""
    if config.port is not None:
        return config.port
    try:
        last = int(json.loads((config.state / "port.json").read_text())["port"])
    except (OSError, ValueError, KeyError, TypeError):
        last = DEFAULT_PORT
    return last if _is_free(config.listen, last) else 0


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
                return False
            raise
    return True


def _remember(state: Path, url: str) -> None:
    (state / "port.json").write_text(json.dumps({"port": int(url.rsplit(":", 1)[1])}))
    (state / "up.json").write_text(json.dumps({"pid": os.getpid(), "url": url}))


def _parse(argv: Sequence[str]) -> UpConfig:
    parser = ProgramParser(prog="phoenixctl up", description="Run all of Phoenix on one state folder.")
    parser.add_argument("--state", type=Path, default=Path("state"), help="state folder (default: state)")
    parser.add_argument("--port", type=port, help="API port; 0: any (default: the last one used, else 7443 if free)")
    parser.add_argument("--label", action="append", default=[], metavar="KEY=VALUE", help="label of this host")
    parser.add_argument("--host-name", help="name of this host (default: the machine's)")
    parser.add_argument("--catalog", type=Path, default=CATALOG, help="folder of manifests applied at the start")
    add_agent_flags(parser)
    parser.add_argument("--request-log", action="store_true", help="log each API request")
    add_manifest_flags(parser)
    add_serving_flags(parser)
    found = parser.parse_args(argv)
    for label in found.label:
        if "=" not in label:
            parser.error(f"--label {label}: write KEY=VALUE")
    return UpConfig(
        state=found.state.resolve(),
        port=found.port,
        labels=dict(label.split("=", 1) for label in found.label),
        host_name=found.host_name,
        catalog=found.catalog,
        otelcol=found.otelcol,
        recordings=found.recordings.resolve() if found.recordings else None,
        prometheus=found.prometheus,
        request_log=found.request_log,
        watch=tuple(found.watch),
        manifest_roots=tuple(found.manifest_root),
        serving=options_of(parser, found),
    )


async def run_until_signal(config: UpConfig) -> None:
    """`run` until SIGTERM or SIGINT, saying on stdout when it is ready."""
    stop, ready = shutdown_event(), asyncio.Event()

    async def say() -> None:
        await ready.wait()
        url = json.loads((config.state / "up.json").read_text())["url"]
        print(f"Phoenix is ready at {url} (kubeconfig: {config.state / 'kubeconfig'})", flush=True)  # noqa: T201

    async with asyncio.TaskGroup() as group:
        saying = group.create_task(say(), name="say ready")
        await run(config, stop, ready=ready)
        saying.cancel()


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `python -m phoenix.up`; the exit code: 1, with a line on stderr, where it cannot start."""
    return start("up", _parse(sys.argv[1:] if argv is None else argv))


def start(program: str, config: UpConfig) -> int:
    """Run to the end; the exit code, see `main`."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # its line for each change says nothing of what changed
    try:
        uvloop.run(run_until_signal(config))
    except (*REFUSALS, BaseExceptionGroup) as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        sys.stderr.write(f"{program}: {refusal}\n")
        return 1
    return 0


def refusal_of(error: BaseException) -> BaseException | None:
    """The first of `REFUSALS` in an error or a group of nothing else; None where there is a defect among them."""
    if not isinstance(error, BaseExceptionGroup):
        return error if isinstance(error, REFUSALS) else None
    found = [refusal_of(one) for one in error.exceptions]
    return found[0] if all(found) else None


if __name__ == "__main__":
    sys.exit(main())
