"""Every object Phoenix ships and spoilt copies of each, created on both servers: taken or refused alike.

With dry run and strict field validation, so that nothing is left behind and nothing is let pass silently.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import aiohttp

from benchmarks.processes import ROOT
from conformance.runner import Endpoint
from phoenix.api.scheme import BY_GVK
from phoenix.manifest.loader import load_file

FOLDERS = ("resources/examples", "resources/catalog")


def objects() -> Iterator[tuple[str, Any]]:
    """Every object by the file it is in."""
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.yaml")):
            for found in load_file(file):
                yield f"{file.relative_to(ROOT)} {found.wire['metadata']['name']}", dict(found.wire)


def spoilt(wire: Any) -> Iterator[tuple[str, Any]]:
    """Copies with one fault each that any schema must find."""
    for name, value in (
        ("unknown field", {"spec": {**wire["spec"], "nonsense": 1}}),
        ("spec is text", {"spec": "text"}),
    ):
        yield name, {**copy.deepcopy(wire), **value}
    yield "no name", {**copy.deepcopy(wire), "metadata": {}}
    yield "bad name", {**copy.deepcopy(wire), "metadata": {"name": "Bad_Name"}}
    yield "bad label", {**copy.deepcopy(wire), "metadata": {**wire["metadata"], "labels": {"bad key": "v"}}}


async def check(kube: Endpoint, phoenix: Endpoint) -> tuple[list[str], int]:
    """Faults in words, and how many objects were tried."""
    faults: list[str] = []
    count = 0
    async with aiohttp.ClientSession() as session:
        for name, wire in objects():
            tried = [(name, wire, True), *((f"{name}, {fault}", bad, False) for fault, bad in spoilt(wire))]
            for said, body, good in tried:
                theirs, ours = await _create(session, kube, body), await _create(session, phoenix, body)
                count += 1
                if theirs[0] != ours[0] or (theirs[0] == 201) != good:
                    faults.append(
                        f"{said}: kube-apiserver answers {theirs[0]}, Phoenix {ours[0]}: {theirs[1]} | {ours[1]}"
                    )
                elif good and _content(theirs[1]) != _content(ours[1]):
                    faults.append(f"{said}: other defaults: {_content(theirs[1])} | {_content(ours[1])}")
    return faults, count


async def _create(session: aiohttp.ClientSession, endpoint: Endpoint, wire: Any) -> tuple[int, Any]:
    kind = BY_GVK[(wire["apiVersion"], wire["kind"])]
    url = f"{endpoint.url}{kind.info.path('default')}?dryRun=All&fieldValidation=Strict"
    headers = {"Authorization": f"Bearer {endpoint.token}"}
    async with session.post(url, json=wire, headers=headers, ssl=endpoint.tls or True) as answer:
        return answer.status, await answer.json()


def _content(wire: Any) -> Any:
    metadata = {key: wire["metadata"].get(key) for key in ("name", "labels", "annotations", "generation")}
    return {**wire, "metadata": metadata}
