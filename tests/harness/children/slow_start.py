"""A child that is never ready: it answers 503 for an hour."""

from __future__ import annotations

import asyncio
import sys

from tests.harness.children.ready import load, serve


def main(argv: list[str]) -> int:
    return asyncio.run(serve(load(argv), ready_after_s=3600))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
