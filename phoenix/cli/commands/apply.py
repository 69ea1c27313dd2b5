"""`phoenixctl apply -f`: make objects what their manifests say."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field

from phoenix.apimachinery.errors import ApiError, NotFound
from phoenix.cli.applying import How, add_how_flags, apply_one, how_from, to_prune
from phoenix.cli.documents import Failures, add_file_flags, check_only, load_some
from phoenix.cli.explain import explain
from phoenix.cli.kinds import qualified
from phoenix.cli.session import Session
from phoenix.client.http import HttpClient
from phoenix.manifest.objects import ManifestObject

DESCRIPTION = "Make objects what their manifests say: create what is missing, change what differs, leave the rest."
EXAMPLES = """
phoenixctl apply -f resources/examples/http-microservices.yaml
phoenixctl apply -f pipelines/ -f experiments/     folders, in the order references need
phoenixctl apply -f experiment.yaml --dry-run=server
phoenixctl apply -f pipelines/ --server-side --field-manager=ci
phoenixctl apply -f pipelines/ --prune -l team=edge      and delete what is no longer there, of that team
sed s/seed:.7/seed:.8/ experiment.yaml | phoenixctl apply -f -
"""


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """Which manifests, and how. dry_run: none, server (everything but storing) or client (checked here, no server)."""

    files: tuple[str, ...]
    dry_run: str = "none"
    how: How = field(default_factory=How)


def flags(parser: argparse.ArgumentParser) -> None:
    """-f, --dry-run, and how."""
    add_file_flags(parser)
    add_how_flags(parser)


def options(arguments: argparse.Namespace) -> ApplyOptions:
    """Raises UsageError."""
    return ApplyOptions(tuple(arguments.filename), arguments.dry_run, how_from(arguments))


async def run(session: Session, options: ApplyOptions) -> int:
    """Apply each document by itself; exit 1 if any failed."""
    loaded = load_some(options.files, "apply")
    if options.dry_run == "client":
        return check_only(session, loaded)
    failures = Failures(session, loaded)
    sound, suffix = not loaded.errors, " (server dry run)" if options.dry_run == "server" else ""
    async with session.client() as client:
        for found in loaded.objects:
            if failures.in_document(found):
                continue
            try:
                done = await apply_one(
                    client, found.wire, options.how, session.namespace, dry_run=options.dry_run == "server"
                )
            except ApiError as error:
                failures.add(explain(error, found))
                if error.reason == "Unavailable":
                    break
                continue
            session.line(f"{qualified(found.kind.info)}/{found.key.name} {done.action}{suffix}")
        if options.how.prune:
            await _prune(session, client, options, loaded.objects, failures, sound=sound)
    return failures.code


async def _prune(
    session: Session,
    client: HttpClient,
    options: ApplyOptions,
    objects: Sequence[ManifestObject],
    failures: Failures,
    *,
    sound: bool,
) -> None:
    """Delete what left the manifests, unless anything at all went wrong."""
    wires = [found.wire for found in objects]
    pruned, live = await to_prune(
        client, wires, options.how, session.namespace, sound=sound, applied=not failures.count
    )
    if pruned.hold is not None:
        failures.add([f"nothing is pruned ({len(pruned.idents)} would be): repair what is said above first"])
    dry_run = options.dry_run == "server"
    for ident in pruned.allowed:
        model = ident.model
        assert model is not None  # they were listed by kind
        try:
            await client.raw_delete(
                model.info, ident.name, ident.namespace, uid=live[ident]["metadata"]["uid"],
                params={"dryRun": "All"} if dry_run else None,
            )  # fmt: skip
        except NotFound:
            continue
        except ApiError as error:
            failures.add(explain(error))
            continue
        session.line(f"{qualified(model.info)}/{ident.name} pruned{' (server dry run)' if dry_run else ''}")
