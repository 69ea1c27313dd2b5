"""What is in the directory is applied, what leaves it is pruned, and nothing else is touched."""

from __future__ import annotations

import asyncio
import os

from phoenix.api.core import Namespace
from phoenix.api.loadprofile import LoadProfile
from phoenix.api.manifestsource import ManifestSource
from phoenix.api.pipeline import PipelineDeployment
from phoenix.apimachinery.meta import ObjectMeta
from tests.integration.gitops.conftest import NAME, Place, profile, state

NAMESPACED = (
    "apiVersion: v1\nkind: Namespace\nmetadata: {name: team}\n---\n"
    "apiVersion: phoenix.io/v1alpha1\nkind: PipelineDeployment\nmetadata: {name: edge, namespace: team}\n"
    "spec: {paused: true, pipeline: {config: {processors: {batch: {}}}}}\n"
)


async def test_saved_changed_moved_and_deleted_files(place: Place) -> None:
    place.write("a.yaml", profile("a"))
    await place.source()
    first = await place.ready()
    assert await place.profiles() == {"a": 1}
    assert [entry.id for entry in first.status.inventory] == ["_a_phoenix.io_LoadProfile"]
    assert first.status.last_applied_revision == first.status.last_attempted_revision != ""
    place.write("sub/b.yaml", profile("b"))
    await place.has("a", "b")
    place.write("a.yaml", profile("a", users=7))
    await place.users_are({"a": 7, "b": 1})
    uid = (await place.client.get(LoadProfile, "b")).metadata.uid
    (place.folder / "sub" / "b.yaml").rename(place.folder / "moved.yaml")
    await place.until(lambda source: source.status.counts.files == 2 and state(source, "Ready")[0] == "True", "moved")
    (place.folder / "a.yaml").unlink()
    await place.has("b")
    assert (await place.client.get(LoadProfile, "b")).metadata.uid == uid, "a moved manifest is the same object"
    last = await place.until(lambda source: source.status.counts.pruned == 1, "pruned, in the status too")
    assert last.status.last_applied_revision != first.status.last_applied_revision
    said = await place.told("ManifestsPruned")
    assert "loadprofile/a" in said["ManifestsPruned"]
    assert said.keys() == {"ManifestsApplied", "ManifestsPruned"}


async def test_a_file_saved_as_editors_do_it(place: Place) -> None:
    place.write("a.yaml", profile("a"))
    await place.source()
    await place.ready()
    for name in (".a.yaml.swp", "a.yaml~", "4913", ".#a.yaml", "#a.yaml#", "a.yaml___jb_tmp___", "a.yaml.tmp"):
        place.write(name, profile("editors-leavings"))
    new = place.write(".a.yaml.new", profile("a", users=3))
    os.replace(new, place.folder / "a.yaml")
    await place.users_are({"a": 3})
    assert (await place.ready()).status.counts.files == 1


async def test_namespaces_come_first_and_go_last(place: Place) -> None:
    place.write("0.yaml", NAMESPACED)
    await place.source()
    await place.ready()
    assert (await place.client.get(PipelineDeployment, "edge", "team")).metadata.labels == {
        "phoenix.io/manifestsource": NAME
    }
    place.write("0.yaml", profile("other"))
    await place.has("other")
    await place.absent(Namespace, "team")


async def test_a_namespace_with_others_objects_in_it_is_not_pruned(place: Place) -> None:
    place.write("0.yaml", NAMESPACED)
    place.write("keep.yaml", profile("keep"))
    await place.source()
    await place.ready()
    other = PipelineDeployment.from_wire(
        {"metadata": {"name": "ours", "namespace": "team"}, "spec": {"paused": True, "pipeline": {"config": {}}}}
    )
    await place.client.create(other)
    (place.folder / "0.yaml").unlink()
    said = "holds 1 objects this source did not apply, such as pipelinedeployment/ours"
    await place.until(lambda source: any(said in error.message for error in source.status.errors), "it says so")
    assert (await place.client.get(Namespace, "team")).metadata.deletion_timestamp is None
    assert (await place.client.get(PipelineDeployment, "ours", "team")).metadata.deletion_timestamp is None


async def test_what_others_made_is_never_touched(place: Place) -> None:
    await place.client.create(LoadProfile(metadata=ObjectMeta(name="foreign")))
    place.write("a.yaml", profile("a"))
    place.write("b.yaml", profile("b"))
    await place.source()
    await place.ready()
    mine = await place.client.raw_get(LoadProfile.info, "a")
    # A copy with every label and annotation, as `get -o yaml` and an editor make it.
    copied = {"name": "copied", "labels": mine["metadata"]["labels"], "annotations": mine["metadata"]["annotations"]}
    await place.client.raw_create(LoadProfile.info, {**mine, "metadata": copied})
    (place.folder / "a.yaml").unlink()
    await place.has("b", "copied", "foreign")
    await place.gone()
    await place.has("copied", "foreign")


