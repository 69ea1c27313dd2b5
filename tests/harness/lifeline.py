"""What a test starts in a session of its own ends with the test's process, even where that one is killed."""

from __future__ import annotations

import signal
import sys

_PR_SET_PDEATHSIG = 1
_CODE = f"""\
import ctypes, os, sys
ctypes.CDLL(None).prctl({_PR_SET_PDEATHSIG}, {int(signal.SIGTERM)}, 0, 0, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""

LIFELINE = (sys.executable, "-I", "-S", "-c", _CODE)
"""Words before a command: the kernel sends it SIGTERM when the thread that started it is gone. What runs is the command
itself, with the same pid, arguments and session; nothing it starts inherits this."""
