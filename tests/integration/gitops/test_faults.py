"""Whatever happens to the files: never a wrong prune, always a clear status, and it goes on by itself afterwards."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from phoenix.api.manifestsource import ManifestSource
from phoenix.gitops import scan
from tests.integration.gitops.conftest import Place, profile, state

PRUNE_S = 0.2
"""The pruneDelay of the tests: what was not deleted this long after it could have been will not be."""


async def settled(place: Place) -> ManifestSource:
    """Two objects, applied."""
    place.write("a.yaml", profile("a"))
    place.write("b.yaml", profile("b"))
    await place.source()
    return await place.ready()


async def kept(place: Place) -> None:
    """Nothing was deleted, and nothing will be."""
    await asyncio.sleep(2 * PRUNE_S)
    assert {"a", "b"} <= (await place.profiles()).keys()


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (b"a: [\n", 2, "this is not YAML"),
        (b"just words\n", 1, "a manifest is a mapping"),
        (profile("b").encode()[:-30] + b"\xff\xfe", 3, "not UTF-8"),
        (b"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\n", 2, "there is no kind 'Deployment'"),
        (profile("b").replace("users: 1", "users: many").encode(), 6, "must be an integer"),
        (profile("b").replace("users", "user").encode(), 6, "no such field"),
        ((profile("b") + "---\n" + profile("b")).encode(), 10, "defined twice"),
        (profile("b").replace("name: b", "generateName: b-").encode(), 1, "generateName"),
        (b"kind: LoadProfile\n", 1, "apiVersion is missing"),
    ],
)
async def test_a_file_that_will_not_do_costs_nothing_but_itself(
    place: Place, text: bytes, line: int, says: str
) -> None:
    first = await settled(place)
    (place.folder / "a.yaml").unlink()  # would be pruned, were all the rest right
    place.write("b.yaml", text)
    place.write("c.yaml", profile("c"))
    await place.has("a", "b", "c")
    found = await place.until(lambda source: bool(source.status.errors), "a fault")
    fault = found.status.errors[0]
    assert (fault.file, fault.line) == ("b.yaml", line), fault
    assert says in fault.message
    assert state(found, "Ready")[0] == "False"
    assert f"b.yaml:{line}: " in found.status.conditions[0].message
    assert found.status.last_applied_revision == first.status.last_applied_revision
    await kept(place)
    assert f"b.yaml:{line}: " in (await place.told("ManifestsFailed"))["ManifestsFailed"]
    place.write("b.yaml", profile("b", users=2))
    await place.users_are({"b": 2, "c": 1})
    assert (await place.ready()).status.errors == []


async def test_one_object_in_two_files_is_neither_applied_nor_pruned(place: Place) -> None:
    await settled(place)
    place.write("twice.yaml", profile("b", users=5))
    found = await place.stalled("InvalidManifests")
    assert {(fault.file, fault.line) for fault in found.status.errors} == {("b.yaml", 3), ("twice.yaml", 3)}
    assert "twice.yaml:3" in next(fault.message for fault in found.status.errors if fault.file == "b.yaml")
    await kept(place)
    assert await place.profiles() == {"a": 1, "b": 1}
    (place.folder / "b.yaml").unlink()
    await place.users_are({"a": 1, "b": 5})


async def test_the_directory_goes_and_comes_back(place: Place) -> None:
    await settled(place)
    away = place.folder.rename(place.folder.parent / "away")
    found = await place.stalled("PathNotFound")
    assert "nothing is deleted" in found.status.errors[0].message
    await kept(place)
    await place.told("ManifestSourceStalled")
    shutil.copytree(away, place.folder)
    place.write("a.yaml", profile("a", users=4))
    await place.users_are({"a": 4, "b": 1})
    await place.ready()
    place.write("b.yaml", profile("b", users=6))  # the new directory is watched like the old one
    await place.users_are({"a": 4, "b": 6})


async def test_a_file_in_place_of_the_directory(place: Place) -> None:
    await settled(place)
    shutil.rmtree(place.folder)
    place.folder.write_text("no directory")
    await place.stalled("NotADirectory")
    await kept(place)


async def test_an_empty_directory_is_not_taken_for_the_wish_to_have_nothing(place: Place) -> None:
    await settled(place)
    for path in place.folder.iterdir():
        path.unlink()
    found = await place.stalled("EmptyDirectory")
    assert "2 objects came from" in found.status.errors[0].message
    await kept(place)
    await place.source(allowEmpty=True)
    await place.has()


async def test_a_file_half_written_is_waited_for(place: Place) -> None:
    both = profile("a") + "---\n" + profile("b")
    place.write("both.yaml", both)
    await place.source(pruneDelay="5s")
    await place.ready()
    with (place.folder / "both.yaml").open("r+b", buffering=0) as file:
        file.truncate(0)
        await asyncio.sleep(0.3)  # longer than the debounce: the empty file is seen
        file.write(profile("a", users=2).encode())
        await asyncio.sleep(0.3)  # valid YAML, and one object fewer
        file.write(b"---\n" + profile("b", users=2).encode())
    await place.users_are({"a": 2, "b": 2})
    assert "ManifestsPruned" not in await place.events()


async def test_links_in_a_circle_out_of_the_root_and_to_nowhere(place: Place, tmp_path: Path) -> None:
    place.write("sub/a.yaml", profile("a"))
    (place.folder / "sub" / "loop").symlink_to(place.folder, target_is_directory=True)
    shared = place.folder.parent / "shared"
    shared.mkdir()
    (shared / "b.yaml").write_text(profile("b"))
    (place.folder / "linked").symlink_to(shared, target_is_directory=True)
    await place.source()
    await place.has("a", "b")
    outside = tmp_path / "outside.yaml"
    outside.write_text(profile("secret"))
    (place.folder / "out.yaml").symlink_to(outside)
    (place.folder / "nowhere.yaml").symlink_to(place.folder / "missing.yaml")
    (place.folder / "itself.yaml").symlink_to(place.folder / "itself.yaml")
    found = await place.until(lambda source: len(source.status.errors) == 3, "three faults")
    says = {fault.file: fault.message for fault in found.status.errors}
    assert "leads out of the folders" in says["out.yaml"]
    assert "nowhere" in says["nowhere.yaml"]
    assert "nowhere" in says["itself.yaml"]
    await kept(place)
    assert "secret" not in await place.profiles()


async def test_what_is_no_file_is_not_waited_for(place: Place) -> None:
    await settled(place)
    (place.folder / "a.yaml").unlink()
    os.mkfifo(place.folder / "a.yaml")
    found = await place.until(lambda source: bool(source.status.errors), "a fault")
    assert "no regular file" in found.status.errors[0].message
    await kept(place)


async def test_a_directory_that_may_not_be_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write("sub/b.yaml", profile("b"))
    await settled_without_b(place)
    real = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path).name == "sub":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    # NB: tests may run as root, whom no mode keeps out.
    monkeypatch.setattr(scan.os, "scandir", refuse)
    place.write("c.yaml", profile("c"))
    await place.has("a", "b", "c")
    found = await place.until(lambda source: bool(source.status.errors), "a fault")
    assert (found.status.errors[0].file, found.status.errors[0].message) == (
        "sub", "the directory cannot be read: Permission denied",
    )  # fmt: skip
    await kept(place)
    monkeypatch.undo()
    (place.folder / "sub" / "b.yaml").unlink()
    await place.has("a", "c")


async def settled_without_b(place: Place) -> None:
    place.write("a.yaml", profile("a"))
    await place.source()
    await place.has("a", "b")


async def test_a_path_that_is_not_allowed(place: Place, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    await place.source(path=str(tmp_path / "elsewhere"))
    found = await place.stalled("PathNotAllowed")
    assert "--manifest-root" in found.status.errors[0].message
    sneaky = place.folder.parent / "sneaky"
    sneaky.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    await place.source(path=str(sneaky))
    await place.until(lambda source: "sneaky" in source.status.errors[0].message, "still not allowed")


async def test_patterns_that_cannot_be(place: Place) -> None:
    await settled(place)
    await place.source(ignore=["!"])
    found = await place.stalled("InvalidPattern")
    assert "spec.ignore" in found.status.errors[0].message
    await place.source(ignore=[])
    await place.ready()
    place.write(".phoenixignore", b"\xff\n")
    found = await place.until(lambda source: bool(source.status.errors), "a fault")
    assert found.status.errors[0].file == ".phoenixignore"
    await kept(place)


async def test_errors_are_listed_up_to_a_bound(place: Place) -> None:
    for number in range(30):
        place.write(f"{number:02}.yaml", "nothing\n")
    await place.source()
    found = await place.until(lambda source: bool(source.status.errors), "faults")
    assert (len(found.status.errors), found.status.errors_omitted) == (20, 10)
    assert "(and 29 more)" in found.status.conditions[0].message