async def test_without_prune_what_left_stays(place: Place) -> None:
    place.write("a.yaml", profile("a"))
    place.write("b.yaml", profile("b"))
    await place.source(prune=False)
    await place.ready()
    (place.folder / "a.yaml").unlink()
    found = await place.until(lambda source: source.status.counts.files == 1, "seen")
    assert sorted(await place.profiles()) == ["a", "b"]
    assert "1 no longer in the directory are kept" in found.status.conditions[0].message
    await place.source(prune=True)
    await place.has("b")
    await place.source(prune=True, deletionPolicy="Orphan")
    await place.ready()
    await place.gone()
    await place.has("b")


async def test_target_namespace(place: Place) -> None:
    await place.client.create(Namespace(metadata=ObjectMeta(name="team")))
    deployment = NAMESPACED.split("---\n")[1]
    place.write("right.yaml", deployment.replace(", namespace: team", ""))
    place.write("wrong.yaml", deployment.replace("name: edge, namespace: team", "name: x, namespace: other"))
    await place.source(targetNamespace="team")
    found = await place.until(lambda source: bool(source.status.errors), "a fault")
    (fault,) = found.status.errors
    assert (fault.file, fault.object, fault.field) == (
        "wrong.yaml", "pipelinedeployment/x in other", "metadata.namespace",
    )  # fmt: skip
    assert (await place.client.get(PipelineDeployment, "edge", "team")).spec.paused


async def test_dry_run_says_what_it_would_do_and_does_nothing(place: Place) -> None:
    place.write("a.yaml", profile("a"))
    await place.source(dryRun=True)
    found = await place.until(lambda source: state(source, "Ready") == ("True", "DryRun"), "dry run")
    assert "1 would be created" in found.status.conditions[0].message
    assert await place.profiles() == {}
    assert found.status.inventory == []
    await place.source(dryRun=False)
    await place.has("a")


async def test_suspended_it_is_not_looked_at(place: Place) -> None:
    place.write("a.yaml", profile("a"))
    await place.source(suspend=True)
    await place.until(lambda source: state(source, "Ready") == ("False", "Suspended"), "suspended")
    assert await place.profiles() == {}
    await place.source(suspend=False)
    await place.has("a")


async def test_include_ignore_and_ignore_files(place: Place) -> None:
    place.write(".phoenixignore", "drafts/\n*.wip.yaml\n!kept.wip.yaml\n")
    for path in ("a.yaml", "drafts/b.yaml", "c.wip.yaml", "kept.wip.yaml", "deep/d.yaml", "skipped/e.yaml"):
        place.write(path, profile(path.rpartition("/")[2].partition(".")[0]))
    await place.source(ignore=["/skipped/"])
    await place.has("a", "d", "kept")
    await place.source(include=["*.wip.yaml"])
    await place.has("kept")
    await place.source(recurse=False)
    await place.has("a", "kept")


async def test_two_sources_that_apply_one_object_do_not_fight(place: Place) -> None:
    place.write("a.yaml", profile("a"))
    await place.source()
    await place.ready()
    other = place.folder.parent / "other"
    other.mkdir()
    (other / "b.yaml").write_text(profile("a", users=9))
    await place.source("second", path=str(other))
    found = await place.until(lambda source: bool(source.status.errors), "a fault", "second")
    assert "manifestsource/src applies it already" in found.status.errors[0].message
    assert found.status.errors[0].file == "b.yaml"
    assert await place.profiles() == {"a": 1}
    version = (await place.get()).metadata.resource_version
    await place.gone("second")
    assert await place.profiles() == {"a": 1}
    assert (await place.get()).metadata.resource_version == version


async def test_nothing_to_do_writes_nothing(place: Place) -> None:
    place.write("a.yaml", profile("a"))
    await place.source(interval="1s")
    await place.ready()
    await asyncio.sleep(0.5)  # what follows the first apply: its event, the profile's status
    before = (await place.client.list(ManifestSource)).resource_version
    place.write("note.txt", "nothing")
    place.write("a.yaml", profile("a"))  # the same again
    await asyncio.sleep(1.2)  # NB: a full look must pass, and nothing shows that it did
    assert (await place.client.list(ManifestSource)).resource_version == before
