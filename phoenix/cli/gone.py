"""Waiting until objects that are being deleted are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from phoenix.apimachinery.errors import ApiError
from phoenix.cli.errors import CliError, WaitFailed
from phoenix.cli.following import follow
from phoenix.cli.progress import Progress
from phoenix.cli.selecting import Target
from phoenix.cli.session import Session
from phoenix.client.http import HttpClient


async def until_gone(
    session: Session, client: HttpClient, waiting: Sequence[tuple[Target, str]], timeout_s: float
) -> None:
    """Wait until no object of these uids is there; a new one of the same name does not count.

    Raises:
        WaitFailed: out of time; says what holds the first that is left.
    """
    left = list(waiting)
    try:
        async with asyncio.timeout(timeout_s), Progress(session, "") as progress:
            while left:
                target, uid = left[0]
                progress.text = f"waiting until {target} is gone"
                await _one(session, client, target, uid, progress)
                left.pop(0)
    except TimeoutError:
        raise await _still_there(client, left[0][0], timeout_s) from None


async def _one(session: Session, client: HttpClient, target: Target, uid: str, progress: Progress) -> None:
    changes = follow(
        client, target.info, target.namespace, field_selector=f"metadata.name={target.name}", on_trouble=session.note
    )
    there = False
    async with aclosing(changes):
        async for change in changes:
            if change.type == "SYNCED":
                if not there:
                    return
                continue
            same = change.wire["metadata"].get("uid") == uid
            if change.type == "DELETED" and same:
                return
            if same:
                there = True
                held = change.wire["metadata"].get("finalizers") or []
                progress.text = f"waiting until {target} is gone (held by {', '.join(held) or 'nothing any more'})"


async def _still_there(client: HttpClient, target: Target, timeout_s: float) -> CliError:
    try:
        wire = await client.raw_get(target.info, target.name, target.namespace)
        held = ", ".join(wire["metadata"].get("finalizers") or [])
    except ApiError:
        held = ""
    return WaitFailed(
        f"{target} is still there after {timeout_s:g} s" + (f", held by {held}" if held else ""),
        f"it is being deleted: see `phoenixctl describe {target}`, or wait with "
        f"`phoenixctl wait {target} --for=delete`",
    )
