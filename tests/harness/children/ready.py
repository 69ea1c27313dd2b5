"""A well-behaved child: answers 200 on its health address at once, ends on SIGTERM with 0."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path


def health_address(config: dict) -> str:
    """Where it must answer, from either form of configuration."""
    if "healthAddress" in config:
        return config["healthAddress"]
    return next(value["endpoint"] for name, value in config["extensions"].items() if name.startswith("health_check"))


def behaviour(config: dict) -> dict:
    """How to behave: a `test` object, a target's name, or attributes of the processor `resource/test`."""
    if "test" in config:
        return config["test"]
    if "targets" in config:
        return {target["name"]: True for target in config["targets"]}
    attributes = config.get("processors", {}).get("resource/test", {}).get("attributes", [])
    return {attribute["key"]: attribute["value"] for attribute in attributes}


async def serve(config: dict, *, ready_after_s: float = 0.0, deaf: bool = False) -> int:
    started, ended = time.monotonic(), asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        ready = time.monotonic() - started >= ready_after_s
        body = f'otelcol_receiver_accepted_metric_points{{receiver="otlp"}} 42\npid {os.getpid()}\n'.encode()
        status = b"200 OK" if ready or b"/metrics" in line else b"503 Service Unavailable"
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(body)) + body)
        await writer.drain()
        writer.close()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, (lambda: None) if deaf else ended.set)
    host, port = health_address(config).rsplit(":", 1)
    async with await asyncio.start_server(answer, host, int(port)):
        print("serving", os.getpid(), flush=True)
        await ended.wait()
    print("drained", flush=True)
    return 0


def load(argv: list[str]) -> dict:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    return json.loads(parser.parse_args(argv).config.read_text())


def main(argv: list[str]) -> int:
    """Behaves as the configuration's `test` object says."""
    config = load(argv)
    test = behaviour(config)
    if test.get("invalid"):
        print("config.yaml: processors.test: this is not valid: change it", file=sys.stderr)
        return 2
    if test.get("crash"):
        print("cannot open the frobnicator", file=sys.stderr)
        return 7
    if test.get("done"):
        print("sent everything")
        return 0
    return asyncio.run(serve(config, ready_after_s=float(test.get("readyAfter", 0)), deaf=bool(test.get("deaf"))))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
