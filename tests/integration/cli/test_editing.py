"""`edit` with editors that are scripts: what they see each time the file is opened, and what is stored in the end."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from phoenix.api.experiment import Experiment
from tests.integration.cli.conftest import ROOT, Ctl

EXAMPLES = ROOT / "resources" / "examples"
EDITOR = """\
import sys, pathlib, subprocess
folder, path = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[-1])
count = len(list(folder.glob("seen-*"))) + 1
text = path.read_text()
(folder / f"seen-{count}").write_text(text)
(folder / "path").write_text(str(path))
step = folder / f"step-{count}"
if not step.exists():
    sys.exit(0)
exec(step.read_text())
"""


class Editor:
    """Runs a step of Python at each opening: `text` is the file's, `path` where it goes."""

    def __init__(self, folder: Path, steps: Sequence[str]) -> None:
        self.folder = folder
        script = folder / "editor.py"
        script.write_text(EDITOR)
        for number, step in enumerate(steps, start=1):
            (folder / f"step-{number}").write_text(step)
        self.command = shlex.join([sys.executable, str(script), str(folder)])

    def seen(self, number: int) -> str:
        return (self.folder / f"seen-{number}").read_text()

    @property
    def openings(self) -> int:
        return len(list(self.folder.glob("seen-*")))

    @property
    def path(self) -> Path:
        return Path((self.folder / "path").read_text())


def replacing(old: str, new: str) -> str:
    return f"assert {old!r} in text; path.write_text(text.replace({old!r}, {new!r}))"


async def edit(
    ctl: Ctl, tmp_path: Path, steps: Sequence[str], *words: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str, str, Editor]:
    folder = tmp_path / "editor"
    folder.mkdir()
    editor = Editor(folder, steps)
    monkeypatch.setenv("KUBE_EDITOR", editor.command)
    # NB: in a process of its own: `edit` takes SIGINT from its main thread.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "phoenix.cli", "--state", str(ctl.state), "edit", *words,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode(), editor


async def test_what_is_wrong_is_shown_until_it_is_right(
    ctl: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ctl("apply", "-f", str(EXAMPLES / "aa.yaml"))
    steps = [
        replacing("  suspend: false\n", "  tming: {}\n"),
        replacing("  tming: {}\n", "  suspend: [1\n"),
        replacing("  suspend: [1\n", "  suspend: true\n"),
    ]
    code, out, err, editor = await edit(ctl, tmp_path, steps, "exp", "aa", monkeypatch=monkeypatch)
    assert (code, out) == (0, "experiment.phoenix.io/aa edited\n"), err
    assert "managedFields" not in editor.seen(1)
    line = editor.seen(2).splitlines().index("  tming: {}") + 1
    assert f'# line {line}: experiment/aa: spec.tming: there is no such field; did you mean "timing"?' in editor.seen(2)
    assert "this is not YAML" in editor.seen(3)
    assert (await ctl.client.get(Experiment, "aa", "default")).spec.suspend
    assert not editor.path.exists()


async def test_no_change_writes_nothing_and_a_fault_left_in_keeps_the_text(
    ctl: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ctl("apply", "-f", str(EXAMPLES / "aa.yaml"))
    before = (await ctl.client.get(Experiment, "aa", "default")).metadata.resource_version
    code, out, err, editor = await edit(ctl, tmp_path, [], "exp/aa", monkeypatch=monkeypatch)
    assert (code, out, err) == (0, "", "nothing was changed\n")
    assert not editor.path.exists()
    (tmp_path / "editor").rename(tmp_path / "first")
    steps = [replacing("kind: Experiment", "kind: Experimentx")]
    code, out, err, editor = await edit(ctl, tmp_path, steps, "exp/aa", monkeypatch=monkeypatch)
    assert (code, out, editor.openings) == (1, "", 2)
    assert f"your changes are kept in {editor.path}" in err
    assert "kind: Experimentx" in editor.path.read_text()
    assert editor.path.stat().st_mode & 0o777 == 0o600
    editor.path.unlink()
    assert (await ctl.client.get(Experiment, "aa", "default")).metadata.resource_version == before


async def test_several_objects_in_one_file_and_only_those(
    ctl: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ctl("apply", "-f", str(EXAMPLES))
    steps = [
        "path.write_text(text.replace('suspend: false', 'suspend: true', 1).replace('  name: aa\\n', '  name: ab\\n'))",
        replacing("  name: ab\n", "  name: aa\n"),
    ]
    code, out, err, editor = await edit(ctl, tmp_path, steps, "exp", "http-lean", "aa", monkeypatch=monkeypatch)
    assert (code, out) == (0, "experiment.phoenix.io/http-lean edited\n"), err
    assert "experiment/ab was not opened" in editor.seen(2)
    assert (await ctl.client.get(Experiment, "http-lean", "default")).spec.suspend
    assert not (await ctl.client.get(Experiment, "aa", "default")).spec.suspend


async def test_what_others_change_meanwhile_stays_unless_it_is_the_same_field(
    ctl: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ctl("apply", "-f", str(EXAMPLES / "aa.yaml"))
    other = (
        f"subprocess.run([sys.executable, '-m', 'phoenix.cli', '--state', {str(ctl.state)!r}, 'label', 'exp', 'aa', "
    )
    other += f"'--overwrite', 'team=theirs', 'more=1'], cwd={str(ROOT)!r}, check=True, stdout=subprocess.DEVNULL)"
    steps = [
        other + "; " + replacing("  name: aa\n", "  labels: {team: mine}\n  name: aa\n"),
        "path.write_text(text)",  # saved as it is: yes, mine
    ]
    code, out, err, editor = await edit(ctl, tmp_path, steps, "exp", "aa", monkeypatch=monkeypatch)
    assert (code, editor.openings) == (0, 2), err
    assert "metadata.labels.team was changed meanwhile, to 'theirs': save again" in editor.seen(2)
    assert out.endswith("experiment.phoenix.io/aa edited\n"), err + editor.seen(2)
    labels = (await ctl.client.get(Experiment, "aa", "default")).metadata.labels
    assert labels == {"team": "mine", "more": "1"}


async def test_an_editor_that_fails_is_named(ctl: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await ctl("apply", "-f", str(EXAMPLES / "aa.yaml"))
    code, _, err, editor = await edit(ctl, tmp_path, ["sys.exit(7)"], "exp", "aa", monkeypatch=monkeypatch)
    assert code == 1
    assert "ended with code 7\n  set $EDITOR to one that waits until the file is closed; nothing was changed" in err
    assert not editor.path.exists()
