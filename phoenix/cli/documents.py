"""What verbs that read manifests share: which files, where a dry run ends, and faults with their file and line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

from phoenix.api.schema import validate
from phoenix.cli.changing import add_dry_run_flag
from phoenix.cli.exitcodes import ExitCode
from phoenix.cli.fieldhints import unknown_field_lines
from phoenix.cli.files import Loaded, add_files_flag, load, nothing_in
from phoenix.cli.kinds import qualified
from phoenix.cli.session import Session
from phoenix.manifest.objects import ManifestObject


def add_file_flags(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """-f, --dry-run."""
    add_files_flag(parser, required=required)
    add_dry_run_flag(parser)


def load_some(files: tuple[str, ...], verb: str) -> Loaded:
    """What the files hold; `verb` is what nothing is there to do. Raises UsageError where there is nothing."""
    loaded = load(files)
    if not loaded.objects and not loaded.errors:
        raise nothing_in(files, verb)
    return loaded


class Failures:
    """Collects what went wrong, each fault reported when it is met."""

    def __init__(self, session: Session, loaded: Loaded) -> None:
        self._session = session
        self.count = 0
        for fault in loaded.errors:
            self.add([str(fault)])

    def add(self, lines: Iterable[str]) -> None:
        """Report."""
        for line in lines:
            self.count += 1
            self._session.error(line)

    def in_document(self, found: ManifestObject) -> bool:
        """Whether a document has fields nobody knows; reported with their lines."""
        before = self.count
        self.add(unknown_field_lines(found))
        return self.count > before

    @property
    def code(self) -> int:
        """1 if anything went wrong."""
        return ExitCode.ERROR if self.count else ExitCode.OK


def check_only(
    session: Session,
    loaded: Loaded,
    check: Callable[[ManifestObject], list[str]] | None = None,
    done: Callable[[ManifestObject], None] | None = None,
) -> int:
    """What can be told without a server; `done` says so of a sound object (default: a line)."""
    failures = Failures(session, loaded)
    for found in loaded.objects:
        lines = [*unknown_field_lines(found), *schema_lines(found), *(check(found) if check else ())]
        failures.add(lines)
        if lines:
            continue
        if done is not None:
            done(found)
        else:
            session.line(f"{qualified(found.kind.info)}/{found.key.name} checked (client dry run)")
    return failures.code


def schema_lines(found: ManifestObject) -> list[str]:
    """`file:line: experiment/x: field: message` for everything the schema finds."""
    return [
        f"{found.where(cause.field)}: {found.ref}: {cause.field}: {cause.message}"
        for cause in validate(found.kind, found.wire)
    ]
