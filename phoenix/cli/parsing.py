"""The parser: verbs filled in when they are typed, and faults that name what was probably meant."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NoReturn

from phoenix.cli.errors import did_you_mean
from phoenix.cli.exitcodes import MEANINGS, ExitCode
from phoenix.cli.options import boolean
from phoenix.cli.session import is_plugin
from phoenix.cli.verbs import VERBS, Verb, elsewhere

PROG = "kubectl phoenix" if is_plugin() else "phoenixctl"
EXAMPLES = """\
examples:
  phoenixctl up                                   start Phoenix here (state in ./state)
  phoenixctl apply -f resources/examples/http-microservices.yaml
  phoenixctl watch experiment/http-lean           follow the run to its verdict
  phoenixctl get all -A
  phoenixctl wait experiment/http-lean --for=verdict --timeout=5m
"""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that gets its flags from `fill` on first use, and suggests what was meant."""

    def __init__(self, *, fill: Callable[[Parser], None] | None = None, **kwargs: Any) -> None:
        super().__init__(**{"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False, **kwargs})
        self._fill = fill

    def fill(self) -> None:
        """Load the verb's flags; once."""
        if self._fill is not None:
            fill, self._fill = self._fill, None
            fill(self)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As ArgumentParser's, with the flags filled in and switches as kubectl has them."""
        self.fill()
        words = sys.argv[1:] if args is None else args
        # NB: of a line that is being completed the last flag may have no value yet, and must stay last.
        if not (_is_completing() or any(isinstance(action, argparse._SubParsersAction) for action in self._actions)):
            words = self._settled(words)
        return super().parse_known_args(words, namespace)

    def _settled(self, words: Sequence[str]) -> list[str]:
        """The words as argparse can take them: flags first, wherever they stand, and switches as kubectl has them.

        A switch takes a value after `=` only: `--all=false`, and `--wait exp/x`, whose value is not `exp/x`.
        """
        flags: list[str] = []
        others: list[str] = []
        at = 0
        while at < len(words):
            word = words[at]
            at += 1
            if word == "--":
                others += words[at:]
                break
            if not word.startswith("-") or word == "-":
                others.append(word)
                continue
            flags += self._switch(word)
            if self._takes_next(word):
                flags += words[at : at + 1]
                at += 1
        # NB: what begins with a dash is a positional only after `--`.
        return [*flags, *(["--"] if any(word.startswith("-") and word != "-" for word in others) else []), *others]

    def _takes_next(self, word: str) -> bool:
        """Whether the word after a flag is its value."""
        if word.startswith("--"):
            action = self._option_string_actions.get(word)
            return action is not None and action.nargs is None
        for at in range(1, len(word)):
            action = self._option_string_actions.get(f"-{word[at]}")
            if action is None or action.nargs is None:
                return action is not None and at == len(word) - 1
        return False

    def _switch(self, word: str) -> list[str]:
        name, equals, value = word.partition("=")
        action = self._option_string_actions.get(name)
        if isinstance(action, argparse._StoreTrueAction) and equals:
            try:
                return [name] if boolean(value) else []
            except argparse.ArgumentTypeError as error:
                self.error(f"argument {'/'.join(action.option_strings)}: {error}")
        if action is not None and action.nargs == "?" and not equals and name.startswith("--"):
            return [f"{name}={str(action.const).lower() if action.const is True else action.const}"]
        return [word]

    def format_help(self) -> str:
        """As ArgumentParser's, with the flags filled in."""
        self.fill()
        return super().format_help()

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        hint = did_you_mean(str(value), known) or f"choose from {', '.join(known)}"
        if not isinstance(action, argparse._SubParsersAction):
            raise argparse.ArgumentError(action, f'there is no value "{value}"; {hint}')
        what = "action" if action.dest == "action" else "verb"
        if what == "verb":
            hint = elsewhere(str(value)) or did_you_mean(str(value), known)
        raise argparse.ArgumentError(None, f'there is no {what} "{value}"' + (f"; {hint}" if hint else ""))

    def check_flags(self, words: Sequence[str]) -> None:
        """Refuse a flag before the verb that is none: what follows it would be taken for the verb."""
        for word in words:
            name = word.partition("=")[0]
            short = word[:2] if not word.startswith("--") else ""
            if word.startswith("-") and not {name, short} & self._option_string_actions.keys():
                self.unknown([word])

    def unknown(self, words: Sequence[str]) -> NoReturn:
        """Refuse words nothing takes."""
        word = words[0]
        known = [option for action in self._actions for option in action.option_strings if option.startswith("--")]
        hint = did_you_mean(word.partition("=")[0], known) if word.startswith("-") else ""
        self.error(
            f"there is no {'flag' if word.startswith('-') else 'use for'} {word}" + (f"; {hint}" if hint else "")
        )

    def error(self, message: str) -> NoReturn:
        """Exit 2 with what is wrong and where help is."""
        self.exit(ExitCode.USAGE, f"error: {message}\nSee `{self.prog} --help`.\n")


def _is_completing() -> bool:
    return "_ARGCOMPLETE" in os.environ


class _RootParser(Parser):
    """Prints its verbs by group."""

    def format_help(self) -> str:
        lines = [
            "phoenixctl: compare telemetry pipelines on identical input, and promote what is proved.", "",
            f"usage: {PROG} [global flags] VERB ...", "",
        ]  # fmt: skip
        for group, verbs in groupby(VERBS, key=lambda verb: verb.group):
            lines += [f"{group}:", *(f"  {verb.name:<15} {verb.help}" for verb in verbs), ""]
        lines.append("global flags (before or after the verb):")
        lines += [f"  {', '.join(names):<26} {text}" for names, _, text in GLOBALS]
        lines += ["", "exit codes:", *(f"  {code.value:<4} {text}" for code, text in MEANINGS.items()), ""]
        return "\n".join([*lines, EXAMPLES, f"`{PROG} VERB --help` says more, with examples.", ""])


GLOBALS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("--state",), "DIR", "state folder of Phoenix (default: $PHOENIX_STATE, else ./state)"),
    (("--kubeconfig",), "FILE", "kubeconfig to use instead of a state folder (default: $KUBECONFIG's, merged)"),
    (("--context",), "NAME", "context of the kubeconfig (default: its current one)"),
    (("--cluster",), "NAME", "cluster of the kubeconfig instead of the context's"),
    (("--user",), "NAME", "user of the kubeconfig instead of the context's"),
    (("-n", "--namespace"), "NAME", 'namespace (default: the context\'s, else "default")'),
    (("-s", "--server"), "URL", "address of the API server, whatever the kubeconfig says"),
    (("--token",), "TOKEN", "bearer token, whatever the kubeconfig says"),
    (("--certificate-authority",), "FILE", "PEM of the authority that signed the server's certificate"),
    (("--insecure-skip-tls-verify",), "", "do not check the server's certificate: anybody may pose as it"),
    (("--as",), "USER", "act as this user, where the server lets you"),
    (("--as-group",), "GROUP", "and as a member of this group; may be given more than once"),
    (("--request-timeout",), "DURATION", "longest wait for one answer; 0: no limit (default: 30s)"),
)
"""Names, what their value is called (empty: they take none), and what they are for."""

