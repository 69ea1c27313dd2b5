"""What others change in applied objects is put back, or told; also after a restart of the controllers."""

from __future__ import annotations

import asyncio
from pathlib import Path

from phoenix.api.loadprofile import LoadProfile
from phoenix.client.http import HttpClient
from tests.integration.gitops.conftest import Place, controllers, profile, state


async def edited(place: Place, users: int) -> None:
    """Somebody edits an applied field, and one that is nobody's."""
    await place.client.patch(LoadProfile, "a", "", {"spec": {"otlp": {"users": users}, "description": "mine"}})


async def test_an_edited_field_is_put_back_and_others_fields_stay(place: Place) -> None:
    place.write("a.yaml", profile("a"))
    await place.source()
    await place.ready()
    await edited(place, 99)
    await place.users_are({"a": 1})
    found = await place.client.get(LoadProfile, "a")
    assert found.spec.description == "mine"
    await place.until(lambda source: source.status.counts.configured == 1, "it is counted")
    assert "loadprofile/a (spec.otlp.users)" in await event(place, "DriftCorrected")


async def test_a_deleted_object_comes_back(place: Place) -> None:
    place.write("a.yaml", profile("a"))
    await place.source()
    await place.ready()
    await place.client.delete(LoadProfile, "a")
    await place.has("a")
    assert "loadprofile/a (deleted)" in await event(place, "DriftCorrected")


async def test_a_removed_label_and_proof_come_back(place: Place) -> None:
    place.write("a.yaml", profile("a", labels="{team: x}"))
    await place.source()
    await place.ready()
    await place.client.patch(LoadProfile, "a", "", {"metadata": {"labels": {"team": None}}})
    for _ in range(200):
        if (await place.client.get(LoadProfile, "a")).metadata.labels.get("team") == "x":
            break
        await asyncio.sleep(0.03)
    assert "metadata.labels.team" in await event(place, "DriftCorrected")


async def test_detect_tells_and_does_not_touch(place: Place) -> None:
    place.write("a.yaml", profile("a"))
    place.write("b.yaml", profile("b"))
    await place.source(drift="Detect")
    await place.ready()
    await edited(place, 99)
    await place.client.delete(LoadProfile, "b")
    found = await place.until(lambda source: len(source.status.drift) == 2, "drift")
    assert [(one.id, one.fields) for one in found.status.drift] == [
        ("_a_phoenix.io_LoadProfile", ["spec.otlp.users"]),
        ("_b_phoenix.io_LoadProfile", []),
    ]
    assert state(found, "Ready") == ("False", "Drifted")
    assert await place.profiles() == {"a": 99}
    assert "spec.otlp.users" in await event(place, "DriftDetected")
    place.write("a.yaml", profile("a", users=5))  # a changed manifest is applied all the same
    await place.users_are({"a": 5})
    await place.source(drift="Correct")
    await place.users_are({"a": 5, "b": 1})
    assert (await place.ready()).status.drift == []


async def test_after_a_restart(server: HttpClient, tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    place = Place(server, folder)
    for name in "abcd":
        place.write(f"{name}.yaml", profile(name))
    await place.source(drift="Detect")
    async with controllers(server, folder):
        await place.ready()
    await edited(place, 99)
    await server.delete(LoadProfile, "b")
    place.write("c.yaml", profile("c", users=3))
    (folder / "d.yaml").unlink()
    async with controllers(server, folder):
        await place.users_are({"a": 99, "c": 3})
        await place.until(lambda source: len(source.status.drift) == 2, "drift")
    await place.source(drift="Correct")
    async with controllers(server, folder):
        await place.users_are({"a": 1, "b": 1, "c": 3})


async def event(place: Place, reason: str) -> str:
    """The message of an event, which follows what it tells of."""
    return (await place.told(reason))[reason]
