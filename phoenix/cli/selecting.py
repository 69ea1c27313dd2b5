"""Which objects a command is about: by name, by manifest, or by kind with a selector. One grammar for all verbs."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phoenix.apimachinery.errors import BadRequest
from phoenix.apimachinery.meta import KindInfo, Resource
from phoenix.apimachinery.selectors import parse_label_selector
from phoenix.cli.completing import complete_refs
from phoenix.cli.errors import UsageError
from phoenix.cli.files import add_files_flag, load
from phoenix.cli.kinds import Ref, kinds_of, parse_refs, scope
from phoenix.cli.options import add_selector_flag
from phoenix.cli.session import Session
from phoenix.cli.wire import list_all
from phoenix.client.http import HttpClient

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Selection:
    """Either `refs`, `files`, or all objects of `kinds` that the selectors match."""

    refs: tuple[Ref, ...] = ()
    files: tuple[str, ...] = ()
    kinds: tuple[type[Resource], ...] = ()
    label_selector: str = ""
    field_selector: str = ""
    all_namespaces: bool = False

    @property
    def named(self) -> bool:
        """Whether objects were named one by one: one that is not there is an error then."""
        return not self.kinds


@dataclass(frozen=True, slots=True)
class Target:
    """One object."""

    kind: type[Resource]
    name: str
    namespace: str

    @property
    def info(self) -> KindInfo:
        """Of its kind."""
        return self.kind.info

    @property
    def path(self) -> str:
        """Of its URL."""
        return self.info.path(self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.info.singular}/{self.name}"


def add_selection_flags(parser: argparse.ArgumentParser, *, files: bool = True, all_flag: bool = True) -> None:
    """KIND NAME..., -f, -l, --field-selector, --all, -A."""
    words = parser.add_argument(
        "what", nargs="*", metavar="KIND|KIND/NAME", help="objects: KIND NAME... or KIND/NAME..., or KIND with -l"
    )
    words.completer = complete_refs  # type: ignore[attr-defined]  # argcomplete's own way
    if files:
        add_files_flag(parser, required=False)
    add_selector_flag(parser)
    parser.add_argument("--field-selector", default="", metavar="SELECTOR", help="fields: metadata.name=a")
    if all_flag:
        parser.add_argument("--all", action="store_true", help="every object of the kind in the namespace")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="of every namespace; with -l or --all")


def read_selection(arguments: argparse.Namespace, verb: str) -> Selection:
    """Raises UsageError."""
    words, files = list(arguments.what), tuple(getattr(arguments, "filename", ()))
    every = bool(getattr(arguments, "all", False))
    check_selector(arguments.selector)
    by_selector = bool(arguments.selector or arguments.field_selector or every)
    if bool(words) == bool(files):
        raise UsageError(f"what is to be {verb}?", "name objects, or files with -f")
    if files and by_selector:
        raise UsageError("-f and a selector do not go together", "name files, or a kind with -l, --all")
    if every and arguments.selector:
        raise UsageError("--all and -l contradict each other", "give one of them")
    if arguments.all_namespaces and not by_selector:
        raise UsageError("-A goes with a selector", "add -l a=b or --all, or name one namespace with -n")
    if not by_selector:
        return Selection(refs=tuple(parse_refs(words)) if words else (), files=files)
    if len(words) != 1 or "/" in words[0]:
        raise UsageError("-l, --field-selector and --all take a kind and no name", "write KIND -l a=b")
    return Selection(
        kinds=tuple(kinds_of(words[0])),
        label_selector=arguments.selector,
        field_selector=arguments.field_selector,
        all_namespaces=arguments.all_namespaces,
    )


def check_selector(text: str) -> None:
    """Raises UsageError where a label selector cannot be read."""
    try:
        parse_label_selector(text)
    except BadRequest as error:
        raise UsageError(
            f'-l "{text}" is no label selector: {error.message}', "write a=b,c!=d,e in (f,g),!h"
        ) from error


async def targets(session: Session, client: HttpClient, selection: Selection) -> tuple[list[Target], bool]:
    """The objects, and whether a file had a fault (reported). By selector: those that match now; may be none.

    Raises ApiError.
    """
    namespace = session.namespace
    if selection.refs:
        return [Target(ref.kind, ref.name, scope(ref.kind.info, namespace)) for ref in selection.refs], False
    if selection.files:
        return from_files(session, selection.files)
    found = []
    for kind in selection.kinds:
        where = scope(kind.info, "" if selection.all_namespaces else namespace)
        listed = await list_all(
            client,
            kind.info,
            where,
            label_selector=selection.label_selector,
            field_selector=selection.field_selector,
            chunk_size=_CHUNK,
        )
        found += [_target(kind, item["metadata"]) for item in listed["items"]]
    if not found:
        session.note(f"no {', '.join(kind.info.plural for kind in selection.kinds)} match")
    return found, False


def _target(kind: type[Resource], meta: Mapping[str, Any]) -> Target:
    return Target(kind, meta["name"], meta.get("namespace") or "")


def from_files(session: Session, files: tuple[str, ...]) -> tuple[list[Target], bool]:
    """The objects manifests are about, in the order to apply them; faults are reported."""
    loaded = load(files)
    for fault in loaded.errors:
        session.error(str(fault))
    found = [
        Target(item.kind, item.key.name, scope(item.kind.info, item.key.namespace or session.namespace))
        for item in loaded.objects
    ]
    return found, bool(loaded.errors)
