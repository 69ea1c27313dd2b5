"""Completion of kinds and names on TAB; silent and quick whatever goes wrong."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

_TIMEOUT_S = 1.0


def complete_refs(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """`exp<TAB>` → kinds; `experiment/<TAB>` and `experiment <TAB>` → names of objects."""
    from phoenix.api.scheme import KINDS
    from phoenix.cli.kinds import kind_of

    given = getattr(parsed_args, "what", None) or []
    word, slash, _name = prefix.partition("/")
    try:
        if slash:
            return [f"{word}/{name}" for name in _names(kind_of(word).info, parsed_args)]
        if given and "/" not in given[0]:
            return _names(kind_of(given[0]).info, parsed_args)
    except Exception:  # noqa: BLE001  a TAB has nowhere to report to
        return []
    return [kind.info.plural for kind in KINDS] + [f"{kind.info.singular}/" for kind in KINDS]


def complete_experiments(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """`experiment/NAME` of those there are."""
    from phoenix.api.experiment import Experiment

    try:
        return [f"experiment/{name}" for name in _names(Experiment.info, parsed_args)]
    except Exception:  # noqa: BLE001  a TAB has nowhere to report to
        return []


def _names(info: Any, arguments: argparse.Namespace) -> list[str]:
    from phoenix.cli.kinds import scope
    from phoenix.cli.session import GlobalOptions, Session

    session = Session(GlobalOptions.from_arguments(arguments))

    async def ask() -> list[str]:
        async with session.client(timeout_s=_TIMEOUT_S) as client:
            listed = await client.raw_list(info, scope(info, session.namespace))
        return [item["metadata"]["name"] for item in listed.get("items") or []]

    return asyncio.run(ask())
