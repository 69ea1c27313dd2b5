"""One collector configuration on either engine, as a process: fed by OTLP/HTTP, its telemetry read."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from phoenix.agent.ports import Ports
from tests.harness.eventually import eventually
from tests.harness.lifeline import LIFELINE
from tests.harness.otelcol import OTLP, required

ENGINES = ("Embedded", "Otelcol")
_PATIENCE = aiohttp.ClientTimeout(total=20)


class Running:
    """A collector with an OTLP receiver and telemetry on ports of its own. Made by `engine`."""

    def __init__(self, ports: dict[str, int], session: aiohttp.ClientSession, log: Path) -> None:
        self.ports, self._session, self._log = ports, session, log

    def said(self) -> str:
        """Its log."""
        return self._log.read_text(errors="replace")

    async def send(self, body: bytes) -> int:
        """Status of a metrics request; 0 where nothing answers."""
        url = f"http://127.0.0.1:{self.ports['otlp']}/v1/metrics"
        try:
            async with self._session.post(url, data=io.BytesIO(body), headers=OTLP) as answer:
                await answer.read()
                return answer.status
        except aiohttp.ClientError:
            return 0

    async def counters(self) -> dict[str, float]:
        """Sums of its own counters by name, without the suffix that some versions add."""
        found: dict[str, float] = {}
        async with self._session.get(f"http://127.0.0.1:{self.ports['telemetry']}/metrics") as answer:
            for line in (await answer.text()).splitlines():
                if line and not line.startswith("#"):
                    name, value = line.partition("{")[0].split(" ")[0], line.rpartition(" ")[2]
                    name = name.removesuffix("_total")
                    found[name] = found.get(name, 0.0) + float(value)
        return found


@asynccontextmanager
async def engine(which: str, folder: Path, receivers: str, rest: str, **ports: int) -> AsyncIterator[Running]:
    """Run it until the end of the block; the test is skipped where the real Collector is asked for and not there.

    Args:
        which: one of ENGINES.
        receivers: YAML below `receivers.otlp.protocols` beside http.
        rest: YAML of exporters and pipelines, with `{name}` for each port by name.
        ports: by name; `otlp` and `telemetry` are added.
    """
    ports |= Ports("127.0.0.1").take(["otlp", "telemetry", *(name for name, port in ports.items() if not port)])
    file, log = folder / f"{which}.yaml", folder / f"{which}.log"
    text = f"""\
receivers:
  otlp:
    protocols:
      http: {{endpoint: "127.0.0.1:{ports["otlp"]}"}}
{receivers}
{rest}
  telemetry:
    metrics:
      readers:
        - pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {ports["telemetry"]}, without_type_suffix: true, \
without_units: true, without_scope_info: true}}}}}}
"""
    for name, port in ports.items():
        text = text.replace(f"@{name}@", str(port))
    file.write_text(text)
    program = [sys.executable, "-m", "phoenix.collector"] if which == "Embedded" else [required()]
    with log.open("wb") as opened:
        process = await asyncio.create_subprocess_exec(
            *LIFELINE, *program, "--config", str(file), stdin=asyncio.subprocess.DEVNULL, stdout=opened, stderr=opened
        )
    try:
        async with aiohttp.ClientSession(timeout=_PATIENCE) as session:
            found = Running(ports, session, log)

            async def status() -> int:
                assert process.returncode is None, found.said()[-2000:]
                return await found.send(b"")

            await eventually(status, lambda code: code == 200, within_s=30, what=f"{which} takes metrics")
            yield found
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(40):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
