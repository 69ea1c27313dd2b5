"""`phoenixctl patch`: change fields of objects in place."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from phoenix.apimachinery.errors import ApiError
from phoenix.cli.changing import ChangeOptions, Outcomes, add_change_flags, read_change
from phoenix.cli.errors import UsageError
from phoenix.cli.selecting import Selection, Target, add_selection_flags, read_selection, targets
from phoenix.cli.session import Session
from phoenix.cli.wire import PATCH_TYPES, send
from phoenix.client.http import HttpClient

DESCRIPTION = "Change fields of objects: a merge patch (null removes), or a list of JSON patch operations."
EXAMPLES = """
phoenixctl patch exp http-lean -p '{"spec":{"suspend":true}}'
phoenixctl patch exp/http-lean -p 'metadata: {labels: {team: checkout}}'
phoenixctl patch pd edge --type=json -p '[{"op":"remove","path":"/metadata/labels/team"}]'
phoenixctl patch host vm --subresource=status --patch-file status.yaml --dry-run=server -o yaml
"""
_SUBRESOURCES = ("", "status")


@dataclass(frozen=True, slots=True)
class PatchOptions:
    """Which objects, and the patch as JSON of a media type."""

    selection: Selection
    change: ChangeOptions
    patch: Any
    content_type: str
    subresource: str = ""


def flags(parser: argparse.ArgumentParser) -> None:
    """What, the patch and its type."""
    add_selection_flags(parser)
    parser.add_argument("-p", "--patch", metavar="PATCH", help="the patch, JSON or YAML")
    parser.add_argument("--patch-file", metavar="FILE|-", help="a file that holds it")
    parser.add_argument(
        "--type", choices=tuple(PATCH_TYPES), default="merge", metavar="TYPE",
        help="merge or json; strategic for namespaces and events only (default: merge)",
    )  # fmt: skip
    parser.add_argument(
        "--subresource", choices=_SUBRESOURCES, default="", metavar="NAME", help="status: patch the status"
    )
    add_change_flags(parser, "patch", ("none", "server"))


def options(arguments: argparse.Namespace) -> PatchOptions:
    """Raises UsageError."""
    if (arguments.patch is None) == (arguments.patch_file is None):
        raise UsageError("what is to be patched in?", "give the patch with -p, or a file with --patch-file")
    selection = read_selection(arguments, "patched")
    patch = _read(arguments.patch, arguments.patch_file)
    wanted = list if arguments.type == "json" else dict
    if not isinstance(patch, wanted):
        form = '[{"op":"replace","path":"/spec/…","value":…}]' if wanted is list else '{"spec":{…}}'
        raise UsageError(f"a {arguments.type} patch is {'a list' if wanted is list else 'an object'}", f"write {form}")
    kinds = [ref.kind for ref in selection.refs] + list(selection.kinds)
    if arguments.type == "strategic" and any(kind.info.group for kind in kinds):
        raise UsageError("strategic patches are of Kubernetes' own kinds", "use --type=merge or --type=json")
    return PatchOptions(
        selection, read_change(arguments), patch, PATCH_TYPES[arguments.type], arguments.subresource
    )  # fmt: skip


def _read(text: str | None, name: str | None) -> Any:
    if text is None:
        assert name is not None  # options() saw to it
        try:
            text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise UsageError(f"--patch-file {name} cannot be read: {why}") from error
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return YAML(typ="safe", pure=True).load(text)
        except YAMLError as error:
            said = str(error).splitlines()[0]
            raise UsageError(f"the patch is neither JSON nor YAML: {said}", 'write {"spec":{…}}') from error


async def run(session: Session, options: PatchOptions) -> int:
    """Patch each by itself; exit 1 if any failed."""
    outcomes = Outcomes(session, options.change)
    async with session.client() as client:
        found, outcomes.failed = await targets(session, client, options.selection)
        for target in found:
            try:
                await _patch(client, target, options, outcomes)
            except ApiError as error:
                await outcomes.refused(client, target, error)
    return outcomes.finish()


async def _patch(client: HttpClient, target: Target, options: PatchOptions, outcomes: Outcomes) -> None:
    path = target.info.path(target.namespace, target.name, options.subresource)
    before = await send(client, "GET", path)
    after = await send(
        client, "PATCH", path, options.patch, content_type=options.content_type, params=options.change.params
    )
    versions = [wire["metadata"].get("resourceVersion") for wire in (before, after)]
    same = versions[0] == versions[1] and options.change.dry_run == "none"
    outcomes.done(target.info, "patched (no change)" if same else "patched", after)
