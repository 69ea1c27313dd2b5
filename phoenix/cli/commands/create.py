"""`phoenixctl create`: objects that must not exist yet."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from phoenix.api.core import Namespace
from phoenix.apimachinery.errors import ApiError
from phoenix.apimachinery.meta import ObjectMeta
from phoenix.cli.changing import ChangeOptions, Outcomes, add_change_flags, read_change
from phoenix.cli.documents import Failures, check_only, load_some
from phoenix.cli.editing import Buffer
from phoenix.cli.errors import UsageError
from phoenix.cli.explain import explain
from phoenix.cli.files import Loaded, add_files_flag
from phoenix.cli.kinds import scope
from phoenix.cli.session import Session
from phoenix.cli.wire import send
from phoenix.client.http import HttpClient
from phoenix.manifest.objects import ManifestObject, load_text

DESCRIPTION = "Create objects. One that is there already is an error; `apply` changes those."
EXAMPLES = """
phoenixctl create -f resources/examples/aa.yaml
phoenixctl create -f run.yaml                 metadata.generateName gives each a new name
phoenixctl create -f resources/examples/aa.yaml --edit
phoenixctl create -f resources/examples/aa.yaml --dry-run=server -o yaml
phoenixctl create namespace team-a
"""


@dataclass(frozen=True, slots=True)
class CreateOptions:
    """Manifests, or a namespace by name; `edit`: in an editor first."""

    change: ChangeOptions
    files: tuple[str, ...] = ()
    namespace: str = ""
    edit: bool = False


def flags(parser: argparse.ArgumentParser) -> None:
    """-f or namespace NAME, --edit, --dry-run, -o."""
    parser.add_argument("words", nargs="*", metavar="namespace NAME", help="a namespace, which needs no manifest")
    add_files_flag(parser, required=False)
    parser.add_argument("--edit", action="store_true", help="edit the manifests before they are sent")
    add_change_flags(parser, "create")


def options(arguments: argparse.Namespace) -> CreateOptions:
    """Raises UsageError."""
    change = read_change(arguments)
    if arguments.words:
        return CreateOptions(change, namespace=_namespace(arguments.words, arguments.filename))
    if not arguments.filename:
        raise UsageError("what is to be created?", "name manifests with -f, or write `create namespace NAME`")
    return CreateOptions(change, tuple(arguments.filename), edit=arguments.edit)


def _namespace(words: Sequence[str], files: Sequence[str]) -> str:
    if words[0].lower() not in ("namespace", "namespaces", "ns"):
        raise UsageError(f'"{words[0]}" is created from a manifest', "write `create -f FILE`")
    if files or len(words) != 2:
        raise UsageError("create namespace takes one name", "write `create namespace NAME`")
    return words[1]


async def run(session: Session, options: CreateOptions) -> int:
    """Create each document by itself; exit 1 if any failed."""
    loaded = _loaded(options)
    outcomes = Outcomes(session, options.change)
    if options.change.dry_run == "client":
        code = check_only(
            session, loaded, done=lambda found: outcomes.done(found.kind.info, "created", found.wire)
        )  # fmt: skip
        return max(code, outcomes.finish())
    failures = Failures(session, loaded)
    if not loaded.objects:
        return failures.code
    async with session.client() as client:
        for found in loaded.objects:
            if options.change.validation == "Strict" and failures.in_document(found):
                continue
            try:
                await _create(session, client, found, options, outcomes)
            except ApiError as error:
                failures.add(explain(error, found))
    return max(failures.code, outcomes.finish())


def _loaded(options: CreateOptions) -> Loaded:
    if options.namespace:
        made = Namespace(metadata=ObjectMeta(name=options.namespace)).to_wire()
        made.pop("spec", None), made.pop("status", None)
        return Loaded(load_text(_as_text([made]), "create namespace"), [])
    loaded = load_some(options.files, "create")
    if not options.edit or loaded.errors:
        return loaded
    buffer = Buffer(_as_text([found.wire for found in loaded.objects]), "create")
    return Loaded(buffer.edit() or [], [])


def _as_text(wires: Sequence[dict[str, object]]) -> str:
    from phoenix.cli.printers.yaml import to_yaml

    return "---\n".join(to_yaml(wire) for wire in wires)


async def _create(
    session: Session, client: HttpClient, found: ManifestObject, options: CreateOptions, outcomes: Outcomes
) -> None:
    info = found.kind.info
    path = info.path(scope(info, found.key.namespace or session.namespace))
    made = await send(client, "POST", path, found.wire, params=options.change.params)
    outcomes.done(info, "created", made)
