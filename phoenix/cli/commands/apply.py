"""`phoenixctl apply -f`: make objects what their manifests say."""

from __future__ import annotations

import argparse

from phoenix.apimachinery.errors import ApiError
from phoenix.cli.documents import Failures, FileOptions, add_file_flags, check_only, load_some
from phoenix.cli.explain import explain
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


def flags(parser: argparse.ArgumentParser) -> None:
    """-f, --dry-run."""
    add_file_flags(parser)


def options(arguments: argparse.Namespace) -> FileOptions:
    """Raises UsageError."""
    return FileOptions(tuple(arguments.filename), arguments.dry_run)


async def run(session: Session, options: FileOptions) -> int:
    """Apply each document by itself; exit 1 if any failed."""
    loaded = load_some(options.files, "apply")
    if options.dry_run == "client":
        return check_only(session, loaded)
    failures = Failures(session, loaded)
    if not loaded.objects:
        return failures.code
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
