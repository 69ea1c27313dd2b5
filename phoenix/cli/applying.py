"""What `apply` and `diff` share: how a manifest reaches the server, and what `--prune` may delete."""

from __future__ import annotations

import argparse
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phoenix.api.experiment import Experiment
from phoenix.api.loadprofile import LoadProfile
from phoenix.api.manifestsource import ManifestSource
from phoenix.api.pipeline import PipelineDeployment, PipelineTemplate
from phoenix.api.pricebook import PriceBook
from phoenix.apimachinery.meta import KindInfo, Resource
from phoenix.cli.errors import UsageError
from phoenix.cli.kinds import scope
from phoenix.client.apply import LAST_APPLIED, Action, Applied, apply
from phoenix.client.http import HttpClient
from phoenix.client.serverside import take_over_client_side
from phoenix.gitops.ids import ObjectId, id_of, id_of_wire
from phoenix.gitops.ownership import PROOF
from phoenix.gitops.plan import Circumstances, Prune, prune

PRUNED: tuple[type[Resource], ...] = (
    PipelineDeployment, Experiment, PipelineTemplate, LoadProfile, PriceBook, ManifestSource,
)  # fmt: skip
"""Kinds that --prune deletes: what people write. Namespaces are left out: others' objects would go with them."""
_CATALOG_MANAGER = "phoenix-catalog"

Wire = dict[str, Any]


@dataclass(frozen=True, slots=True)
class How:
    """How a manifest is applied.

    Args:
        server_side: the server merges, and keeps who owns which field.
        manager: who applies.
        force: with server_side: take over what others own.
        prune, selector: delete what the manifests no longer have, of what the selector takes (empty: of everything).
    """

    server_side: bool = False
    manager: str = "phoenixctl"
    force: bool = False
    prune: bool = False
    selector: str = ""


def add_how_flags(parser: argparse.ArgumentParser) -> None:
    """--server-side, --force-conflicts, --field-manager, --prune, -l, --all, -R."""
    parser.add_argument("--server-side", action="store_true", help="let the server merge, and keep who owns each field")
    parser.add_argument("--force-conflicts", action="store_true", help="with --server-side: take over others' fields")
    parser.add_argument(
        "--field-manager", default="phoenixctl", metavar="NAME", help="who applies (default: phoenixctl)"
    )
    parser.add_argument(
        "--prune", action="store_true",
        help="with -l or --all: delete what was applied before and is in no manifest any more",
    )  # fmt: skip
    parser.add_argument("-l", "--selector", default="", metavar="SELECTOR", help="labels of what --prune may delete")
    parser.add_argument("--all", action="store_true", help="--prune may delete everything that was applied")
    parser.add_argument(
        "-R",
        "--recursive",
        action="store_true",
        help="folders below folders, too (this is always so; as kubectl has it)",
    )


def how_from(arguments: argparse.Namespace) -> How:
    """Raises UsageError where flags contradict each other."""
    if arguments.force_conflicts and not arguments.server_side:
        raise UsageError("--force-conflicts is for --server-side", "add --server-side")
    if arguments.prune and bool(arguments.selector) == arguments.all:
        raise UsageError("--prune needs to know what it may delete", "give either -l SELECTOR or --all")
    if (arguments.selector or arguments.all) and not arguments.prune:
        raise UsageError("-l and --all say what --prune may delete", "add --prune")
    return How(
        arguments.server_side, arguments.field_manager, arguments.force_conflicts,
        arguments.prune, arguments.selector,
    )  # fmt: skip


async def apply_one(client: HttpClient, wire: Mapping[str, Any], how: How, namespace: str, *, dry_run: bool) -> Applied:
    """Apply one manifest. Raises ApiError."""
    if not how.server_side:
        return await apply(client, wire, namespace=namespace, field_manager=how.manager, dry_run=dry_run)
    ident = id_of_wire(wire, namespace)
    model = ident.model
    assert model is not None  # the loader refuses kinds nobody knows
    before = await _live(client, model.info, ident)
    if before is not None and not dry_run:
        await take_over_client_side(client, before, how.manager)
    done = await client.server_side_apply(
        wire, field_manager=how.manager, force=how.force, dry_run=dry_run, namespace=namespace
    )
    if done.created or before is None:
        return Applied(Action.CREATED, done.wire, None)
    same = _content(done.wire) == _content(before)
    return Applied(Action.UNCHANGED if same else Action.CONFIGURED, done.wire, before)


async def _live(client: HttpClient, info: KindInfo, ident: ObjectId) -> Wire | None:
    found = await client.raw_list(info, ident.namespace, field_selector=f"metadata.name={ident.name}")
    items: list[Wire] = found.get("items") or []
    return items[0] if items else None


def _content(wire: Wire) -> Wire:
    meta = {name: value for name, value in wire["metadata"].items() if name not in ("resourceVersion", "managedFields")}
    return {**wire, "metadata": meta}


async def to_prune(
    client: HttpClient, wanted: Sequence[Mapping[str, Any]], how: How, namespace: str, *, sound: bool, applied: bool
) -> tuple[Prune, dict[ObjectId, Wire]]:
    """What --prune may delete, and those objects.

    Args:
        wanted: manifests that were applied.
        sound: every file could be read and every manifest understood.
        applied: every manifest was applied.
    """
    named = {id_of_wire(wire, namespace) for wire in wanted}
    namespaces = {namespace, *(ident.namespace for ident in named if ident.namespace)}
    found = {ident: wire async for ident, wire in _applied_before(client, how, namespaces)}
    at = Circumstances(asked=True, complete=sound, faultless=sound, applied=applied, settled=True, allow_empty=False)
    return prune(named, found.keys(), (), lambda ident: ident in found, at), found


async def _applied_before(
    client: HttpClient, how: How, namespaces: set[str]
) -> AsyncGenerator[tuple[ObjectId, Wire], None]:
    """Objects that prove to have been applied by this command, of namespaces in use."""
    for kind in PRUNED:
        for where in sorted(namespaces) if kind.info.namespaced else [""]:
            listed = await client.raw_list(kind.info, scope(kind.info, where), label_selector=how.selector)
            for wire in listed.get("items") or ():
                if _was_applied(wire["metadata"], how):
                    meta = wire["metadata"]
                    yield id_of(kind.info, str(meta.get("namespace", "")), str(meta["name"])), wire


def _was_applied(meta: Mapping[str, Any], how: How) -> bool:
    """Whether it was applied declaratively, by neither a controller, nor a source, nor the shipped catalogue."""
    managers = [entry for entry in meta.get("managedFields") or () if entry.get("operation") == "Apply"]
    by_us = LAST_APPLIED in (meta.get("annotations") or {}) or any(
        one.get("manager") == how.manager for one in managers
    )
    shipped = any(entry.get("manager") == _CATALOG_MANAGER for entry in meta.get("managedFields") or ())
    from_source = PROOF in (meta.get("annotations") or {})
    held = meta.get("deletionTimestamp") or meta.get("ownerReferences")
    return by_us and not shipped and not from_source and not held
