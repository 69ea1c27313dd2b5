"""`phoenixctl agent`: becomes `python -m phoenix.agent`, which has its own flags."""

from __future__ import annotations

from phoenix.cli.programs import program

DESCRIPTION = "Run this machine's processes for an API server on another one."
EXAMPLES = """
phoenixctl agent --server https://10.0.0.1:7443 --ca-file ca.crt --token-file token
phoenixctl agent                       the server remembered in the state folder
phoenixctl agent --label role=edge --advertise-address 10.0.0.2
phoenixctl agent --help                every flag
"""
_COMMAND = program("agent")
flags, options, run = _COMMAND.flags, _COMMAND.options, _COMMAND.run
