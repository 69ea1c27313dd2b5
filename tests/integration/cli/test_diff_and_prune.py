"""`diff` says what `apply` would do, and `apply --prune` deletes what left the manifests and nothing else."""

from __future__ import annotations

from pathlib import Path

from phoenix.api.loadprofile import LoadProfile
from phoenix.apimachinery.meta import ObjectMeta
from phoenix.client.apply import apply
from tests.integration.cli.conftest import Ctl
from tests.integration.gitops.conftest import profile


def labelled(name: str, users: int = 1, team: str = "edge") -> str:
    return profile(name, users, labels=f"{{team: {team}}}")


async def names(ctl: Ctl) -> list[str]:
    return sorted(item.metadata.name for item in (await ctl.client.list(LoadProfile)).items)


async def test_diff_tells_and_changes_nothing(ctl: Ctl, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a.yaml").write_text(profile("a"))
    code, out, _ = await ctl("diff", "-f", str(tmp_path / "m"))
    assert code == 1
    assert "+++ MERGED/phoenix.io.v1alpha1.LoadProfile.a" in out
    assert "+    users: 1" in out
    assert await names(ctl) == []
    assert (await ctl("apply", "-f", str(tmp_path / "m")))[0] == 0
    assert await ctl("diff", "-f", str(tmp_path / "m")) == (0, "", "")
    (tmp_path / "m" / "a.yaml").write_text(profile("a", users=4))
    code, out, _ = await ctl("diff", "-R", "-f", str(tmp_path / "m"))
    assert code == 1
    changed = [line for line in out.splitlines() if line[0] in "+-" and line[:3] not in ("+++", "---")]
    assert changed == ["-    users: 1", "+    users: 4"]
    code, out, _ = await ctl("diff", "--server-side", "--force-conflicts", "-f", str(tmp_path / "m"))
    assert (code, "+    users: 4" in out) == (1, True)


async def test_diff_that_cannot_tell_exits_above_one(ctl: Ctl, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(profile("a").replace("users: 1", "users: many"))
    code, _, err = await ctl("diff", "-f", str(bad))
    assert code == 2
    assert "bad.yaml:6: loadprofile/a: spec.otlp.users" in err
    code, _, err = await ctl("--state", str(tmp_path / "nothing"), "diff", "-f", str(bad))
    assert code == 2
    code, _, err = await ctl("diff", "-f", str(tmp_path / "missing.yaml"))
    assert code == 2
    assert "there is no such file" in err


async def test_prune_by_label(ctl: Ctl, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.yaml").write_text(labelled(name))
    (tmp_path / "other.yaml").write_text(labelled("others", team="core"))
    await ctl("apply", "-f", str(folder), "-f", str(tmp_path / "other.yaml"))
    await ctl.client.create(LoadProfile(metadata=ObjectMeta(name="made", labels={"team": "edge"})))
    (folder / "b.yaml").unlink()
    code, out, _ = await ctl("diff", "-f", str(folder), "--prune", "-l", "team=edge")
    assert code == 1
    assert "--- LIVE/phoenix.io.v1alpha1.LoadProfile.b" in out
    code, out, _ = await ctl("apply", "-f", str(folder), "--prune", "-l", "team=edge", "--dry-run=server")
    assert "loadprofile.phoenix.io/b pruned (server dry run)" in out
    assert await names(ctl) == ["a", "b", "made", "others"]
    code, out, _ = await ctl("apply", "-f", str(folder), "--prune", "-l", "team=edge")
    assert (code, "loadprofile.phoenix.io/b pruned" in out) == (0, True)
    assert await names(ctl) == ["a", "made", "others"]


async def test_prune_all_leaves_the_catalogue_and_what_was_created(ctl: Ctl, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(profile("a"))
    (tmp_path / "b.yaml").write_text(profile("b"))
    shipped = {"apiVersion": "phoenix.io/v1alpha1", "kind": "LoadProfile", "metadata": {"name": "shipped"}}
    await apply(ctl.client, shipped, field_manager="phoenix-catalog")
    await ctl.client.create(LoadProfile(metadata=ObjectMeta(name="made")))
    await ctl("apply", "--server-side", "-f", str(tmp_path / "a.yaml"), "-f", str(tmp_path / "b.yaml"))
    code, out, err = await ctl("apply", "--server-side", "-f", str(tmp_path / "a.yaml"), "--prune", "--all")
    assert (code, err) == (0, "")
    assert await names(ctl) == ["a", "made", "shipped"]
    assert "loadprofile.phoenix.io/a unchanged" in out


async def test_nothing_is_pruned_when_anything_is_wrong(ctl: Ctl, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.yaml").write_text(labelled(name))
    await ctl("apply", "-f", str(folder))
    (folder / "b.yaml").write_text("a: [\n")
    code, _, err = await ctl("apply", "-f", str(folder), "--prune", "-l", "team=edge")
    assert code == 1
    assert "nothing is pruned (1 would be)" in err
    assert await names(ctl) == ["a", "b"]


async def test_flags_that_make_no_sense(ctl: Ctl, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(profile("a"))
    for words in (["--prune"], ["--prune", "-l", "a=b", "--all"], ["--force-conflicts"], ["-l", "a=b"]):
        code, _, err = await ctl("apply", "-f", str(path), *words)
        assert code == 2, err
        assert "error: " in err
