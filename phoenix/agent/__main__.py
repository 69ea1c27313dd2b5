"""`phoenixctl agent`, `python -m phoenix.agent`: one host against an API server."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from phoenix.agent.agent import Agent
from phoenix.agent.config import AgentConfig
from phoenix.agent.errors import AgentError
from phoenix.agent.flags import add_flags
from phoenix.agent.joining import Joining, own_address, remember
from phoenix.agent.ports import check_address
from phoenix.aio.program import ProgramParser, log_to_stderr
from phoenix.client.config import ClientConfig
from phoenix.client.errors import ConfigError
from phoenix.client.http import HttpClient

_HELP = "Run this machine's processes for an API server on another one (see `phoenixctl serve`)."


def _labels(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for label in text.split(","):
        key, separator, value = label.partition("=")
        if not separator or not key:
            msg = f"{label!r} is not a label: write KEY=VALUE, several with a comma between them"
            raise argparse.ArgumentTypeError(msg)
        found[key] = value
    return found


def _address(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        msg = f"{text!r} is no IP address: write one of this machine's that the other hosts reach"
        raise argparse.ArgumentTypeError(msg) from error
    if address.is_unspecified:
        msg = f"{text} is no address others could connect to: write one of this machine's"
        raise argparse.ArgumentTypeError(msg)
    return text


def _parse(argv: Sequence[str]) -> tuple[AgentConfig, Joining]:
    parser = ProgramParser(prog="phoenixctl agent", description=_HELP)
    parser.add_argument("--state", type=Path, default=Path("state"), help="state folder (default: state)")
    parser.add_argument("--server", default="", metavar="URL",
                        help="API server; remembered in the state folder (default: the one remembered)")  # fmt: skip
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="holds the token; read again when it is renewed"
    )
    parser.add_argument("--ca-file", type=Path, metavar="FILE", help="ca.crt of the server's state folder")
    parser.add_argument("--host-name", default="", metavar="NAME", help="name of this host (default: the machine's)")
    parser.add_argument("--label", "--labels", type=_labels, action="append", default=[], metavar="KEY=VALUE",
                        help="label of this host, for hostSelector; may be repeated")  # fmt: skip
    parser.add_argument("--advertise-address", type=_address, metavar="ADDRESS",
                        help="address its processes listen on and other hosts reach them at "
                             "(default: the one the server is reached from)")  # fmt: skip
    add_flags(parser)
    parser.add_argument("--stop-workloads", action="store_true",
                        help="end every workload when the agent ends (default: they go on for a minute, and the next "
                             "agent adopts them)")  # fmt: skip
    found = parser.parse_args(argv)
    labels = {key: value for one in found.label for key, value in one.items()}
    config = AgentConfig(
        found.state.resolve(), labels=labels, address=found.advertise_address or "", otelcol_path=found.otelcol,
        prometheus=found.prometheus,
        recordings=found.recordings.resolve() if found.recordings else None,
        stop_workloads=found.stop_workloads, **({"host_name": found.host_name} if found.host_name else {}),
    )  # fmt: skip
    return config, Joining(found.server, found.ca_file, found.token_file)


async def _run(config: AgentConfig, client_config: ClientConfig) -> None:
    async with HttpClient(client_config, user_agent="phoenix-agent") as client:
        agent = Agent(client, config)
        task = asyncio.create_task(agent.run(), name="agent")
        ready = asyncio.create_task(_say_ready(agent, config, client_config), name="ready")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        finally:
            ready.cancel()


async def _say_ready(agent: Agent, config: AgentConfig, client_config: ClientConfig) -> None:
    await agent.ready.wait()
    print(f"Host {config.host_name} is ready at {client_config.server}", flush=True)  # noqa: T201


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; returns 0, or 1 with a line on stderr when the agent cannot run."""
    config, joining = _parse(sys.argv[1:] if argv is None else argv)
    log_to_stderr()
    try:
        client_config = ClientConfig.from_endpoint_file(remember(config.state_dir, joining))
        config = replace(config, address=config.address or own_address(client_config.server))
        check_address(config.address)
        asyncio.run(_run(config, client_config))
    except (AgentError, ConfigError) as error:
        sys.stderr.write(f"agent: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
