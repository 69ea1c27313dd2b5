"""`python -m phoenix.cli`."""

import signal
import sys

# Until a command runs there is nothing to undo: Ctrl-C ends us in silence, wherever imports are (130 in a shell).
# NB: ignored by who started us (`nohup`, `&` in a script) it stays ignored.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from phoenix.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
