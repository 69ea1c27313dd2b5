"""`phoenixctl drain`: cordon a host and move away what runs there."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from phoenix.api.collector import Collector
from phoenix.api.experiment import Experiment
from phoenix.api.host import Host
from phoenix.api.loadgenerator import LoadGenerator
from phoenix.api.meter import Meter
from phoenix.apimachinery.errors import NotFound
from phoenix.cli.cordoning import add_host_argument, host_ref, set_unschedulable
from phoenix.cli.draining import Occupants, Process, occupants, refusal, still_there
from phoenix.cli.errors import CliError, WaitFailed
from phoenix.cli.kinds import Ref, qualified
from phoenix.cli.options import add_timeout_flag
from phoenix.cli.progress import Progress
from phoenix.cli.session import Session
from phoenix.client.http import HttpClient

DESCRIPTION = """\
Cordon a host and move away what runs there, before it is taken down. Collectors of deployments end there; their
deployments go on with the hosts that are left. A run that measures there is waited for until --timeout, and never
broken off without --force, which stops it."""
EXAMPLES = """
phoenixctl drain edge-7
phoenixctl drain edge-7 --timeout 10m               wait for a run that measures there
phoenixctl drain edge-7 --force                     stop it instead
phoenixctl uncordon edge-7                          and it is used again
"""
_LOOK_EVERY_S = 0.3
_KINDS: tuple[type[Process], ...] = (Collector, LoadGenerator, Meter)


@dataclass(frozen=True, slots=True)
class DrainOptions:
    """Which host, and how hard."""

    ref: Ref
    force: bool
    timeout_s: float


def flags(parser: argparse.ArgumentParser) -> None:
    """HOST, --force, --timeout."""
    add_host_argument(parser, several=False)
    parser.add_argument("--force", action="store_true", help="stop runs that measure there; delete what nobody owns")
    add_timeout_flag(parser, "2m")


def options(arguments: argparse.Namespace) -> DrainOptions:
    """Raises UsageError."""
    return DrainOptions(host_ref(arguments.host), arguments.force, arguments.timeout)


async def run(session: Session, options: DrainOptions) -> int:
    """Cordon, then evict until the host is empty. Raises CliError where it is refused, WaitFailed out of time."""
    async with session.client() as client:
        await set_unschedulable(session, client, options.ref, True)
        found = await _look(client, options.ref.name)
        if not options.force:
            why, hint = refusal(found, datetime.now(UTC), options.timeout_s)
            if why:
                raise CliError(f"{options.ref} is cordoned, but not drained: {why}", hint)
        done: set[str] = set()
        try:
            async with asyncio.timeout(options.timeout_s), Progress(session, "") as progress:
                while not found.none:
                    progress.text = f"waiting for {still_there(found)}"
                    await _evict(session, client, found, options.force, done)
                    await asyncio.sleep(_LOOK_EVERY_S)
                    found = await _look(client, options.ref.name)
        except TimeoutError:
            raise WaitFailed(
                f"{options.ref} is cordoned, but not empty after {options.timeout_s:g} s: {still_there(found)}",
                f"see `phoenixctl describe {options.ref}`: a host whose agent does not answer ends nothing",
            ) from None
    session.line(f"{qualified(Host.info)}/{options.ref.name} drained")
    return 0


async def _look(client: HttpClient, host: str) -> Occupants:
    processes: list[Process] = []
    for kind in _KINDS:
        processes += (await client.list(kind, field_selector=f"spec.host={host}")).items
    return occupants(processes, (await client.list(Experiment)).items if processes else ())


async def _evict(session: Session, client: HttpClient, found: Occupants, force: bool, done: set[str]) -> None:
    """Begin what may be begun; each object once."""
    for item in (*found.evicted, *(found.loose if force else ())):
        if item.metadata.uid in done:
            continue
        done.add(item.metadata.uid)
        try:
            await client.raw_delete(item.info, item.metadata.name, item.metadata.namespace)
        except NotFound:
            continue
        session.line(f"{qualified(item.info)}/{item.metadata.name} evicted")
    for run_ in found.runs if force else ():
        if run_.metadata.uid in done:
            continue
        done.add(run_.metadata.uid)
        change = {"spec": {"suspend": True}}
        await client.raw_patch(Experiment.info, run_.metadata.name, run_.metadata.namespace, change)
        session.line(f"{qualified(Experiment.info)}/{run_.metadata.name} stopping")
        session.note(f"`phoenixctl start {run_.ref} -n {run_.metadata.namespace}` begins its next run on other hosts")
    session.out.flush()
