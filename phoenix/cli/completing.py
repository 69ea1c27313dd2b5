"""Completion on TAB: kinds, names, namespaces, contexts, forms of output. Silent and quick whatever goes wrong."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from typing import Any

_TIMEOUT_S = 1.0
_LIMIT = 200
"""Names asked for at most: nobody reads more, and the server is not to work for a TAB."""


def _quiet(complete: Callable[..., list[str]]) -> Callable[..., list[str]]:
    def completer(**given: Any) -> list[str]:
        try:
            return complete(**given)
        except Exception:  # noqa: BLE001  a TAB has nowhere to report to
            return []

    completer.__doc__ = complete.__doc__
    return completer


@_quiet
def complete_refs(prefix: str, parsed_args: argparse.Namespace, **_given: Any) -> list[str]:
    """`exp<TAB>` → kinds; `exp,<TAB>` too; `experiment/<TAB>` and `experiment <TAB>` → names of objects."""
    from phoenix.api.scheme import KINDS
    from phoenix.cli.kinds import CATEGORIES, kind_of

    given = getattr(parsed_args, "what", None) or []
    given = [given] if isinstance(given, str) else given
    word, slash, _ = prefix.partition("/")
    if slash:
        return [f"{word}/{name}" for name in _names(kind_of(word).info, parsed_args)]
    if given and "/" not in given[0]:
        return _names(kind_of(given[0]).info, parsed_args)
    before, comma, _ = prefix.rpartition(",")
    kinds = [kind.info for kind in KINDS]
    if comma:
        return [f"{before},{info.plural}" for info in kinds]
    return [*(info.plural for info in kinds), *(f"{info.singular}/" for info in kinds), *sorted(CATEGORIES)]


@_quiet
def complete_experiments(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """`experiment/NAME` of those there are."""
    from phoenix.api.experiment import Experiment

    return [f"experiment/{name}" for name in _names(Experiment.info, parsed_args)]


@_quiet
def complete_hosts(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Names of the hosts there are."""
    from phoenix.api.host import Host

    return _names(Host.info, parsed_args)


@_quiet
def complete_kinds(prefix: str, **_: Any) -> list[str]:
    """Kinds, and below a dot their fields: `experiment.spec.`."""
    from phoenix.api.schema import structural_schema
    from phoenix.api.scheme import KINDS
    from phoenix.cli.fieldhints import node_at
    from phoenix.cli.kinds import kind_of

    word, dot, path = prefix.partition(".")
    if not dot:
        return [f"{kind.info.singular}{end}" for kind in KINDS for end in ("", ".")]
    above = path.rpartition(".")[0]
    node = node_at(structural_schema(kind_of(word)), above)
    return [f"{word}.{above + '.' if above else ''}{name}" for name in (node or {}).get("properties") or ()]


@_quiet
def complete_namespaces(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Namespaces there are."""
    from phoenix.api.core import Namespace

    return _names(Namespace.info, parsed_args)


@_quiet
def complete_contexts(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Contexts of the kubeconfigs that count."""
    return _entries("contexts", parsed_args)


@_quiet
def complete_clusters(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Clusters of the kubeconfigs that count."""
    return _entries("clusters", parsed_args)


@_quiet
def complete_users(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Users of the kubeconfigs that count."""
    return _entries("users", parsed_args)


def complete_outputs(**_: Any) -> list[str]:
    """Forms of -o."""
    from phoenix.cli.printers.base import FORMATS, TEMPLATED

    return [f"{name}=" if name in TEMPLATED else name for name in FORMATS]


def _entries(section: str, arguments: argparse.Namespace) -> list[str]:
    from phoenix.cli.session import GlobalOptions, Session
    from phoenix.client.kubeconfig import kubeconfig_files, load

    session = Session(GlobalOptions.from_arguments(arguments))
    files = session.kubeconfig_files
    if session.options.kubeconfig is None:
        files = tuple(dict.fromkeys((*files, *kubeconfig_files())))
    return list(getattr(load(files, required=False), section))


def _names(info: Any, arguments: argparse.Namespace) -> list[str]:
    from phoenix.cli.kinds import scope
    from phoenix.cli.session import GlobalOptions, Session
    from phoenix.cli.wire import send

    session = Session(GlobalOptions.from_arguments(arguments))

    async def ask() -> list[str]:
        async with asyncio.timeout(_TIMEOUT_S), session.client(timeout_s=_TIMEOUT_S) as client:
            path, params = info.path(scope(info, session.namespace)), {"limit": str(_LIMIT)}
            listed = await send(client, "GET", path, params=params)
        return [item["metadata"]["name"] for item in listed.get("items") or []]

    return asyncio.run(ask())
