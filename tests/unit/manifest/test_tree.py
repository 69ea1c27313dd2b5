"""Directories: what is read, in which order, and when the digest moves."""

from __future__ import annotations

import pytest

from phoenix.manifest.errors import InvalidManifests
from phoenix.manifest.tree import apply_order, digest, is_manifest_name, load_tree


def manifest(kind: str, name: str, api_version: str = "phoenix.io/v1alpha1") -> str:
    return f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: {name}}}\n"


def test_order_and_what_is_left_out(tmp_path):
    (tmp_path / "a.yaml").write_text(manifest("Experiment", "x") + "---\n" + manifest("PipelineDeployment", "d"))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.yml").write_text(manifest("PipelineTemplate", "t"))
    (tmp_path / "z.json").write_text('{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}')
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "c.yaml").write_text("broken: [")
    for name in (".a.yaml.swp", "a.yaml~", ".#a.yaml", "#a.yaml#", "a.yaml___jb_tmp___.yaml", "notes.txt"):
        (tmp_path / name).write_text("broken: [")
    assert [obj.ref for obj in load_tree(tmp_path)] == [
        "namespace/n", "pipelinetemplate/t", "pipelinedeployment/d", "experiment/x",
    ]  # fmt: skip


def test_links_in_circles_and_twice_are_read_once(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.yaml").write_text(manifest("Host", "a"))
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    (tmp_path / "twice").symlink_to(tmp_path / "sub")
    assert [obj.ref for obj in load_tree(tmp_path)] == ["host/a"]


def test_faults_of_all_files_and_between_them(tmp_path):
    (tmp_path / "a.yaml").write_text(manifest("Host", "a") + "---\n" + manifest("Host", "a"))
    (tmp_path / "b.yaml").write_text(manifest("Host", "a"))
    (tmp_path / "c.yaml").write_text("a: [")
    (tmp_path / "d.yaml").write_text(manifest("Host", "d"))
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InvalidManifests) as caught:
        load_tree(tmp_path)
    places = [str(error).removeprefix(str(tmp_path))[:8] for error in caught.value.errors]
    assert places == ["/a.yaml:", "/c.yaml:", "/gone.ya", "/b.yaml:"]
    assert f"{tmp_path}/a.yaml:3" in caught.value.errors[3].hint
    assert "host/d" in [obj.ref for obj in caught.value.objects]
    with pytest.raises(InvalidManifests, match="no such directory"):
        load_tree(tmp_path / "nowhere")


def test_digest_is_of_what_is_said(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(manifest("Host", "a") + "---\n" + manifest("Host", "b"))
    before = digest(load_tree(tmp_path))
    path.write_text("# words\n" + manifest("Host", "b"))
    (tmp_path / "b.json").write_text('{"kind": "Host", "metadata": {"name": "a"}, "apiVersion": "phoenix.io/v1alpha1"}')
    assert digest(load_tree(tmp_path)) == before
    path.write_text(manifest("Host", "c"))
    assert digest(load_tree(tmp_path)) != before
    assert len(before) == 64


def test_order_is_stable_and_names_are_judged(tmp_path):
    (tmp_path / "a.yaml").write_text("---\n".join(manifest("Host", name) for name in ("z", "y")))
    assert [obj.key.name for obj in apply_order(load_tree(tmp_path))] == ["z", "y"]
    assert is_manifest_name("a.yaml")
    assert not is_manifest_name("a.yaml.tmp")
