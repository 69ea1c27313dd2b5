"""Every test: `python -m tests.suite [PYTEST ARGUMENTS]`, which is what `make test` runs.

Five workers share the machine's cores: hundreds of tests drive real processes against the real clock, and wait. When at
most three of all fail, those are run once more, alone on the machine. One that fails alone, too, fails the suite; one
that passes is printed as flaky: it is a defect to mend (a missing wait, a deadline too near), not one to ship around.
More than three failures are no accident of scheduling, and fail at once.

Hundreds of Python programs are started on the way. Compiled code is kept even where PYTHONDONTWRITEBYTECODE is set:
without it each of them, and each worker, compiles all of Phoenix anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SECOND_CHANCES = 3
WORKERS = ("-n", "5", "--dist", "worksteal")


def main(arguments: list[str]) -> int:
    """Exit code of pytest: of the whole run, or of the second one of what failed in it."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="phoenix-tests-") as cache:
        keep = ("-o", f"cache_dir={cache}")
        code = subprocess.run([sys.executable, "-m", "pytest", *WORKERS, *keep, *arguments], check=False).returncode
        failed = sorted(json.loads(found.read_text()) if (found := Path(cache, "v/cache/lastfailed")).exists() else {})
        if code != 1 or not 0 < len(failed) <= SECOND_CHANCES or not all("::" in name for name in failed):
            return code
        print(f"\nOnce more, alone: {', '.join(failed)}", flush=True)
        again = subprocess.run([sys.executable, "-m", "pytest", *failed], check=False).returncode
        for name in failed if again == 0 else ():
            print(f"FLAKY {name}: failed among others, passed alone; see its failure above, and mend it")
        return again


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
