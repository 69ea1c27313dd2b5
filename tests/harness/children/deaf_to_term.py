"""A child that ignores SIGTERM and has a helper in its group that ignores it too."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

from tests.harness.children.ready import load, serve


def main(argv: list[str]) -> int:
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(3600)
    return asyncio.run(serve(load(argv), deaf=True))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
