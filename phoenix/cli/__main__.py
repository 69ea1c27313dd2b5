"""`python -m phoenix.cli`."""

import sys

from phoenix.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
