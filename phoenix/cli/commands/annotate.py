"""`phoenixctl annotate`: annotations, for people and tools."""

from __future__ import annotations

from phoenix.cli.marking import Mark, marking

DESCRIPTION = "Set annotations of objects, or remove them: KEY=VALUE sets, KEY- removes."
EXAMPLES = """
phoenixctl annotate exp http-lean ticket=OPS-41
phoenixctl annotate exp/http-lean ticket- note='second try' --overwrite
phoenixctl annotate pd --all owner=sre -o name
"""
_COMMAND = marking(Mark("annotations", "annotate", "annotated", "annotated"))
flags, options, run = _COMMAND.flags, _COMMAND.options, _COMMAND.run
