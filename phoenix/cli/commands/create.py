"""`phoenixctl create -f`: objects that must not exist yet."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from phoenix.apimachinery.errors import ApiError
from phoenix.cli.commands.apply import Failures, add_dry_run_flag, check_only
from phoenix.cli.errors import UsageError
from phoenix.cli.explain import explain
from phoenix.cli.files import add_files_flag, load
from phoenix.cli.kinds import qualified, scope
from phoenix.cli.session import Session

DESCRIPTION = "Create objects. One that is there already is an error; `apply` changes those."
EXAMPLES = """
phoenixctl create -f resources/examples/aa.yaml
phoenixctl create -f run.yaml                 metadata.generateName gives each a new name
"""


@dataclass(frozen=True, slots=True)
class CreateOptions:
    """See apply.ApplyOptions."""

    files: tuple[str, ...]
    dry_run: str = "none"


def flags(parser: argparse.ArgumentParser) -> None:
    """-f, --dry-run."""
    add_files_flag(parser, required=True)
    add_dry_run_flag(parser)


def options(arguments: argparse.Namespace) -> CreateOptions:
    """Raises UsageError."""
    return CreateOptions(tuple(arguments.filename), arguments.dry_run)


async def run(session: Session, options: CreateOptions) -> int:
    """Create each document by itself; exit 1 if any failed."""
    loaded = load(options.files)
    if not loaded.objects and not loaded.errors:
        raise UsageError(f"nothing to create in {', '.join(options.files)}", "it holds no manifest")
    if options.dry_run == "client":
        return check_only(session, loaded)
    failures = Failures(session, loaded)
    params = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if options.dry_run == "server" else {})
    async with session.client() as client:
        for found in loaded.objects:
            if failures.in_document(found):
                continue
            info = found.kind.info
            namespace = scope(info, found.key.namespace or session.namespace)
            try:
                made = await client.raw_create(info, found.wire, namespace, params=params)
            except ApiError as error:
                failures.add(explain(error, found))
                continue
            suffix = " (server dry run)" if options.dry_run == "server" else ""
            session.line(f"{qualified(info)}/{made['metadata']['name']} created{suffix}")
    return failures.code
