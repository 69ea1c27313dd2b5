"""`phoenixctl up`: becomes `python -m phoenix.up`, which has its own flags."""

from __future__ import annotations

from phoenix.cli.programs import program

DESCRIPTION = "Run all of Phoenix (API server, controllers, agent) in one process on one state folder."
EXAMPLES = """
phoenixctl up                          state in ./state, port 7443 if it is free
phoenixctl up --state /var/lib/phoenix --port 8443
phoenixctl up --label role=edge        label this host, for hostSelector
phoenixctl up --help                   every flag
"""
_COMMAND = program("up")
flags, options, run = _COMMAND.flags, _COMMAND.options, _COMMAND.run
