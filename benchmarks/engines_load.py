"""One sender and one sink in a process: `python -m benchmarks.engines_load TARGET_PORT SINK_PORT SIZE SECONDS`.

Sends M1 of a size as prepared payloads, over and over, one request in flight on each of two connections, and takes what
the collector exports without looking at it. Prints JSON: points acknowledged, and seconds until the last of what came
out of them was taken. Lines on stdin are commands: `warm` (each payload four times), `run`; each is answered by a line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop

from benchmarks.loadgen_throughput import DroppingSink
from phoenix.loadmodel.emitter import Emitter
from phoenix.loadmodel.load import Load, Payload

_TICKS = 6
_CONNECTIONS = 2
_QUIET_S = 0.4
_START_NS = 1_700_000_000 * 10**9


class Sink(DroppingSink):
    """`taken` is how many bytes came, of all connections, `last` when the last came."""

    taken = 0
    last = 0.0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        Sink.taken += len(data)
        Sink.last = time.perf_counter()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    msg = f"no Content-Length in {head!r}"
    raise ValueError(msg)


class Sender:
    """Payloads in turn, over connections that wait for each answer."""

    def __init__(self, port: int, payloads: list[Payload]) -> None:
        self._port = port
        self._requests = [
            (
                b"POST /v1/metrics HTTP/1.1\r\nHost: c\r\nContent-Type: application/x-protobuf\r\n"
                b"Content-Length: %d\r\n\r\n" % len(payload.data) + bytes(payload.data),
                payload.points,
            )
            for payload in payloads
        ]

    async def send(self, *, rounds: int = 0, seconds: float = 0.0) -> int:
        """Points acknowledged: all payloads so often, or for so long."""
        ends = time.perf_counter() + seconds
        queue = iter(range(rounds * len(self._requests)) if rounds else range(sys.maxsize))
        acked = 0

        async def one() -> None:
            nonlocal acked
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
            try:
                for number in queue:
                    if not rounds and time.perf_counter() > ends:
                        return
                    request, points = self._requests[number % len(self._requests)]
                    writer.write(request)
                    await writer.drain()
                    head = await reader.readuntil(b"\r\n\r\n")
                    if b" 200 " not in head.split(b"\r\n", 1)[0]:
                        msg = f"the collector answered {head!r}"
                        raise RuntimeError(msg)
                    await reader.readexactly(_length(head) if b"ength" in head else 0)
                    acked += points
            finally:
                writer.close()

        await asyncio.gather(*(one() for _ in range(_CONNECTIONS)))
        return acked


async def _settled() -> None:
    """Until the sink has had nothing for a while."""
    seen = -1
    while seen != Sink.taken:
        seen = Sink.taken
        await asyncio.sleep(_QUIET_S)


async def main(target: int, sink: int, size: str, seconds: float) -> None:
    load = Load(Emitter.from_json({"model": "M1", "size": size}), seed=7, interval_s=1.0)
    load.start(_START_NS)
    payloads = [payload for tick in range(_TICKS) for payload in load.tick(_START_NS + tick * 10**9)]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", sink)
    sender = Sender(target, payloads)
    print("ready", flush=True)
    while (command := await asyncio.to_thread(sys.stdin.readline)).strip():
        if command.strip() == "warm":
            await sender.send(rounds=4)
            await _settled()
            print("warm", flush=True)
            continue
        began = time.perf_counter()
        acked = await sender.send(seconds=seconds)
        await _settled()
        print(json.dumps({"points": acked, "seconds": Sink.last - began}), flush=True)
    server.close()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4])))
