"""Reads and parses many files: in this process where they are few, in child processes where they are many.

YAML is parsed with the interpreter's lock held, so ten thousand files in a thread would make the event loop wait for
seconds. A child (`python -m phoenix.gitops.parsing ROOT`) takes paths on stdin and gives a JSON line for each on
stdout; it ends with its input.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from phoenix.gitops.faults import Fault
from phoenix.gitops.files import ManifestDocument, ManifestFile, parse_file
from phoenix.gitops.scan import Entry, Signature, read

IN_PROCESS_BYTES = 96 * 1024
"""Up to so many bytes are parsed in a thread: some 0.1 s, in slices of 5 ms beside the event loop."""
_CHILDREN = 2
_NICE = 5
_BATCH = 200


@dataclass(frozen=True, slots=True)
class Read:
    """A file as it was read: the signature it had, and what is in it; `failure`: why it could not be read."""

    path: str
    signature: Signature | None
    file: ManifestFile | None
    failure: str = ""


def read_one(root: Path, path: str) -> Read:
    """Read and parse a file; blocks."""
    try:
        content, signature = read(root, path)
    except OSError as error:
        return Read(path, None, None, error.strerror or str(error))
    return Read(path, signature, parse_file(path, content))


async def read_all(root: Path, entries: Sequence[Entry]) -> list[Read]:
    """Read and parse files, in their order.

    Raises:
        ChildProcessError: a parsing process ended before its work was done.
    Cancellation: children are ended.
    """
    if sum(entry.size_bytes for entry in entries) <= IN_PROCESS_BYTES:
        return await asyncio.to_thread(lambda: [read_one(root, entry.path) for entry in entries])
    paths = [entry.path for entry in entries]
    children = min(_CHILDREN, os.cpu_count() or 1, 1 + len(paths) // _BATCH)
    share = -(-len(paths) // children)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_in_child(root, paths[start : start + share]), name=f"parse from {start}")
            for start in range(0, len(paths), share)
        ]
    return [found for task in tasks for found in task.result()]


async def _in_child(root: Path, paths: Sequence[str]) -> list[Read]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "phoenix.gitops.parsing", str(root),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=64 << 20,
    )  # fmt: skip
    found: list[Read] = []
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"".join(orjson.dumps(path) + b"\n" for path in paths))
        child.stdin.write_eof()
        while line := await child.stdout.readline():
            found.append(_decoded(orjson.loads(line)))
            if len(found) % _BATCH == 0:
                await asyncio.sleep(0)
        code = await child.wait()
    finally:
        if child.returncode is None:
            child.kill()
            await asyncio.shield(child.wait())
    if code or len(found) != len(paths):
        msg = f"the process that parses manifests ended with code {code} after {len(found)} of {len(paths)} files"
        raise ChildProcessError(msg)
    return found


def _encoded(read: Read) -> list[Any]:
    if read.file is None:
        return [read.path, read.signature, read.failure]
    documents = [
        [one.api_version, one.kind, one.namespace, one.name, one.wire.decode(), one.digest, one.line, one.name_line]
        for one in read.file.documents
    ]
    faults = [[one.file, one.line, one.message, one.object, one.field] for one in read.file.faults]
    return [read.path, read.signature, read.failure, read.file.sha256, documents, faults]


def _decoded(line: list[Any]) -> Read:
    path, signature, failure, *rest = line
    if not rest:
        return Read(path, None, None, failure)
    sha256, documents, faults = rest
    made = tuple(
        ManifestDocument(version, kind, namespace, name, wire.encode(), digest, at, name_at)
        for version, kind, namespace, name, wire, digest, at, name_at in documents
    )
    device, inode, size, mtime, ctime = signature
    file = ManifestFile(path, sha256, made, tuple(Fault(*fault) for fault in faults))
    return Read(path, (device, inode, size, mtime, ctime), file, failure)


def main(argv: Sequence[str]) -> int:
    """The child: paths in, a JSON line for each out."""
    os.nice(_NICE)  # whoever waits for the API goes first
    root = Path(argv[0])
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(orjson.dumps(_encoded(read_one(root, orjson.loads(line)))) + b"\n")
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
