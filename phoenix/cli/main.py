"""From the command line to an exit code: the one place where errors become words on stderr."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

from phoenix.cli.errors import CliError
from phoenix.cli.exitcodes import ExitCode
from phoenix.cli.parsing import build_parser, split_at_verb, subparser
from phoenix.cli.session import GlobalOptions, Session
from phoenix.cli.verbs import BY_NAME, PROGRAMS


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of phoenixctl; the exit code, see `exitcodes`."""
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        return int(_main(words))
    except BrokenPipeError:
        # Whoever reads has seen enough (`| head`). stdout must not be flushed again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except OSError as error:
        # Of files and sockets commands speak themselves: this is stdout, on a full disk for one.
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EDQUOT):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.stderr.write(f"error: what was asked for cannot be written to stdout: {os.strerror(error.errno)}\n")
        return ExitCode.ERROR


def _main(words: list[str]) -> int:
    before, verb, after = split_at_verb(words)
    if verb in PROGRAMS:
        from phoenix.cli.programs import hand_over

        hand_over(before, after, PROGRAMS[verb])
    parser = build_parser()
    parser.check_flags(before)
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        # NB: flags only after a dash, as kubectl; where nothing fits, the shell offers files.
        argcomplete.autocomplete(parser, always_complete_options=False, default_completer=_nothing)  # type: ignore[arg-type]
    arguments, unknown = parser.parse_known_args(words)
    if arguments.verb is None:
        if unknown:
            parser.unknown(unknown)
        sys.stdout.write(parser.format_help())
        return ExitCode.USAGE
    if unknown:
        subparser(parser, arguments.verb).unknown(unknown)
    session = Session(GlobalOptions())
    command = BY_NAME[arguments.verb].load()
    try:
        session = Session(GlobalOptions.from_arguments(arguments))
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # from here on there may be something to undo
        outcome = command.run(session, command.options(arguments))
        code = outcome if isinstance(outcome, int) else _await(outcome)
        session.out.flush()
    except CliError as error:
        session.error(error.message, error.hint)
        return error.code
    except BaseExceptionGroup as group:
        return _report(session, _first(group))
    except Exception as error:  # noqa: BLE001  reported or raised again
        return _report(session, error)
    return code


def _nothing(**_: Any) -> list[str]:
    return []


def _await(outcome: Coroutine[Any, Any, int]) -> int:
    import asyncio

    return asyncio.run(outcome)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended a task group, not those of tasks it took along."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _report(session: Session, error: BaseException) -> int:
    # NB: imported here: by now the command has paid for them, and --help need not.
    from phoenix.apimachinery.errors import ApiError
    from phoenix.cli.explain import explain
    from phoenix.client.errors import ConfigError

    if isinstance(error, CliError):
        session.error(error.message, error.hint)
        return error.code
    if isinstance(error, ConfigError):
        session.error(str(error))
        return ExitCode.ERROR
    if isinstance(error, ApiError):
        for line in explain(error):
            session.error(line)
        return ExitCode.ERROR
    raise error
