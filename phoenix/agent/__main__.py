"""`python -m phoenix.agent`: one host against an API server."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

from phoenix.agent.agent import Agent
from phoenix.agent.config import AgentConfig
from phoenix.agent.errors import AgentError
from phoenix.client.config import ClientConfig
from phoenix.client.errors import ConfigError
from phoenix.client.http import HttpClient


def _label(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        msg = f"{text!r} is not a label: write key=value"
        raise argparse.ArgumentTypeError(msg)
    return key, value


def _parse(argv: list[str]) -> tuple[AgentConfig, Path | None]:
    parser = argparse.ArgumentParser(prog="python -m phoenix.agent", description=__doc__)
    parser.add_argument("--state", type=Path, default=Path("state"), help="state folder (default: state)")
    parser.add_argument("--host", default="", help="name of this host (default: its hostname)")
    parser.add_argument("--address", default="127.0.0.1", help="address its processes listen on")
    parser.add_argument("--label", type=_label, action="append", default=[], metavar="KEY=VALUE", help="Host label")
    parser.add_argument("--otelcol", default="", help="path of a collector binary (default: from PATH)")
    parser.add_argument("--kubeconfig", type=Path, default=None, help="default: STATE/endpoint.json")
    parser.add_argument("--stop-workloads", action="store_true", help="end all workloads when the agent ends")
    options = parser.parse_args(argv)
    config = AgentConfig(
        options.state, labels=dict(options.label), address=options.address, otelcol_path=options.otelcol,
        stop_workloads=options.stop_workloads, **({"host_name": options.host} if options.host else {}),
    )  # fmt: skip
    return config, options.kubeconfig


async def _serve(config: AgentConfig, client_config: ClientConfig) -> None:
    async with HttpClient(client_config) as client:
        task = asyncio.create_task(Agent(client, config).run(), name="agent")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task


def main(argv: list[str]) -> int:
    """Run until SIGTERM or SIGINT; returns 0, or 1 with a line on stderr when the agent cannot run."""
    config, kubeconfig = _parse(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        client_config = (
            ClientConfig.from_kubeconfig(kubeconfig)
            if kubeconfig
            else ClientConfig.from_endpoint_file(config.state_dir / "endpoint.json")
        )
        asyncio.run(_serve(config, client_config))
    except (AgentError, ConfigError) as error:
        sys.stderr.write(f"agent: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
