"""`phoenixctl completion`: what a shell sources to complete verbs, flags, kinds and names."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from phoenix.cli.session import Session

DESCRIPTION = "Print the completion script of a shell. Kinds and names of objects are completed, too."
EXAMPLES = """
source <(phoenixctl completion bash)
phoenixctl completion zsh > "${fpath[1]}/_phoenixctl"
phoenixctl completion fish > ~/.config/fish/completions/phoenixctl.fish
"""


@dataclass(frozen=True, slots=True)
class CompletionOptions:
    """Which shell."""

    shell: str


def flags(parser: argparse.ArgumentParser) -> None:
    """The shell."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), metavar="SHELL", help="bash, zsh or fish")


def options(arguments: argparse.Namespace) -> CompletionOptions:
    """As typed."""
    return CompletionOptions(arguments.shell)


def run(session: Session, options: CompletionOptions) -> int:
    """Print it."""
    from argcomplete.shell_integration import shellcode

    session.out.write(shellcode(["phoenixctl"], shell=options.shell))
    return 0
