"""A text a person edits: written to a file, opened in their editor, read again, with what is wrong in its first lines.

Nothing runs meanwhile: an editor has the terminal to itself.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from phoenix.cli.errors import CliError
from phoenix.manifest.errors import InvalidManifests
from phoenix.manifest.objects import ManifestObject, load_text

_EDITORS = ("PHOENIX_EDITOR", "KUBE_EDITOR", "EDITOR", "VISUAL")
_FALLBACK = "vi"
_INTRO = """\
# Edit the objects below. Lines that begin with a # are ignored, and an empty file ends the edit.
# When something cannot be saved, this file opens again with the reasons in its first lines.
#
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a text cannot be saved; line of the text, from 1 (0: of no line).

    A `confirmable` one is overruled by saving the text again as it is.
    """

    message: str
    line: int = 0
    confirmable: bool = False


class Buffer:
    """The text, from one opening to the next.

    Args:
        text: YAML to begin with.
        verb: what is being done, for the file's name and messages.
    """

    def __init__(self, text: str, verb: str) -> None:
        self._text = text
        self._verb = verb
        self.path: Path | None = None
        self._touched = False

    def edit(self, faults: Sequence[Fault] = ()) -> list[ManifestObject] | None:
        """Open it, until what is saved can be read; None: nothing was changed, or everything taken out.

        Args:
            faults: why the last version could not be saved, shown above it.

        Raises:
            CliError: the editor failed, or was left without a change after a fault; names the file that is kept.
        """
        while True:
            before = self._text
            saved = self._open(_head(faults))
            self._text = saved
            if not saved.strip():
                self.discard()
                return None
            if saved.strip() == before.strip():
                if faults and not (self._touched and all(fault.confirmable for fault in faults)):
                    raise self.kept(f"the {self._verb} was ended with what is wrong still in it")
                if not faults:
                    self.discard()
                    return None
            try:
                return load_text(saved)
            except InvalidManifests as invalid:
                faults = [
                    Fault(error.message + (f" ({error.hint})" if error.hint else ""), error.line)
                    for error in invalid.errors
                ]

    def discard(self) -> None:
        """Remove the file."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self.path = None

    def kept(self, problem: str) -> CliError:
        """What to say when the edit ends with changes that are in the file only."""
        return CliError(problem, f"your changes are kept in {self.path}: apply them with `phoenixctl replace -f`")

    def _open(self, head: str) -> str:
        """The text as saved, without lines of words."""
        if self.path is None:
            descriptor, name = tempfile.mkstemp(prefix=f"phoenixctl-{self._verb}-", suffix=".yaml")  # 0600
            os.close(descriptor)
            self.path = Path(name)
        written = head + self._text
        self.path.write_text(written, encoding="utf-8")
        written_at = self.path.stat().st_mtime_ns
        words = shlex.split(_editor())
        # NB: Ctrl-C in the editor is the editor's; it must not end us and lose the text.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            done = subprocess.run([*words, str(self.path)], check=False)
        except OSError as error:
            raise self._failed(f"the editor {words[0]} cannot be started: {error.strerror}", written) from error
        finally:
            signal.signal(signal.SIGINT, before)
        if done.returncode:
            raise self._failed(f"the editor {words[0]} ended with code {done.returncode}", written)
        self._touched = self.path.exists() and self.path.stat().st_mtime_ns != written_at
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        except (OSError, UnicodeDecodeError) as error:
            raise CliError(f"{self.path} cannot be read: {error}", "nothing was changed") from error
        return "".join(line for line in lines if not line.startswith("#"))

    def _failed(self, problem: str, written: str) -> CliError:
        hint = "set $EDITOR to one that waits until the file is closed"
        assert self.path is not None  # _open() made it
        if self.path.exists() and self.path.read_bytes() != written.encode():
            return CliError(problem, f"{hint}; the text is kept in {self.path}")
        self.discard()
        return CliError(problem, f"{hint}; nothing was changed")


def _head(faults: Sequence[Fault]) -> str:
    """Words above the text; lines are named as the person sees them, below these words."""
    above = _INTRO.count("\n") + len(faults)

    def shifted(found: re.Match[str]) -> str:
        return f"on line {int(found[1]) + above}"

    lines = [
        (f"line {fault.line + above}: " if fault.line else "")
        + re.sub(r"\bon line (\d+)", shifted, " ".join(fault.message.split()))
        for fault in faults
    ]
    return _INTRO + "".join(f"# {line}\n" for line in lines)


def _editor() -> str:
    return next((os.environ[name] for name in _EDITORS if os.environ.get(name)), _FALLBACK)
