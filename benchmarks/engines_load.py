"""Senders and one sink in a process: `python -m benchmarks.engines_load TARGET_PORT SINK_PORT MODEL SIZE SECONDS`.

Two senders, each with a load of its own (a model of a size) and a connection with one request in flight: when one is
answered the next payload follows, tick after tick of a second each. What the collector exports is taken without looking
at it. Prints JSON: points acknowledged, and seconds until the last of what came out of them was taken. Lines on stdin
are commands: `warm` (a few ticks, with pauses), `run`; each is answered by a line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator

import uvloop

from benchmarks.loadgen_throughput import DroppingSink
from phoenix.loadmodel.load import Load
from phoenix.loadmodel.profile import read_model

_WARM_ROUNDS, _WARM_TICKS = 4, 2
_SENDERS = 2
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
    """One load, over a connection that waits for each answer."""

    def __init__(self, port: int, load: Load) -> None:
        self._port = port
        self._load = load
        self._tick = 0
        load.start(_START_NS)
        self._payloads = self._ticks()

    def _ticks(self) -> Iterator[tuple[int, bytes]]:
        """Points and request, one payload after the other."""
        while True:
            for payload in self._load.tick(_START_NS + self._tick * 10**9):
                head = (
                    b"POST /v1/metrics HTTP/1.1\r\nHost: c\r\nContent-Type: application/x-protobuf\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(payload.data)
                )
                yield payload.points, head + bytes(payload.data)
            self._tick += 1

    async def send(self, *, ticks: int = 0, seconds: float = 0.0) -> int:
        """Points acknowledged: of so many ticks, or for so long."""
        ends, last = time.perf_counter() + seconds, self._tick + ticks
        acked = 0
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        try:
            while self._tick < last if ticks else time.perf_counter() < ends:
                points, request = next(self._payloads)
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
        return acked


async def _settled() -> None:
    """Until the sink has had nothing for a while."""
    seen = -1
    while seen != Sink.taken:
        seen = Sink.taken
        await asyncio.sleep(_QUIET_S)


async def main(target: int, sink: int, model: str, size: str, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", sink)
    made = read_model({"model": model, "size": size})
    senders = [Sender(target, Load(made, seed=7 + number, interval_s=1.0)) for number in range(_SENDERS)]
    print("ready", flush=True)
    while (command := await asyncio.to_thread(sys.stdin.readline)).strip():
        if command.strip() == "warm":
            for _ in range(_WARM_ROUNDS):  # what is learned from a payload is there some time after it
                await asyncio.gather(*(sender.send(ticks=_WARM_TICKS) for sender in senders))
                await _settled()
            print("warm", flush=True)
            continue
        began = time.perf_counter()
        acked = sum(await asyncio.gather(*(sender.send(seconds=seconds) for sender in senders)))
        await _settled()
        print(json.dumps({"points": acked, "seconds": Sink.last - began}), flush=True)
    server.close()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], float(sys.argv[5])))