_VALUE_FLAGS = frozenset(name for names, metavar, _ in GLOBALS if metavar for name in names)
_DESTINATIONS = {"--as": "impersonate", "--as-group": "impersonate_group"}


def _add_globals(parser: argparse.ArgumentParser, default: Any) -> None:
    """Those the verb has no flag of its own for."""
    group = parser.add_argument_group("global flags")
    for names, metavar, text in GLOBALS:
        free = [name for name in names if name not in parser._option_string_actions]
        if names[-1] not in free:
            continue
        said: dict[str, Any] = {"default": default, "help": text.replace("%", "%%")}
        if names[-1] in _DESTINATIONS:
            said["dest"] = _DESTINATIONS[names[-1]]
        if not metavar:
            said["action"] = "store_true"
        else:
            said |= {"metavar": metavar} | ({"action": "append"} if names[-1] == "--as-group" else {})
        added = group.add_argument(*free, **said)
        if (completer := _COMPLETERS.get(names[-1])) is not None:
            added.completer = _completer(completer)  # type: ignore[attr-defined]  # argcomplete's own way


_COMPLETERS = {
    "--namespace": "complete_namespaces",
    "--context": "complete_contexts",
    "--cluster": "complete_clusters",
    "--user": "complete_users",
}


def _completer(name: str) -> Callable[..., list[str]]:
    def complete(**given: Any) -> list[str]:
        from phoenix.cli import completing

        found: list[str] = getattr(completing, name)(**given)
        return found

    return complete


def split_at_verb(argv: Sequence[str]) -> tuple[list[str], str, list[str]]:
    """Global flags before the verb, the verb (empty: none), and what comes after it."""
    at = 0
    while at < len(argv) and argv[at].startswith("-"):
        at += 2 if argv[at] in _VALUE_FLAGS else 1
    return list(argv[:at]), argv[at] if at < len(argv) else "", list(argv[at + 1 :])


def build_parser(*, fill_all: bool = False) -> Parser:
    """The whole parser; with `fill_all` the flags of every verb are loaded at once (documentation, completion)."""
    root = _RootParser(prog=PROG)
    _add_globals(root, None)
    subparsers = root.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    for verb in VERBS:
        made = subparsers.add_parser(verb.name, help=verb.help, fill=_filler(verb))
        # NB: completion reads flags without parsing, so what is being completed must be there beforehand.
        if fill_all or re.search(rf"\b{re.escape(verb.name)}\b", os.environ.get("COMP_LINE", "")):
            made.fill()
    return root


def subparser(root: argparse.ArgumentParser, verb: str) -> Parser:
    """The parser of a verb."""
    for action in root._actions:
        if isinstance(action, argparse._SubParsersAction):
            found = action.choices[verb]
            assert isinstance(found, Parser)  # parser_class above
            return found
    raise KeyError(verb)


def _inner(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """Of a verb's actions, `rollout status`; each takes the global flags, too."""
    nested = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return [inner for action in nested for inner in action.choices.values()]


def _filler(verb: Verb) -> Callable[[Parser], None]:
    def fill(parser: Parser) -> None:
        command = verb.load()
        parser.description = command.DESCRIPTION
        parser.epilog = "examples:\n" + "\n".join(f"  {line}" for line in command.EXAMPLES.strip().splitlines())
        command.flags(parser)
        for inner in (*_inner(parser), parser):
            _add_globals(inner, argparse.SUPPRESS)

    return fill
