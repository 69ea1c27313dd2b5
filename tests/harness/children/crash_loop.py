"""A child that says why and exits 7, every time; it leaves a helper behind in its group."""

from __future__ import annotations

import os
import sys
import time


def main(argv: list[str]) -> int:
    if os.fork() == 0:
        time.sleep(3600)
    print("cannot open the frobnicator", file=sys.stderr)
    return 7


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
