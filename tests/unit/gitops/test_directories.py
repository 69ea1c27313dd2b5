"""Random edits of a directory against a model: what is planned is what is there, and nothing foreign is ever pruned."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from phoenix.gitops import parsing
from phoenix.gitops.errors import DirectoryFault
from phoenix.gitops.ids import ObjectId
from phoenix.gitops.plan import Circumstances, needs, prune
from phoenix.gitops.scan import Entry, scan
from phoenix.gitops.selecting import Rules
from phoenix.gitops.tree import ManifestTree, Settings
from tests.integration.gitops.conftest import profile

FILES = st.sampled_from(["a.yaml", "b.yaml", "sub/c.yaml", "sub/deep/d.yml", "e.json.yaml"])
MANY = 3_000
NAMES = st.sampled_from(["p", "q", "r", "s"])


class Directory(RuleBasedStateMachine):
    """A store that does what is planned, a directory that is edited, and a model of what its files say."""

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="phoenix-gitops-"))
        rules = Rules()
        self.tree = ManifestTree(Settings(self.root, rules, debounce_s=0.0), [self.root])
        self.files: dict[str, list[tuple[str, int]] | None] = {}
        self.store: dict[str, int] = {"foreign": 0}
        self.inventory: set[ObjectId] = set()

    def teardown(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    def _put(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    @rule(path=FILES, objects=st.lists(st.tuples(NAMES, st.integers(1, 9)), max_size=2, unique_by=lambda one: one[0]))
    def write(self, path: str, objects: list[tuple[str, int]]) -> None:
        self._put(path, "---\n".join(profile(*one) for one in objects))
        self.files[path] = objects

    @rule(path=FILES)
    def spoil(self, path: str) -> None:
        self._put(path, "a: [\n")
        self.files[path] = None

    @rule(path=FILES)
    def delete(self, path: str) -> None:
        (self.root / path).unlink(missing_ok=True)
        self.files.pop(path, None)

    @rule(source=FILES, to=FILES)
    def move(self, source: str, to: str) -> None:
        if source not in self.files or source == to:
            return
        (self.root / to).parent.mkdir(parents=True, exist_ok=True)
        (self.root / source).rename(self.root / to)
        self.files[to] = self.files.pop(source)

    @rule(name=NAMES)
    def somebody_deletes(self, name: str) -> None:
        self.store.pop(name, None)

    @rule()
    def look(self) -> None:
        before = dict(self.store)
        snapshot = asyncio.run(self.tree.load())
        desired = snapshot.desired
        for ident in needs(desired, {}, lambda _: None, full=True):
            text = desired.objects[ident].document.wire
            self.store[ident.name] = int(text.split(b'"users":')[1].split(b"}")[0])
            self.inventory.add(ident)
        at = Circumstances(
            asked=True, complete=snapshot.complete, faultless=not desired.faults, applied=True, settled=True,
            allow_empty=False,
        )  # fmt: skip
        wanted = desired.objects.keys() | desired.claimed
        for ident in prune(wanted, self.inventory, (), lambda one: one.name in self.store, at).allowed:
            del self.store[ident.name]
            self.inventory.discard(ident)
        self._as_the_model_says(before)

    def _as_the_model_says(self, before: dict[str, int]) -> None:
        written = [one for objects in self.files.values() for one in objects or ()]
        names = [name for name, _ in written]
        single = {name: users for name, users in written if names.count(name) == 1}
        assert {name: self.store[name] for name in single} == single
        sound = None not in self.files.values() and len(names) == len(set(names))
        if sound and names:
            assert self.store == {**single, "foreign": 0}
        else:
            assert before.keys() <= self.store.keys(), "something was pruned although not all is known"

    @invariant()
    def foreign_objects_are_never_touched(self) -> None:
        assert getattr(self, "store", {"foreign": 0})["foreign"] == 0


TestDirectory = Directory.TestCase
TestDirectory.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)


async def test_thousands_of_manifests_are_read_in_child_processes_and_then_only_what_changed(tmp_path: Path) -> None:
    for number in range(MANY):
        path = tmp_path / f"{number // 500:03}" / f"{number:05}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"apiVersion: phoenix.io/v1alpha1\nkind: LoadProfile\nmetadata: {{name: p{number}}}\n")
    tree = ManifestTree(Settings(tmp_path, Rules(), debounce_s=0.0), [tmp_path])
    worst_s, ended = 0.0, asyncio.Event()

    async def heartbeat() -> None:
        nonlocal worst_s
        loop = asyncio.get_running_loop()
        while not ended.is_set():
            began = loop.time()
            await asyncio.sleep(0.01)
            worst_s = max(worst_s, loop.time() - began - 0.01)

    beating = asyncio.create_task(heartbeat())
    began_s = time.monotonic()
    first = await tree.load()
    took_s = time.monotonic() - began_s
    ended.set()
    await beating
    assert (first.files, len(first.desired.objects), first.complete) == (MANY, MANY, True)
    assert worst_s < 1.0 + took_s / 4, f"the event loop stood still for {worst_s:.2f} s"
    (tmp_path / "000" / "00000.yaml").write_text("a: [\n")
    again = await tree.load()
    assert (again.files, len(again.desired.objects), len(again.desired.faults)) == (MANY, MANY - 1, 1)
    assert again.revision != first.revision


async def test_children_and_threads_read_the_same(tmp_path: Path) -> None:
    for name, text in (("a.yaml", profile("a")), ("b.yaml", "a: [\n"), ("c.yaml", profile("c") * 2), ("d.yaml", "")):
        (tmp_path / name).write_text(text)
    entries = scan(tmp_path, Rules(), [tmp_path]).entries
    gone = Entry("gone.yaml", entries[0].signature)
    here = [parsing.read_one(tmp_path, entry.path) for entry in (*entries, gone)]
    assert await parsing._in_child(tmp_path, [entry.path for entry in (*entries, gone)]) == here
    assert here[-1].failure == "No such file or directory"


async def test_a_file_that_goes_between_listing_and_reading_is_no_fault(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(f"kind: LoadProfile\nmetadata: {{name: {name}}}\n")

    def now_ns() -> int:  # asked after the directory was listed
        (tmp_path / "a.yaml").unlink(missing_ok=True)
        return time.time_ns()

    tree = ManifestTree(Settings(tmp_path, Rules(), debounce_s=0.0), [tmp_path], wall_ns=now_ns)
    snapshot = await tree.load()
    assert (snapshot.complete, snapshot.faults, snapshot.files) == (True, (), 1)


async def test_a_directory_that_is_not_there_is_no_empty_one(tmp_path: Path) -> None:
    tree = ManifestTree(Settings(tmp_path / "missing", Rules()), [tmp_path])
    with pytest.raises(DirectoryFault, match="is not there") as fault:
        await tree.load()
    assert fault.value.reason == "PathNotFound"
