"""`python -m phoenix.analysis`: an AnalysisInput as JSON on stdin, the AnalysisOutcome as JSON on stdout.

For controllers, whose loop must not be held up by a large analysis. A fault of the input is one line a fault on
stderr and exit code 2.
"""

from __future__ import annotations

import sys

from pydantic import ValidationError

from phoenix.analysis.judge import analyze
from phoenix.analysis.model import AnalysisInput


def main() -> int:
    """Read, judge, write. Returns the exit code."""
    try:
        inputs = AnalysisInput.model_validate_json(sys.stdin.buffer.read())
    except ValidationError as error:
        for fault in error.errors():
            sys.stderr.write(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}\n")
        return 2
    sys.stdout.write(analyze(inputs).model_dump_json(by_alias=True, exclude_none=True))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
