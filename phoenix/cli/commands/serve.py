"""`phoenixctl serve`: becomes `python -m phoenix.serve`, which has its own flags."""

from __future__ import annotations

from phoenix.cli.programs import program

DESCRIPTION = "Run API server and controllers, for hosts that join with `phoenixctl agent`."
EXAMPLES = """
phoenixctl serve --listen 0.0.0.0 --advertise-address 10.0.0.1
phoenixctl serve --host-lost-after 2m  end runs on a host silent for so long
phoenixctl serve --help                every flag
"""
_COMMAND = program("serve")
flags, options, run = _COMMAND.flags, _COMMAND.options, _COMMAND.run
