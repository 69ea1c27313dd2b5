"""`phoenixctl label`: labels, to select by."""

from __future__ import annotations

from phoenix.cli.marking import Mark, marking

DESCRIPTION = "Set labels of objects, or remove them: KEY=VALUE sets, KEY- removes."
EXAMPLES = """
phoenixctl label exp http-lean team=checkout
phoenixctl label exp/http-lean team-
phoenixctl label hosts --all zone=b --overwrite
phoenixctl label pd edge --list
"""
_COMMAND = marking(Mark("labels", "label", "labeled", "unlabeled"))
flags, options, run = _COMMAND.flags, _COMMAND.options, _COMMAND.run
