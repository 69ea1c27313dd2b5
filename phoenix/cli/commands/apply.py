"""`phoenixctl apply -f`: make objects what their manifests say."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from phoenix.api.schema import validate
from phoenix.apimachinery.errors import ApiError
from phoenix.cli.errors import UsageError
from phoenix.cli.exitcodes import ExitCode
from phoenix.cli.explain import explain
from phoenix.cli.fieldhints import unknown_field_lines
from phoenix.cli.files import Loaded, add_files_flag, load
from phoenix.cli.kinds import qualified
from phoenix.cli.session import Session
from phoenix.client.apply import apply
from phoenix.client.http import HttpClient
from phoenix.manifest.objects import ManifestObject

DESCRIPTION = "Make objects what their manifests say: create what is missing, change what differs, leave the rest."
EXAMPLES = """
phoenixctl apply -f resources/examples/http-microservices.yaml
phoenixctl apply -f pipelines/ -f experiments/     folders, in the order references need
phoenixctl apply -f experiment.yaml --dry-run=server
sed s/seed:.7/seed:.8/ experiment.yaml | phoenixctl apply -f -
"""


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """dry_run: none, server (everything but storing) or client (checked here, no server)."""

    files: tuple[str, ...]
    dry_run: str = "none"


def flags(parser: argparse.ArgumentParser) -> None:
    """-f, --dry-run."""
    add_files_flag(parser, required=True)
    add_dry_run_flag(parser)


def add_dry_run_flag(parser: argparse.ArgumentParser) -> None:
    """--dry-run."""
    parser.add_argument(
        "--dry-run", choices=("none", "server", "client"), default="none", nargs="?", const="client", metavar="WHERE",
        help="server: the server does everything but store; client: check the manifests here (default: none)",
    )  # fmt: skip


def options(arguments: argparse.Namespace) -> ApplyOptions:
    """Raises UsageError."""
    return ApplyOptions(tuple(arguments.filename), arguments.dry_run)


async def run(session: Session, options: ApplyOptions) -> int:
    """Apply each document by itself; exit 1 if any failed."""
    loaded = load(options.files)
    if not loaded.objects and not loaded.errors:
        raise UsageError(f"nothing to apply in {', '.join(options.files)}", "it holds no manifest")
    if options.dry_run == "client":
        return check_only(session, loaded)
    failures = Failures(session, loaded)
    async with session.client() as client:
        for found in loaded.objects:
            if failures.in_document(found):
                continue
            try:
                outcome = await _apply_one(client, found, session.namespace, dry_run=options.dry_run == "server")
            except ApiError as error:
                failures.add(explain(error, found))
                if error.reason == "Unavailable":
                    break
                continue
            suffix = " (server dry run)" if options.dry_run == "server" else ""
            session.line(f"{qualified(found.kind.info)}/{found.key.name} {outcome}{suffix}")
    return failures.code


async def _apply_one(client: HttpClient, found: ManifestObject, namespace: str, *, dry_run: bool) -> str:
    applied = await apply(client, found.wire, namespace=namespace, dry_run=dry_run)
    return str(applied.action)


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


def check_only(session: Session, loaded: Loaded, check: Callable[[ManifestObject], list[str]] | None = None) -> int:
    """What can be told without a server."""
    failures = Failures(session, loaded)
    for found in loaded.objects:
        lines = [*unknown_field_lines(found), *schema_lines(found), *(check(found) if check else ())]
        failures.add(lines)
        if not lines:
            session.line(f"{qualified(found.kind.info)}/{found.key.name} checked (client dry run)")
    return failures.code


def schema_lines(found: ManifestObject) -> list[str]:
    """`file:line: experiment/x: field: message` for everything the schema finds."""
    return [
        f"{found.where(cause.field)}: {found.ref}: {cause.field}: {cause.message}"
        for cause in validate(found.kind, found.wire)
    ]
