"""docs/cli.md from the parser, so that it cannot say anything else. `python -m phoenix.cli.reference > docs/cli.md`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import groupby

from phoenix.cli.exitcodes import MEANINGS
from phoenix.cli.parsing import GLOBALS, Parser, build_parser, subparser
from phoenix.cli.verbs import VERBS, Verb

_INTRO = """\
# phoenixctl

<!-- Written by `python -m phoenix.cli.reference > docs/cli.md`; a test fails when it is stale. -->

Every verb speaks to the API and nothing else, so all of it works from another machine with a kubeconfig. Objects are
named `KIND/NAME` or `KIND NAME...`; `phoenixctl api-resources` lists the kinds and their short names.

Results go to stdout, words about them to stderr. Tables are cut (`…`) to the width of the terminal, or to `$COLUMNS`;
where neither is known nothing is cut. Colours are for terminals and respect `NO_COLOR` and `FORCE_COLOR`.
`source <(phoenixctl completion bash)` completes verbs, flags, kinds, names, namespaces and contexts.

With `bin` on `PATH` the same is `kubectl phoenix ...`: it then reads kubectl's kubeconfig before a `./state`.
"""


def reference() -> str:
    """The page."""
    root = build_parser(fill_all=True)
    return "\n".join([_INTRO, *_global_flags(), *_exit_codes(), *_verbs(root), ""]).rstrip() + "\n"


def _global_flags() -> Iterator[str]:
    yield "## Global flags\n\nBefore or after the verb.\n"
    for names, metavar, text in GLOBALS:
        value = f" `{metavar}`" if metavar else ""
        yield f"- {', '.join(f'`{name}`' for name in names)}{value}: {text}"
    yield ""


def _exit_codes() -> Iterator[str]:
    yield "## Exit codes\n"
    yield "| code | meaning |\n|---|---|"
    for code, meaning in MEANINGS.items():
        yield f"| {code.value} | {meaning} |"


def _verbs(root: Parser) -> Iterator[str]:
    for group, verbs in groupby(VERBS, key=lambda verb: verb.group):
        yield f"\n## {group}"
        for verb in verbs:
            yield from _verb(verb, subparser(root, verb.name))


def _verb(verb: Verb, parser: Parser) -> Iterator[str]:
    command = verb.load()
    yield f"\n### {verb.name}\n"
    yield f"{command.DESCRIPTION}\n"
    yield f"```sh\n{command.EXAMPLES.strip()}\n```\n"
    yield from _arguments(parser)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            texts = {choice.dest: choice.help for choice in action._choices_actions}
            for name, inner in action.choices.items():
                yield f"\n`{verb.name} {name}`: {texts[name]}\n"
                yield from _arguments(inner)


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        hidden = isinstance(action, argparse._HelpAction | argparse._SubParsersAction)
        if hidden or action.default is argparse.SUPPRESS:
            continue  # --help, actions, and the global flags
        names = ", ".join(f"`{name}`" for name in action.option_strings) or f"`{action.metavar or action.dest}`"
        value = f" `{action.metavar}`" if action.option_strings and action.metavar else ""
        text = (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")
        yield f"- {names}{value}: {text}"


if __name__ == "__main__":
    sys.stdout.write(reference())
