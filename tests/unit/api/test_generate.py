"""The generator: deterministic, complete, and able to tell when its output is stale."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from phoenix.api import generate
from phoenix.api.schema import crd
from phoenix.api.scheme import KINDS
from phoenix.apimachinery.meta import GROUP

REPOSITORY = Path(__file__).parents[3]


def test_write_then_check_is_fresh_and_writing_again_changes_nothing(tmp_path: Path) -> None:
    assert generate.main([str(tmp_path)]) == 0
    assert generate.main([str(tmp_path), "--check"]) == 0
    assert generate.write(tmp_path) == []


def test_check_lists_changed_missing_and_left_over_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate.write(tmp_path)
    capsys.readouterr()
    (tmp_path / "json/host.json").write_text("{}")
    (tmp_path / "crds/hosts.phoenix.io.yaml").unlink()
    (tmp_path / "crds/gone.phoenix.io.yaml").write_text("x")
    assert generate.main([str(tmp_path), "--check"]) == 1
    listed = [line.split("/", 1)[1] for line in capsys.readouterr().err.splitlines() if line.startswith("stale")]
    assert [line.removeprefix(f"{tmp_path}/"[1:]) for line in listed] == [
        "crds/gone.phoenix.io.yaml",
        "crds/hosts.phoenix.io.yaml",
        "json/host.json",
    ]
    assert (tmp_path / "json/host.json").read_text() == "{}", "--check changes nothing"
    generate.write(tmp_path)
    assert generate.stale(tmp_path) == []


def test_crd_files_say_what_crd_says(tmp_path: Path) -> None:
    generate.write(tmp_path)
    for kind in KINDS:
        if kind.info.group == GROUP:
            text = (tmp_path / f"crds/{kind.info.plural}.phoenix.io.yaml").read_text(encoding="utf-8")
            assert YAML(typ="safe").load(text) == crd(kind)
            assert "&id" not in text


def test_an_unwritable_directory_is_an_error_not_a_success(tmp_path: Path) -> None:
    (tmp_path / "crds").write_text("a file where a folder should be")
    with pytest.raises(OSError, match="crds"):
        generate.main([str(tmp_path)])


def test_the_committed_schemas_are_fresh() -> None:
    assert generate.stale(REPOSITORY / "schemas") == []
