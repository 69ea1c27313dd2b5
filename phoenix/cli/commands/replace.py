"""`phoenixctl replace`: make objects exactly what their manifests say."""

from __future__ import annotations

import argparse
from contextlib import suppress
from dataclasses import dataclass

from phoenix.apimachinery.errors import ApiError, NotFound
from phoenix.cli.changing import ChangeOptions, Outcomes, add_change_flags, read_change
from phoenix.cli.documents import Failures, load_some
from phoenix.cli.explain import explain
from phoenix.cli.files import add_files_flag
from phoenix.cli.gone import until_gone
from phoenix.cli.kinds import scope
from phoenix.cli.options import add_timeout_flag
from phoenix.cli.selecting import Target
from phoenix.cli.session import Session
from phoenix.cli.wire import send
from phoenix.client.http import HttpClient
from phoenix.gitops.drift import SERVER_FIELDS
from phoenix.manifest.objects import ManifestObject

DESCRIPTION = (
    "Replace objects with their manifests: what a manifest does not say is gone, unlike with `apply`. With --force\n"
    "the object is deleted and created anew."
)
EXAMPLES = """
phoenixctl get exp http-lean -o yaml > exp.yaml      edit it, then:
phoenixctl replace -f exp.yaml                       refused if it changed meanwhile
phoenixctl replace --force -f exp.yaml               a new object, a new run
"""


@dataclass(frozen=True, slots=True)
class ReplaceOptions:
    """Which manifests; force: delete, then create."""

    files: tuple[str, ...]
    change: ChangeOptions
    force: bool = False
    subresource: str = ""
    timeout_s: float = 60.0


def flags(parser: argparse.ArgumentParser) -> None:
    """-f, --force, --subresource, --dry-run, -o."""
    add_files_flag(parser, required=True)
    parser.add_argument("--force", action="store_true", help="delete the object, wait, and create it anew")
    parser.add_argument(
        "--subresource", choices=("", "status"), default="", metavar="NAME", help="status: replace the status only"
    )
    add_timeout_flag(parser, "60s")
    add_change_flags(parser, "replace", ("none", "server"))


def options(arguments: argparse.Namespace) -> ReplaceOptions:
    """Raises UsageError."""
    change = read_change(arguments)
    return ReplaceOptions(
        tuple(arguments.filename), change, arguments.force, arguments.subresource, arguments.timeout
    )  # fmt: skip


async def run(session: Session, options: ReplaceOptions) -> int:
    """Replace each document by itself; exit 1 if any failed."""
    loaded = load_some(options.files, "replace")
    failures, outcomes = Failures(session, loaded), Outcomes(session, options.change)
    if not loaded.objects:
        return failures.code
    async with session.client() as client:
        for found in loaded.objects:
            if not found.key.name:
                failures.add([f"{found.where('metadata')}: it has no metadata.name: which object is to be replaced?"])
                continue
            if options.change.validation == "Strict" and failures.in_document(found):
                continue
            info = found.kind.info
            target = Target(found.kind, found.key.name, scope(info, found.key.namespace or session.namespace))
            try:
                await _replace(session, client, target, found, options, outcomes)
            except NotFound as error:
                failures.add([f"{line}; `phoenixctl create` makes it" for line in explain(error, found)])
            except ApiError as error:
                failures.add(explain(error, found))
    return max(failures.code, outcomes.finish())


async def _replace(
    session: Session,
    client: HttpClient,
    target: Target,
    found: ManifestObject,
    options: ReplaceOptions,
    outcomes: Outcomes,
) -> None:
    params, wire = options.change.params, dict(found.wire)
    meta = dict(wire.get("metadata") or {})
    if options.force and options.change.dry_run == "none":
        with suppress(NotFound):
            answer = await send(client, "DELETE", target.path, {"propagationPolicy": "Background"})
            if answer.get("kind") != "Status":
                await until_gone(session, client, [(target, str(answer["metadata"]["uid"]))], options.timeout_s)
        meta = {key: value for key, value in meta.items() if key not in SERVER_FIELDS}
        made = await send(
            client, "POST", target.info.path(target.namespace), wire | {"metadata": meta}, params=params
        )  # fmt: skip
        outcomes.done(target.info, "replaced", made)
        return
    path = target.info.path(target.namespace, target.name, options.subresource)
    if not meta.get("resourceVersion"):
        live = await send(client, "GET", path)
        meta["resourceVersion"] = live["metadata"]["resourceVersion"]
    after = await send(client, "PUT", path, wire | {"metadata": meta}, params=params)
    outcomes.done(target.info, "replaced", after)
